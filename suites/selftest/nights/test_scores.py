"""Tonight's scores beside those of an earlier night that measured the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.nights.cells import TSM, cell_of
from tools.measuring.cell import Cell
from tools.measuring.predictions import FILE, Predictions, save
from tools.nights.history import History
from tools.nights.lines import as_read
from tools.nights.measured import record_of
from tools.nights.scores import Earlier, earlier_scores

SCORES = np.eye(2, dtype=np.float32)


def scored(artifacts: Path, run: str, scores: np.ndarray = SCORES) -> Cell:
    """A cell of a run whose scores are on disk."""
    cell = cell_of(TSM, artifacts / "runs" / run, 80.0)
    (part,) = cell.parts
    part.folder.mkdir(parents=True)
    save(Predictions(("a", "b"), scores), part.folder / FILE)
    return replace(cell, parts=(replace(part, predictions=Predictions(("a", "b"), scores)),))


def left(history: History, cell: Cell, run: str) -> None:
    history.append(record_of(cell, run=run, wall_s=1.0))


def found(history: History, tonight: Cell) -> Earlier | None:
    return earlier_scores(history, as_read(record_of(tonight, run="tonight", wall_s=1.0)), tonight)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History.init(tmp_path / "history")


def test_the_last_night_with_equal_digests_is_compared(history: History, tmp_path: Path) -> None:
    for run in ("one", "two"):
        left(history, scored(tmp_path, run), run)
    other = scored(tmp_path, "other")
    left(history, replace(other, parts=(replace(other.parts[0], record=replace(other.record, digests={"weights": "x"})),)), "other")

    earlier = found(history, scored(tmp_path, "tonight", SCORES + 1))
    assert earlier is not None
    assert "(run two)" in earlier.what
    assert (SCORES == earlier.scores[0].scores).all()


@pytest.mark.parametrize("damage", ["changed", "gone", "cut", "no numbers"])
def test_scores_that_are_not_those_of_the_record_are_not_compared(history: History, tmp_path: Path, damage: str) -> None:
    """The night before them is: nobody knows what a changed file is of."""
    left(history, scored(tmp_path, "one"), "one")
    cell = scored(tmp_path, "two", np.full((2, 2), np.nan, np.float32) if damage == "no numbers" else SCORES)
    left(history, cell, "two")
    file = cell.parts[0].folder / FILE
    if damage == "changed":
        save(Predictions(("a", "b"), SCORES * 2), file)
    if damage == "gone":
        file.unlink()
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:40])

    earlier = found(history, scored(tmp_path, "tonight"))
    assert earlier is not None
    assert "(run one)" in earlier.what
