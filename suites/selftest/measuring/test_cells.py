"""The cells of a run: measured once, failed once, and read back from disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suites.selftest.deployments import record
from tools.errors import EngineError
from tools.measuring.cell import Cell, Part
from tools.measuring.cells import Cells
from tools.measuring.predictions import FILE, Predictions, save
from tools.spec.case import Case, Device

CASE, OTHER = (Case("tiny", batch, Device("cpu")) for batch in (1, 4))


def measured(folder: Path, case: Case) -> Cell:
    """A cell whose scores lie in *folder*."""
    scores = Predictions((str(case),), np.full((1, 3), case.batch, np.float32))
    folder.mkdir(exist_ok=True)
    save(scores, folder / FILE)
    return Cell(case, folder, (Part(folder, record(case, "tiny", 1), scores, None),))


def test_a_case_is_measured_once(tmp_path: Path) -> None:
    """Each of its tests gets the same scores: those measured now, and later those on disk."""
    cells, asked = Cells(), list[Case]()

    def measure(case: Case) -> Cell:
        asked.append(case)
        return measured(tmp_path / str(case), case)

    found = [cells.once(case, lambda case=case: measure(case)) for case in (CASE, OTHER, CASE, OTHER, CASE)]  # type: ignore[misc]

    assert [CASE, OTHER] == asked
    assert [CASE, OTHER, CASE, OTHER, CASE] == [cell.case for cell in found]
    for cell in found:
        [part] = cell.parts
        assert (str(cell.case),) == part.predictions.ids
        assert [[cell.case.batch] * 3] == part.predictions.scores.tolist()
    assert not any(part.predictions.ids for cell in cells._measured.values() for part in cell.parts), "scores stay on disk"


def test_what_failed_is_not_tried_again(tmp_path: Path) -> None:
    """Its error is raised once more; other cases and other kinds of errors are not remembered for it."""
    cells, asked = Cells(), list[int]()

    def fails() -> Cell:
        asked.append(1)
        raise EngineError("it fails")

    for _ in range(2):
        with pytest.raises(EngineError, match="it fails"):
            cells.once(CASE, fails)
    assert [1] == asked
    assert OTHER == cells.once(OTHER, lambda: measured(tmp_path / "other", OTHER)).case
    with pytest.raises(EngineError), cells.remembering(CASE):
        pytest.fail("it goes on although it failed before")

    with pytest.raises(ValueError, match="a fault of ours"), cells.remembering(OTHER):
        raise ValueError("a fault of ours")
    with cells.remembering(OTHER):
        asked.append(2)
    assert [1, 2] == asked
