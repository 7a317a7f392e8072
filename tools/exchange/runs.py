"""The measured cells of a run's folder, read back, and what pytest made of them."""

from __future__ import annotations

from pathlib import Path

from tools.errors import ClipgateError, MeasureError
from tools.judging import results
from tools.judging.rows import RESULTS, Row
from tools.machine import typed
from tools.machine.reading import json_of, read_lines, refusing
from tools.measuring import cell
from tools.measuring.cell import Cell
from tools.spec.case import Case
from tools.spec.model import Spec


def is_run(folder: Path) -> bool:
    """Whether *folder* is that of a run of ours, whatever was measured in it."""
    return (folder / RESULTS).is_file() or any(path.is_file() for deep in ("*", "*/*") for path in folder.glob(f"{deep}/{cell.RECORD}"))


def cases(run: Path, spec: Spec) -> list[Case]:
    """The model's cases in `artifacts/runs/<run>`, smallest batch first.

    Raises:
        MeasureError: the run has none of this model.
    """
    found = [case for path in run.iterdir() if path.is_dir() and (case := Case.parse(path.name, spec.name))] if run.is_dir() else []
    if not found:
        raise MeasureError(f"no measured case of {spec.name} is here", where=str(run),
                           remedy="give a folder of artifacts/runs, made by pytest or python -m tools.measure")
    return sorted(found, key=lambda case: (case.batch, str(case)))


def cells(run: Path, spec: Spec) -> list[Cell]:
    """All the model's cells in the run.

    Raises:
        MeasureError: the run has none of this model, or one is damaged or half measured.
    """
    return [read(case, run, spec) for case in cases(run, spec)]


def read(case: Case, run: Path, spec: Spec) -> Cell:
    """The case as it was measured; a MeasureError where it is damaged or half measured."""
    parts = []
    for network in spec.networks:
        folder = cell.part_folder(case, spec, network.name, run)
        try:
            parts.append(cell.read(folder))
        except ClipgateError as error:
            raise MeasureError(f"{case}, {network.name}: {error.what}", where=error.where, remedy=error.remedy) from error
    return Cell(case, run / str(case), tuple(parts))


def rows(run: Path) -> list[Row]:
    """The rows of the run's results.jsonl, of each test's last try; none where it was made without pytest.

    Raises:
        MeasureError: a line cannot be read.
    """
    path = run / RESULTS
    if not path.is_file():
        return []
    found, what, remedy = [], "the results", "run the cases again"
    for number, line in read_lines(path, MeasureError, what, remedy):
        if line.strip():
            where = f"{path}:{number}"
            fields = json_of(line, MeasureError, what, where, remedy)
            with refusing(MeasureError, f"{what} cannot be read", where, remedy):
                row = results.from_json(fields)
            found.append(typed.require(row, MeasureError, where, remedy))
    return [row for row in found if not row.superseded]
