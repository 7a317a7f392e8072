"""What is told of a cell as soon as all of its questions are answered: one word, and a line."""

from __future__ import annotations

from collections.abc import Sequence

from tools.judging.rows import Row
from tools.judging.verdict import Verdict

NOT_JUDGED = 0.5  # between PASS and RECORDED
LONGEST = 160  # of a reason in a line; the run's end has all of it


def word_of(rows: Sequence[Row]) -> str:
    """The worst word of a cell. A part of a number that is judged as a whole counts only by itself."""
    counted = [row for row in rows if not (row.within and row.verdict == Verdict.RECORDED.value)] or rows
    words = [Verdict.FAIL.value if row.exit_reason == "xpass" else row.verdict or row.exit_reason for row in counted]
    return max(words, key=_place)


def line_of(rows: Sequence[Row]) -> str:
    """Each word with its numbers, in the order in which they came: `PASS: top1 0.92; RECORDED: ...`."""
    told: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        number, why = (f"{row.metric} {row.measured}", "") if row.exit_reason in ("judged", "xpass") else (row.question, _first(row.reason))
        told.setdefault(row.shown, {}).setdefault(why, []).append(number)
    return "; ".join(f"{word}: {', '.join(': '.join(filter(None, [', '.join(what), why])) for why, what in found.items())}"
                     for word, found in told.items())


def _place(word: str) -> float:
    """How bad a word is; what was not judged, skipped say, is worse than a pass alone."""
    return next((place for place, verdict in enumerate(Verdict) if word.partition(" (")[0] == verdict.value), NOT_JUDGED)


def _first(reason: str) -> str:
    line = reason.partition("\n")[0]
    return line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
