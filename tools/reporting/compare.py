"""Two runs side by side: what each measured, how far apart that is, and what changed between them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tools.judging.rows import align
from tools.reporting.facts import CaseFacts, Number, Report, Word
from tools.reporting.verdict import ORDER

SHARES = ("clips_per_s", "ms", "ratio")  # units whose differences are told as a share of the first
PASSING = ("load", "clock_mhz", "temperature_c", "scored in", "peak memory", "not compared")  # ends of facts that always differ
HEAD = 16  # digits of a digest
MOST = 40  # lines of the table


@dataclass(frozen=True, slots=True)
class Pair:
    """One number of a case in both runs. first, second: as tables show them; empty where a run lacks it.

    difference: second less first, as tables show it; empty where the two cannot be subtracted.
    word_first, word_second: how each was judged; None where a run lacks it. is_worse: its word got worse.
    """

    question: str
    metric: str
    first: str
    second: str
    difference: str
    word_first: Word | None
    word_second: Word | None
    is_worse: bool = False


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
    better = sum(_place(pair.word_second) > _place(pair.word_first) for pair in both)
    alone = len(pairs) - len(both)
    more = f"; {alone} {'is' if alone == 1 else 'are'} in one run only" if alone else ""
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
    worse = first is not None and second is not None and _place(second.word) < _place(first.word)
    return Pair(key[0], key[1], first.measured if first else "", second.measured if second else "",
                _difference(first, second) if first and second else "", first.word if first else None, second.word if second else None,
                worse)


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
    """The comparison for a terminal: the sentence, what changed, and a line for each number that differs."""
    rows = [("cell", "metric", comparison.first.run, comparison.second.run, "difference", "words")]
    for case in comparison.cases:
        for one in case.numbers:
            if one.first != one.second or one.word_first != one.word_second:
                rows.append((case.name, one.metric, one.first or "-", one.second or "-", one.difference, _words(one)))
    more = [f"and {len(rows) - 1 - MOST} more numbers that differ, on the page"] if len(rows) - 1 > MOST else []
    changed = [f"{one.what}: {one.first or '-'} -> {one.second or '-'}" for one in comparison.changes]
    return [comparison.sentence, *changed, *(align(rows[: MOST + 1]) if len(rows) > 1 else ["no number differs"]), *more]


def _words(pair: Pair) -> str:
    """How a number was judged in both runs; once where they agree."""
    first, second = pair.word_first or "-", pair.word_second or "-"
    return second if first == second else f"{first} -> {second}"
