"""What a run comes to: its rows, what it was asked, and what is wrong with it that no row says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tools.errors import on_one_line
from tools.judging.rows import Row
from tools.reporting import verdict
from tools.reporting.asked import RunAsked, asked
from tools.reporting.lacking import Lacking, told
from tools.reporting.rows import rows
from tools.storage import runs
from tools.storage.runs import Ended

GOOD, INTERRUPTED = 0, 2  # pytest's statuses


@dataclass(frozen=True, slots=True)
class Outcome:
    """reds: the rows for which the run ends badly. problems: what none of its rows says, a sentence each.

    asked: by the process that ended it, since a run by day may be gone on with by night.
    """

    rows: tuple[Row, ...]
    asked: RunAsked
    reds: tuple[Row, ...]
    problems: tuple[str, ...]


def outcome(run: Path, lacking: Lacking) -> Outcome:
    """What the folder of a run tells of it as a whole."""
    found, unreadable = rows(run, lacking)
    known, end = asked(run, lacking), _end(run, lacking)
    if end:
        known = replace(known, options={**known.options, "nightly": "yes" if end.nightly else "", "allow": end.allow})
    reds = tuple(verdict.red(found, nightly=known.nightly, allowed=known.allowed))
    return Outcome(found, known, reds, (*unreadable, *map(on_one_line, _problems(known, end, found, reds))))


def _end(run: Path, lacking: Lacking) -> Ended | None:
    with told(lacking, "how the run ended is not known"):
        return runs.ended(run)
    return None


def _problems(known: RunAsked, end: Ended | None, found: Sequence[Row], reds: Sequence[Row]) -> list[str]:
    answered = {(row.case, row.question) for row in found if not row.superseded}
    left = [pair for pair in known.selected if pair not in answered]
    said = [f"{len(left)} of {len(known.selected)} questions have no answer, the first of them {' '.join(left[0])}"] if left else []
    if end is None:
        return [*said, "the run has not come to its end: it still goes on, or was killed"] if known.selected else said
    if end.status == INTERRUPTED:
        return [*said, "the run was interrupted"]
    if end.status != GOOD and not (said or end.reasons or reds):
        return [f"pytest ended with status {end.status} for something that is no number here; see what it said"]
    return [*said, *end.reasons]
