"""What is told of a cell as soon as all of its questions are answered: one word, and a line."""

from __future__ import annotations

from collections.abc import Sequence

from tools.judging.rows import Row
from tools.judging.verdict import Verdict

LONGEST = 160  # of a reason in a line; the run's end has all of it


def word_of(rows: Sequence[Row]) -> str:
    """The worst word of a cell. What nothing judges counts only where nothing else is judged."""
    words = [row.verdict or row.exit_reason for row in rows]
    judged = [word for word in words if _rank(word) not in (None, Verdict.RECORDED)] or words
    return max(judged, key=lambda word: list(Verdict).index(found) if (found := _rank(word)) else -1)


def line_of(rows: Sequence[Row]) -> str:
    """Each word with its numbers, in the order in which they came: `PASS: top1 0.92; RECORDED: ...`."""
    told: dict[str, list[str]] = {}
    for row in rows:
        told.setdefault(row.shown, []).append(_number(row))
    return "; ".join(f"{word}: {', '.join(numbers)}" for word, numbers in told.items())


def _rank(word: str) -> Verdict | None:
    return next((verdict for verdict in Verdict if word.partition(" (")[0] == verdict.value), None)


def _number(row: Row) -> str:
    if row.exit_reason in ("judged", "xpass"):
        return f"{row.metric} {row.measured}"
    first = row.reason.partition("\n")[0]
    return f"{row.question}: {first if len(first) <= LONGEST else f'{first[:LONGEST]} ...'}"
