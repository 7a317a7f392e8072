"""The scores of an earlier night, where it measured the same and they are still there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.errors import ClipgateError
from tools.measuring.cell import Cell
from tools.measuring.predictions import FILE, Predictions, load
from tools.nights.history import History
from tools.nights.record import Record


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier night scored, of each network in turn; *what*: which night, in words."""

    scores: tuple[Predictions, ...]
    what: str


def earlier_scores(history: History, tonight: Record, cell: Cell) -> Earlier | None:
    """The last other night's scores of the same weights, graph, clips and chip; None where there are none.

    They lie in its run's folder beside this one's, and may be deleted at any time.
    """
    runs = cell.folder.parent.parent
    for one in reversed(history.read([tonight.case]).records):
        if one.run != tonight.run and _same(one, tonight):
            folder = runs / Path(one.run).name / str(cell.case)
            places = [folder / part.folder.relative_to(cell.folder) / FILE for part in cell.parts]
            if all(place.is_file() for place in places):
                try:
                    return Earlier(tuple(load(place) for place in places), f"the night of {one.began[:10]} (run {one.run})")
                except ClipgateError:
                    return None
    return None


def _same(one: Record, tonight: Record) -> bool:
    """Whether nothing that shapes scores is another: a device has no noise on a fixed list."""
    return (one.digests, one.unit, one.fingerprint) == (tonight.digests, tonight.unit, tonight.fingerprint)
