"""Times the fixed small graph in a process of its own, as a cell that every device has.

It is the control where a selection has no cell that could be one. Its case has nights of its own.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from tools import engines
from tools.deployment import control_graph
from tools.deployment.control_graph import NETWORK
from tools.deployment.specialise import Graph
from tools.errors import ClipgateError, MeasureError, naming
from tools.machine import device_locks, memory, versions
from tools.machine.files import write_whole, writing
from tools.measuring import cell, launch
from tools.measuring.again import place_of
from tools.measuring.alternate import Subject
from tools.measuring.answers import Kept, of_another_graph
from tools.measuring.cell import Cell, Part, Record
from tools.measuring.earlier import JOB, set_aside
from tools.measuring.host_quiet import Turns
from tools.measuring.measure import timed, waiting
from tools.measuring.predictions import FILE, Predictions, save
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.chips import ChipKind
from tools.spec.digest import digest
from tools.spec.model import Spec
from tools.storage import code
from tools.storage.context import Context

PACKAGES = ("onnxruntime", "onnx", "numpy")  # whose versions its record tells
FIXED = "fixed"  # its data and weights, as reports name them
SEED = 21


@dataclass(frozen=True, slots=True)
class Task:
    """What the process needs that times the graph.

    place: the folder of the series. same: the digest of what shapes its times.
    """

    case: Case
    graph: Graph
    budget_s: float
    place: Path
    locks: str
    same: str

    @property
    def title(self) -> str:
        return str(self.case)

    @property
    def last(self) -> Path:
        return self.place / cell.TIMES

    @property
    def digests(self) -> dict[str, str]:
        return {"weights": FIXED, "graph": self.graph.digest, "clips": FIXED}


def control_series(context: Context[Spec], device: Device, run: Path, number: int = 0, beside: Case | None = None, *,
                   anew: bool = False) -> Cell:
    """The control's cell on *device* with its own times, *number* 0, or with those of a further series.

    context: of any model; nothing of the model shapes the control. beside: the case that is in doubt. What an
    ended process of the run has left whole is read back while it is of the same graph and versions, or set
    aside where *anew* says so.

    Raises:
        CompileError: the graph cannot be compiled. ClipgateError: it could not be timed.
    """
    case = control_graph.case_of(device)
    graph, folder, settings = control_graph.loadable(context, device), run / str(case), context.settings
    place = place_of(folder, number, beside) if number else folder
    task = Task(case, graph, settings.budget_s, place, settings.locks, _same(device, graph, settings.budget_s))
    with writing("what the control leaves", run, MeasureError):
        if anew:
            set_aside(place, (cell.TIMES, cell.IDLE))
        part = _earlier(task)
        if part is None:
            place.mkdir(parents=True, exist_ok=True)
            write_whole(place / JOB, lambda file: file.write(task.same.encode()))
            launch.once(context, task, time_control, run)
            part = cell.read(place)
    return Cell(case, folder, (part,))


def subject(context: Context[Spec], device: Device, run: Path, beside: Case) -> Subject:
    """The control as one that is measured in turn with *beside*."""
    return Subject(control_graph.case_of(device), partial(control_series, context, device, run, beside=beside))


def _same(device: Device, graph: Graph, budget_s: float) -> str:
    """The digest of what shapes the times, as the run's process sees it: one with a runtime sees more."""
    here = dict(versions.machine())
    return digest([graph.digest, budget_s, sorted(_versions(device).items()), here["cpu"], here["cores"],
                   code.current(code.place_of(time_control))])


def _earlier(task: Task) -> Part | None:
    """What an ended process has left in the place, if it was measured whole and with the same."""
    try:
        part, noted = cell.read(task.place), (task.place / JOB).read_bytes()
    except (ClipgateError, OSError):
        return None
    return replace(part, earlier=True) if part.times and noted == task.same.encode() else None


def time_control(task: Task) -> None:
    """Time the graph while holding its device; write scores, record and times to its place.

    Raises:
        MeasureError: too little memory, or the disk is full. DeviceError: its lock cannot be taken.
        EngineError: the device fails.
    """
    with writing("what the control leaves", task.place, MeasureError):
        _time(task)


def _time(task: Task) -> None:
    case, place = task.case, task.place
    need = memory.need_bytes(task.graph.peak_bytes, task.graph.weights_bytes, 0, 0)
    memory.require(need, str(case))
    task.graph.require_unchanged()
    driver = engines.family(case.device)
    chip, watch, turns = driver.describe(case.device), driver.watch(case.device), Turns.of(task.locks, case.device)
    with device_locks.hold(task.locks, case.device.label, partial(waiting, case)), watch or nullcontext():
        with turns.seen(), naming(task.graph.path):
            engine = engines.open_engine(case.device, task.graph.path, NETWORK, case.batch)
            task.graph.require_unchanged()  # what was loaded is what was found
            batch = _batch()
            kept = Kept(batch, 1, turns.scoring(engine).infer(batch).copy())
        scores = kept.scores.copy()  # timing may change what it keeps
        times = turns.timing(partial(timed, engine, kept, task.budget_s))
        times = replace(times, doubt=times.doubt or of_another_graph(task.graph))
        engine.close()
    save(Predictions((NETWORK.input.name,), scores), place / FILE)
    cell.write(_record(task, engine.precision, chip, need), place / cell.RECORD)
    if watch:
        cell.write(watch.idle(), place / cell.IDLE)
    cell.write(times, place / cell.TIMES)


def _batch() -> Floats:
    """The graph's input, the same every time."""
    return np.random.default_rng(SEED).standard_normal((1, *NETWORK.input.shape), np.float32)


def _record(task: Task, precision: str, chip: ChipKind, need: int) -> Record:
    return Record(
        case=str(task.case), network=NETWORK.name, data=FIXED, weights=FIXED, precision=precision, chip=chip.name, simulated=chip.simulated,
        clips=1, scoring_s=0.0, peak_bytes=memory.peak_resident_bytes(), estimated_bytes=need, digests=task.digests,
        versions=_versions(task.case.device), machine=_machine(task.case.device))


def _machine(device: Device) -> dict[str, str]:
    return dict((*versions.machine(), *engines.family(device).condition(device)))


def _versions(device: Device) -> dict[str, str]:
    return dict((*versions.of(*PACKAGES), *engines.family(device).versions()))
