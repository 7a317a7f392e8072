"""The measured cells of a run's folder, read back, and what pytest made of them."""

from __future__ import annotations

from pathlib import Path

from tools.errors import MeasureError
from tools.judging.rows import RESULTS, Row
from tools.machine.reading import json_of, read_lines, refusing
from tools.measuring import cell
from tools.measuring.cell import Cell
from tools.spec.case import Case
from tools.spec.model import Spec


def cells(run: Path, spec: Spec) -> list[Cell]:
    """The model's cells in `artifacts/runs/<run>`, smallest batch first.

    Raises:
        MeasureError: the run has none of this model, or one is damaged or half measured.
    """
    found = [case for path in run.iterdir() if path.is_dir() and (case := Case.parse(path.name, spec.name))] if run.is_dir() else []
    if not found:
        raise MeasureError(f"no measured case of {spec.name} is here", where=str(run),
                           remedy="give a folder of artifacts/runs, made by pytest or python -m tools.measure")
    return [_read(case, run, spec) for case in sorted(found, key=lambda case: (case.batch, str(case)))]


def _read(case: Case, run: Path, spec: Spec) -> Cell:
    parts = []
    for network in spec.networks:
        folder = cell.part_folder(case, spec, network.name, run)
        with refusing(MeasureError, f"{case}: what was measured of {network.name} cannot be read", str(folder), "measure the case again"):
            parts.append(cell.read(folder))
    return Cell(case, run / str(case), tuple(parts))


def rows(run: Path) -> list[Row]:
    """The rows of the run's results.jsonl; none where it was made without pytest.

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
                found.append(Row(**fields))
    return found
