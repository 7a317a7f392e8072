"""A cell that a node has measured, in the folder of its run: written as it comes, and read back later."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tools.cluster.gathering import changed
from tools.cluster.values import Answer
from tools.errors import ClipgateError, ClusterError, MeasureError, revive
from tools.machine import opening
from tools.machine.files import write_whole
from tools.machine.reading import load_json, refusing
from tools.measuring.cell import IDLE, RECORD, TIMES, Cell, part_folder, read
from tools.measuring.earlier import JOB, RETRIED, read_note, retried, set_aside, tidy
from tools.measuring.predictions import FILE
from tools.measuring.sameness import Kind
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.storage.context import Context

NOTE = "cluster.json"
LAST = (TIMES, RECORD)  # of a network's files: what tells that the others are whole


@dataclass(frozen=True, slots=True)
class Noted:
    """What a cell was measured with: what shapes its scores, by names, and how long its timing may take.

    budget_s: None where nobody asked for times. whole: whether timing took all of it.
    """

    shaped: Mapping[str, str]
    budget_s: float | None
    whole: bool


def earlier(context: Context[Spec], case: Case, run: Path, asked: Noted, kinds: Collection[Kind]) -> Cell | None:
    """The cell that an ended process of the run has from a node, if nothing of it is to be measured again.

    What was measured with something else, or in another way, is set aside, and that is said.
    kinds: what the devices of the cluster are that could measure it now.
    """
    folder, places = run / str(case), [part_folder(case, context.spec, network.name, run) for network in context.spec.networks]
    if not any((place / RECORD).is_file() for place in places):
        for place in places:
            tidy(place)  # a process that was killed as it wrote
        return None
    why = ""
    try:
        noted = _noted(folder / NOTE)
        found = cell_of(case, context.spec, run)
    except ClipgateError as error:
        why = error.what
    else:
        why = _why_again(noted, asked, found) or _why_other(found, kinds)
    if not why:
        context.say(f"{case}: measured before, and read back")
        return replace(found, parts=tuple(replace(part, earlier=True) for part in found.parts))
    context.say(f"{case}: measured again, since {why}")
    for place in places:
        set_aside(place, (RECORD, TIMES, IDLE, FILE, JOB, RETRIED))
    return None


def _why_again(noted: Noted, asked: Noted, found: Cell) -> str:
    """Why the cell does not count as it lies there; empty where it does."""
    if noted.shaped != asked.shaped:
        return f"these have changed: {changed(noted.shaped, asked.shaped)}"
    if asked.budget_s is None:
        return ""
    if found.untimed:
        return "it has no times"
    return "" if (noted.budget_s, noted.whole) == (asked.budget_s, asked.whole) else "the time that timing takes has changed"


def _why_other(found: Cell, kinds: Collection[Kind]) -> str:
    """What no device of the cluster has any more of what the cell was measured with; empty where one has all.

    Its code is among what shapes it, and the same on all nodes.
    """
    for part in found.parts:
        try:
            mine = read_note(part.folder / JOB).same.kind
        except MeasureError as error:
            return error.what
        if mine not in kinds:
            alike = [kind for kind in kinds if kind.chip == mine.chip]
            what = "versions or processor" if alike else "kind of chip"
            return f"no node has the {what} any more that it was measured with"
    return ""


def take(answer: Answer, case: Case, spec: Spec, run: Path, noted: Noted) -> Cell:
    """Write what a node has measured into the case's folder, and read it.

    Raises:
        ClusterError: it names a file outside. MeasureError: it lacks a record, or it cannot be read.
    """
    folder = run / str(case)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / NOTE, json.dumps(asdict(noted), indent=1).encode())
    for name, data in sorted(answer.files, key=lambda one: (Path(one[0]).name in LAST, Path(one[0]).name == RECORD)):
        if not opening.stays_inside(name):
            raise ClusterError(f"{answer.node} sent a file that does not belong into the cell's folder: {name!r}", where=str(folder))
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, data)
    return cell_of(case, spec, run, _error(answer))


def _write(path: Path, data: bytes) -> None:
    write_whole(path, lambda file: file.write(data))


def _error(answer: Answer) -> ClipgateError | None:
    """Why the cell was not timed, naming who tried."""
    if answer.error is None:
        return None
    kind, what, where, remedy = answer.error
    return revive(kind, f"{what} (on {answer.node})", where, remedy)


def cell_of(case: Case, spec: Spec, run: Path, error: ClipgateError | None = None) -> Cell:
    """The cell that lies in the run, or a MeasureError; *error*: why a network of it has no times."""
    parts = [read(part_folder(case, spec, network.name, run)) for network in spec.networks]
    return Cell(case, run / str(case), tuple(
        replace(part, timing_error=error if part.times is None else None, retried=retried(part.folder)) for part in parts))


def _noted(path: Path) -> Noted:
    """What a cell was measured with; a MeasureError where that cannot be read."""
    what = "what it was measured with"
    told = load_json(path, MeasureError, what)
    with refusing(MeasureError, f"{what} cannot be read", str(path)):
        budget_s = told["budget_s"]
        return Noted({str(name): str(text) for name, text in told["shaped"].items()}, None if budget_s is None else float(budget_s),
                     bool(told["whole"]))
