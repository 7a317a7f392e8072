"""The verdict of a run in one sentence, and why: what a reader must know before anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from tools.judging.ending import is_red
from tools.judging.rows import Row
from tools.reporting.facts import CaseFacts, Number, Word
from tools.reporting.numbers import word_of
from tools.spec.allowed import Allowed

ORDER: tuple[Word, ...] = ("ERROR", "FAIL", "NO VERDICT", "SUSPECT", "RECORDED", "XFAIL", "SKIPPED", "PASS")  # worst first
ONE = {"ERROR": "could not be measured or judged", "FAIL": "is not good enough", "NO VERDICT": "cannot be judged",
       "SUSPECT": "may have become slower", "RECORDED": "has numbers that nothing judges", "XFAIL": "fails as it is known to",
       "SKIPPED": "was not judged", "PASS": "is good enough"}
MANY = ONE | {"FAIL": "are not good enough", "SUSPECT": "may have become slower", "RECORDED": "have numbers that nothing judges",
              "XFAIL": "fail as they are known to", "SKIPPED": "were not judged", "PASS": "are good enough"}
REST = {"ERROR": "in error", "FAIL": "failed", "NO VERDICT": "without a verdict", "SUSPECT": "suspect", "RECORDED": "recorded",
        "XFAIL": "known to fail", "SKIPPED": "skipped", "PASS": "passed"}
MOST_REASONS, MOST_PROBLEMS = 12, 2
MINI = "on data or weights that the harness made itself, so nothing here is an acceptance"
SIMULATED = "SIMULATED, nothing here was measured on a device"
BY_NIGHT = "by night what nothing judges is red"


def worst(numbers: Sequence[Number]) -> Number:
    """The number that gives its case its word: the worst that counts.

    What is judged as a part of another number counts only where nothing else does.
    """
    counted = [one for one in numbers if not one.superseded] or numbers
    told = [one for one in counted if not (one.word == "RECORDED" and one.within)] or counted
    return min(told, key=lambda one: ORDER.index(one.word))


def counts(cases: Sequence[CaseFacts]) -> tuple[tuple[Word, int], ...]:
    """How many cases have each word, the worst first."""
    found = Counter(case.word for case in cases)
    return tuple((word, found[word]) for word in ORDER if found[word])


def word(cases: Sequence[CaseFacts], problems: Sequence[str] = ()) -> Word:
    """The worst word of a run. problems: why it is not what it was to be, a sentence each."""
    if problems or not cases:
        return "ERROR"
    return counts(cases)[0][0]


def sentence(cases: Sequence[CaseFacts], *, reds: Sequence[Row] = (), problems: Sequence[str] = ()) -> str:
    """The verdict in one sentence. reds: rows that make a nightly run end badly although nothing is wrong."""
    nothing = f"this run has no results{' that can be read' if problems else ''}"
    said = [*problems[:MOST_PROBLEMS], _counted(cases) if cases else nothing]
    said += [MINI] if any(_is_mini(case) for case in cases) else []
    said += [BY_NIGHT] if reds and cases and word(cases) == "RECORDED" else []
    return f"{_first(cases, problems)}: {'; '.join(said)}."


def _first(cases: Sequence[CaseFacts], problems: Sequence[str]) -> str:
    """The word that the sentence begins with; a pass says what kind of pass it is."""
    found = word(cases, problems)
    passes = [case.shown for case in cases if case.word == found]
    shown = max(passes, key=len) if found == "PASS" else found
    return f"{SIMULATED}: {shown}" if any(case.simulated for case in cases) else shown


def _counted(cases: Sequence[CaseFacts]) -> str:
    (first, number), *rest = counts(cases)
    total = "1 cell" if len(cases) == 1 else f"{len(cases)} cells"
    of = f"all {total}" if number == len(cases) > 1 else total if number == len(cases) else f"{number} of {total}"
    others = ", ".join(f"{count} {REST[word]}{_kind(cases) if word == 'PASS' else ''}" for word, count in rest)
    passed = first == "RECORDED" and all(_passed(case) for case in cases if case.word == first)
    return f"{of} {'passed what is judged, and ' if passed else ''}{(ONE if number == 1 else MANY)[first]}{f'; {others}' if others else ''}"


def _passed(case: CaseFacts) -> bool:
    """Whether something of a case was judged and found good."""
    return any(one.word == "PASS" and not one.superseded for one in case.numbers)


def _kind(cases: Sequence[CaseFacts]) -> str:
    """What kind of passes there are, in brackets; empty for real ones."""
    return max((case.shown.removeprefix("PASS") for case in cases if case.word == "PASS"), key=len, default="")


def _is_mini(case: CaseFacts) -> bool:
    return "mini" in (case.weights, case.data.partition("[")[0])


def red(rows: Sequence[Row], *, nightly: bool, allowed: Collection[Allowed]) -> list[Row]:
    """The rows that make a run end badly, as far as rows tell it."""
    return [row for row in rows if not row.superseded and (
        word_of(row) in ("FAIL", "ERROR") or (row.verdict and is_red(row, nightly=nightly, allowed=allowed)))]


def why(rows: Sequence[Row], reds: Sequence[Row]) -> tuple[str, ...]:
    """What decided the verdict, worst first, a sentence each; for a good run, that nothing is wrong."""
    counted = [row for row in rows if not row.superseded]
    doubted = [row for row in counted if word_of(row) in ("NO VERDICT", "SUSPECT") and row not in reds]
    found = sorted([*reds, *doubted] or [row for row in counted if word_of(row) == "RECORDED" and not row.within],
                   key=lambda row: ORDER.index(word_of(row)))
    if not found:
        cases = len({row.case for row in counted})
        judged = sum(word_of(row) == "PASS" for row in counted)
        return (f"{judged} numbers of {cases} cell{'s' * (cases > 1)} keep to what they are held against.",) if judged else ()
    told = [f"{_shown(row)} {row.case} {row.metric}: {row.reason}" for row in found[:MOST_REASONS]]
    more = len(found) - MOST_REASONS
    return (*told, *([f"and {more} more numbers, which the cases below tell"] if more > 0 else []))


def _shown(row: Row) -> str:
    return "FAIL: a known issue that passes:" if row.exit_reason == "xpass" else row.shown
