"""Two runs side by side: what each measured, how far apart that is, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.judging.rows import align
from tools.reporting.facts import CaseFacts, Number, Report, Word
from tools.reporting.numbers import NO_LINE
from tools.reporting.verdict import ORDER

SHARES = ("clips_per_s", "ms", "ratio")  # units whose differences are told as a share of the first
PASSING = ("load", "clock_mhz", "temperature_c", "scored in", "peak memory", "not compared")  # ends of facts that always differ
HEAD = 16  # digits of a digest
MOST = 40  # lines of the table
LOST = "no longer answered"


@dataclass(frozen=True, slots=True)
class Pair:
    """One number of a case in both runs. first, second: as tables show them; empty where a run lacks it.

    difference: second less first, as tables show it; empty where the two cannot be subtracted.
    word_first, word_second: how each was judged; None where a run lacks it. is_worse: its word got worse,
    or nothing answers it any more.
    """

    question: str
    metric: str
    first: str
    second: str
    difference: str
    word_first: Word | None
    word_second: Word | None
    is_worse: bool = False

    @property
    def change(self) -> str:
        """What became of it, in a word or two; empty where it is in both runs and no worse."""
        if self.word_first is None:
            return "new"
        if self.is_worse:
            return LOST if self.word_second is None else "worse"
        return ""


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between both runs: `compiler`, `weights`; empty where a run lacks it."""

    what: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class CasePair:
    """A case in both runs, by name; a run that lacks it gives no word and no numbers."""

    name: str
    word_first: Word | None
    word_second: Word | None
    shown_first: str
    shown_second: str
    numbers: tuple[Pair, ...]
    changes: tuple[Change, ...]
    is_worse: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs. sentence: what came of it, a sentence. changes: between the runs as wholes.

    cases: those of either run, what got worse first.
    """

    first: Report
    second: Report
    sentence: str
    cases: tuple[CasePair, ...]
    changes: tuple[Change, ...] = ()

    @property
    def names(self) -> tuple[str, str]:
        """What tells the runs apart: their names, or where two of one name lie."""
        first, second = self.first, self.second
        return (first.run, second.run) if first.run != second.run else _apart(first.folder, second.folder)

    @property
    def lacking(self) -> tuple[str, ...]:
        """What of either run could not be read, a sentence each, with its run."""
        return tuple(f"{name}: {sentence}" for name, report in zip(self.names, (self.first, self.second), strict=True)
                     for sentence in _lacking(report))


def _apart(first: str, second: str) -> tuple[str, str]:
    """The ends of two paths, from where they differ."""
    ours, theirs = Path(first).parts, Path(second).parts
    same = next((number for number, (one, other) in enumerate(zip(ours, theirs, strict=False)) if one != other), len(ours))
    begin = max(0, min(same, len(ours) - 1, len(theirs) - 1))
    return "/".join(ours[begin:]), "/".join(theirs[begin:])


def _lacking(report: Report) -> tuple[str, ...]:
    """What is missing of a run; its own sentence too, where no cell makes it an error."""
    is_unread = report.word == "ERROR" and all(case.word != "ERROR" for case in report.cases)
    return (*report.missing, report.sentence) if is_unread else report.missing


def compared(first: Report, second: Report) -> Comparison:
    """Both runs case by case; what got worse comes first, then the worst of the second."""
    ours, theirs = ({case.name: case for case in report.cases} for report in (first, second))
    pairs = [_case(name, ours.get(name), theirs.get(name)) for name in dict.fromkeys([*ours, *theirs])]
    pairs.sort(key=lambda pair: (not pair.is_worse, ORDER.index(pair.word_second or "PASS")))
    said = [("commit", first.commit, second.commit), ("command", first.command, second.command)]
    changes = [Change(what, one, other) for what, one, other in said if one != other]
    return Comparison(first, second, _sentence(pairs), tuple(pairs), (*changes, *_changes(first.environment, second.environment)))


def _sentence(pairs: Sequence[CasePair]) -> str:
    both = [pair for pair in pairs if pair.word_first and pair.word_second]
    worse = sum(pair.is_worse for pair in both)
    better = sum(_place(pair.word_second) > _place(pair.word_first) and not pair.is_worse for pair in both)
    alone = [(sum(pair.word_first is None for pair in pairs), "new"), (sum(pair.word_second is None for pair in pairs), "no longer there")]
    more = "".join(f"; {count} {'is' if count == 1 else 'are'} {what}" for count, what in alone if count)
    return (f"Of {len(both)} cell{'s' * (len(both) != 1)} in both runs, {worse} got worse, {better} got better and "
            f"{len(both) - worse - better} have the same word{more}.")


def _place(word: Word | None) -> int:
    """How good a word is; a case that is not there is no worse than any."""
    return ORDER.index(word) if word else len(ORDER)


def _case(name: str, first: CaseFacts | None, second: CaseFacts | None) -> CasePair:
    numbers = _numbers(first, second)
    worse = first is not None and second is not None and _place(second.word) < _place(first.word)
    return CasePair(name, first.word if first else None, second.word if second else None, first.shown if first else "",
                    second.shown if second else "", numbers, _case_changes(first, second) if first and second else (),
                    worse or any(pair.is_worse for pair in numbers))


def _numbers(first: CaseFacts | None, second: CaseFacts | None) -> tuple[Pair, ...]:
    before, now = (_by_metric(case) for case in (first, second))
    return tuple(_pair(key, before.get(key), now.get(key)) for key in dict.fromkeys([*before, *now]))


def _by_metric(case: CaseFacts | None) -> dict[tuple[str, str, int], Number]:
    """The numbers that count, by question and metric; of one that a question has twice each by its place."""
    found: dict[tuple[str, str, int], Number] = {}
    for one in case.numbers if case else ():
        if not one.superseded:
            place = next(place for place in range(len(found) + 1) if (one.question, one.metric, place) not in found)
            found[one.question, one.metric, place] = one
    return found


def _pair(key: tuple[str, str, int], first: Number | None, second: Number | None) -> Pair:
    worse = first is not None and (_place(second.word) < _place(first.word) if second else _is_answer(first))
    return Pair(key[0], key[1], first.measured if first else "", second.measured if second else "",
                _difference(first, second) if first and second else "", first.word if first else None, second.word if second else None,
                worse)


def _is_answer(number: Number) -> bool:
    """Whether anything was measured: an error or a skipped test is not missed."""
    return number.measured not in ("", NO_LINE) and number.word not in ("ERROR", "SKIPPED")


def _difference(first: Number, second: Number) -> str:
    if first.value is None or second.value is None or first.unit != second.unit:
        return ""
    if first.unit in SHARES:
        return f"{100 * (second.value / first.value - 1):+.1f} %" if first.value > 0 else ""
    return f"{second.value - first.value:+.4g}"


def _case_changes(first: CaseFacts, second: CaseFacts) -> tuple[Change, ...]:
    said = [("data", first.data, second.data), ("weights", first.weights, second.weights), ("chip", first.chip, second.chip)]
    facts = [tuple(pair for pair in case.facts if not pair[0].endswith(PASSING)) for case in (first, second)]
    digests = [tuple((f"{one.network} {one.what}", one.digest[:HEAD]) for one in case.digests) for case in (first, second)]
    return (*(Change(what, one, other) for what, one, other in said if one != other), *_changes(*facts), *_changes(*digests))


def _changes(first: Sequence[tuple[str, str]], second: Sequence[tuple[str, str]]) -> Iterator[Change]:
    """What differs between two lists of pairs, by name; one that stands there several times has all texts."""
    before, now = (_joined(pairs) for pairs in (first, second))
    return (Change(name, before.get(name, ""), now.get(name, "")) for name in dict.fromkeys([*before, *now])
            if before.get(name, "") != now.get(name, ""))


def _joined(pairs: Sequence[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in pairs:
        found[name] = f"{found[name]}; {text}" if name in found else text
    return found


def table(comparison: Comparison) -> list[str]:
    """The comparison for a terminal: the sentence, what lacks, what changed, and each number that differs."""
    rows = [("cell", "metric", *comparison.names, "difference", "words")]
    for case in comparison.cases:
        for one in case.numbers:
            if one.first != one.second or one.word_first != one.word_second:
                rows.append((case.name, one.metric, one.first or "-", one.second or "-", one.difference, _words(one)))
    more = [f"and {len(rows) - 1 - MOST} more numbers that differ, on the page"] if len(rows) - 1 > MOST else []
    changed = [f"{one.what}: {one.first or '-'} -> {one.second or '-'}" for one in comparison.changes]
    nothing = "no number that could be read differs" if comparison.lacking else "no number differs"
    return [comparison.sentence, *comparison.lacking, *changed, *(align(rows[: MOST + 1]) if len(rows) > 1 else [nothing]), *more]


def _words(pair: Pair) -> str:
    """How a number was judged in both runs; once where they agree."""
    first, second = pair.word_first or "-", pair.word_second or (LOST if pair.is_worse else "-")
    return second if first == second else f"{first} -> {second}"
