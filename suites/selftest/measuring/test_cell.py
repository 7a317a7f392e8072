"""A measured cell, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from suites.selftest.deployments import record
from tools.errors import ClipgateError, MeasureError
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import Predictions
from tools.spec.case import Case, Device

CASE = Case("bsn", 1, Device("cpu"))
TIMES = Times((0.25, 0.25), 1)
DIED = MeasureError("the child died while timing", where="pem", remedy="run it again")


def untimed(tem: Times | None, pem: Times | None, error: ClipgateError | None = None) -> ClipgateError | None:
    """Why a cell of two networks with these times has none; *error* is what ended the second's timing."""
    scores = Predictions(("a",), np.zeros((1, 2), np.float32))
    parts = (Part(Path(name), record(CASE, name, 1), scores, times, timing_error=ended)
             for name, times, ended in (("tem", tem, None), ("pem", pem, error)))
    return Cell(CASE, Path(), tuple(parts)).untimed


def test_a_cell_without_times_names_the_first_network_that_lacks_them() -> None:
    """By its folder, unless an error ended its timing, which tells more; nothing where both have times."""
    assert untimed(TIMES, TIMES) is None
    for tem, pem, where in ((None, TIMES, "tem"), (TIMES, None, "pem"), (None, None, "tem")):
        told = untimed(tem, pem)
        assert told is not None
        assert ("the cell has no times", where) == (told.what, told.where)
    assert untimed(TIMES, None, DIED) is DIED
