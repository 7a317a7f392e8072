"""The cells of a run by their case: each is measured once, in whatever order its tests come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from tools.errors import ClipgateError
from tools.measuring.cell import Cell
from tools.measuring.predictions import FILE, Predictions, load
from tools.spec.case import Case

ON_DISK = Predictions((), np.zeros((0, 1), np.float32))


def resting(cell: Cell) -> Cell:
    """A cell without its scores, which lie on disk."""
    return replace(cell, parts=tuple(replace(part, predictions=ON_DISK) for part in cell.parts))


def awake(cell: Cell) -> Cell:
    """A cell that rested, with its scores read again."""
    return replace(cell, parts=tuple(replace(part, predictions=load(part.folder / FILE)) for part in cell.parts))


class Cells:
    """Remembers what was measured and what failed, so that neither is tried again; scores stay on disk."""

    def __init__(self) -> None:
        self._measured: dict[Case, Cell] = {}
        self._failed: dict[Case, ClipgateError] = {}

    @contextmanager
    def remembering(self, case: Case) -> Iterator[None]:
        """Raise what was raised inside this for the case before; remember what is raised now."""
        if case in self._failed:
            raise self._failed[case].with_traceback(None)
        try:
            yield
        except ClipgateError as error:
            self._failed[case] = error
            raise

    def once(self, case: Case, measure: Callable[[], Cell]) -> Cell:
        """The case's cell: measured by *measure* the first time, with its scores read again later."""
        with self.remembering(case):
            if case not in self._measured:
                cell = measure()
                self._measured[case] = resting(cell)
                return cell
            return awake(self._measured[case])
