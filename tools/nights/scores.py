"""The scores of an earlier night, where it measured the same and they are still there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.errors import ClipgateError
from tools.measuring.cell import Cell
from tools.measuring.predictions import FILE, Predictions, load
from tools.nights.history import History
from tools.nights.measured import digest_of
from tools.nights.record import Record


@dataclass(frozen=True, slots=True)
class Earlier:
    """What an earlier night scored, of each network in turn; *what*: which night, in words."""

    scores: tuple[Predictions, ...]
    what: str


def earlier_scores(history: History, tonight: Record, cell: Cell) -> Earlier | None:
    """The last other night's scores of the same weights, graph, clips and chip; None where there are none.

    They lie in its run's folder beside this one's, and may be deleted at any time. What is there must be what
    the record is of.
    """
    runs = cell.folder.parent.parent
    for one in reversed(history.read([tonight.case]).records):
        if one.run != tonight.run and _same(one, tonight):
            folder = runs / Path(one.run).name / str(cell.case)
            places = [folder / part.folder.relative_to(cell.folder) / FILE for part in cell.parts]
            if (scores := _loaded(places)) and digest_of(scores) == one.scores and all(np.isfinite(part.scores).all() for part in scores):
                return Earlier(scores, f"the night of {one.began[:10]} (run {one.run})")
    return None


def _loaded(places: Sequence[Path]) -> tuple[Predictions, ...]:
    """The scores that lie there; none where one is missing or damaged."""
    try:
        return tuple(load(place) for place in places) if all(place.is_file() for place in places) else ()
    except ClipgateError:
        return ()


def _same(one: Record, tonight: Record) -> bool:
    """Whether nothing that shapes scores is another: a device has no noise on a fixed list."""
    return (one.digests, one.unit, one.fingerprint) == (tonight.digests, tonight.unit, tonight.fingerprint)
