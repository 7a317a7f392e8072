"""Measures a case from outside: a watched process for each network, a second if the failure may be chance."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from tools.datasets import choice
from tools.deployment.compile import loadable
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights, checkpoints
from tools.engines import family
from tools.engines.faults import Fault
from tools.errors import ChildError, ClipgateError, EngineError, MeasureError
from tools.machine import child
from tools.machine.files import writing
from tools.measuring import earlier, kinds, quarantine, sameness
from tools.measuring.cell import Cell, Part, part_folder, read
from tools.measuring.job import Job
from tools.measuring.kinds import Dataset
from tools.measuring.measure import measure
from tools.measuring.predictions import FILE
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.storage.context import Context

LOG = "child.log"
SCRATCH = "scratch"  # where a runtime may leave dumps, a folder for each attempt


@dataclass(frozen=True, slots=True)
class Found:
    """What a case is measured with; *checkpoints* and *graphs* in the order of the model's networks."""

    checkpoints: tuple[Weights, ...]
    dataset: Dataset
    graphs: tuple[Graph, ...]


class Task(Protocol):
    """What a process is launched for. It works for *case*, fills *place*, and leaves *last* last."""

    @property
    def case(self) -> Case: ...

    @property
    def title(self) -> str: ...

    @property
    def place(self) -> Path: ...

    @property
    def last(self) -> Path: ...


def find(context: Context[Spec], case: Case) -> Found:
    """Find or build what *case* is measured with, once its device is ready to be measured on."""
    family(case.device).require_ready(case.device, context.settings)
    weights = checkpoints(context)
    return Found(weights, kinds.of(context.spec).dataset(context, weights), tuple(loadable(context, one, case) for one in weights))


def launch(context: Context[Spec], case: Case, found: Found, run: Path, networks: Sequence[str] = (), *, timed: bool = True,
           resume: bool = True, place: str = "", alone: bool = False) -> Cell:
    """Measure all networks of *case*, or *networks*, each in its own process; read what they save in *run*.

    timed: whether anybody asks for times. resume: whether what a process before has left in *run* is used, as
    far as it was measured with the same; without it everything is measured anew. place: who measures, as
    NODE/DEVICE, where the record may be read elsewhere. alone: whether nothing else of a cluster is there.

    Raises:
        ClipgateError: a process ended before it saved its scores. They are judged even if it fails later.
        MeasureError: the disk is full.
    """
    with writing("what this cell leaves", run, MeasureError):
        return Cell(case, run / str(case), tuple(_measured(context, job, run, resume)
                                                 for job in jobs(context, case, found, run, networks, timed=timed, place=place,
                                                                 alone=alone)))


def jobs(context: Context[Spec], case: Case, found: Found, run: Path, networks: Sequence[str] = (), *, timed: bool = True,
         place: str = "", alone: bool = False) -> list[Job]:
    """What the processes are told that measure all networks of *case*, or *networks*."""
    spec = context.spec
    folders = [part_folder(case, spec, network.name, run) for network in spec.networks]
    budget_s = context.settings.budget_s if timed else None
    data, locks, others = choice.word(context), context.settings.locks, tuple(context.others)
    return [Job(case, spec, checkpoint, graph, found.dataset, data, budget_s, folder, before, locks, others,
                context.settings.atc_flags, bool(context.settings.expect.at(case.batch)), place_name=place, alone=alone)
            for checkpoint, graph, folder, before in zip(found.checkpoints, found.graphs, folders, [None, *folders[:-1]], strict=True)
            if not networks or checkpoint.network.name in networks]


def once(context: Context[Spec], task: Task, work: Callable[[Any], None], run: Path) -> None:
    """Let one process do *work* on *task*, unless the run has given up its device.

    Raises:
        ClipgateError: how it failed. The run notes whether the next cells may use the device.
    """
    quarantine.refuse(run, task.case.device)
    failure, fault = _attempt(context, task, work)
    _remember(run, task.case, failure, fault)
    if failure is not None:
        raise failure


def _measured(context: Context[Spec], job: Job, run: Path, resume: bool) -> Part:
    """One network, read back if it was measured before."""
    _require_first(job)
    same = sameness.of(job)
    part = earlier.settle(context, job, same, resume=resume)
    if part:
        return part
    failure, retried = scored(context, replace(job, same=same.digest), run)
    return replace(read(job.folder), timing_error=failure, retried=retried)


def scored(context: Context[Spec], job: Job, run: Path) -> tuple[ClipgateError | None, str]:
    """Let a process measure *job* and leave its scores; what failed behind them, and why there was a second.

    It is measured twice if what failed may be chance: a kernel, or a copy to or from the device. A second
    attempt that was killed with its parent leaves a note, and is made once more, not twice.

    Raises:
        ClipgateError: a process ended before it saved its scores. DeviceError: the run does not use it again.
    """
    case = job.case
    quarantine.refuse(run, case.device)
    retried = earlier.retried(job.folder)
    failure, fault = _attempt(context, job)
    if failure is not None and fault is not None and fault.may_be_chance and not retried:
        retried = fault.sentence
        earlier.note_retry(job.folder, retried)
        context.say(f"{case}: {fault.sentence}; once more in a fresh process")
        failure, fault = _attempt(context, job)
    _remember(run, case, failure, fault)
    if failure is not None and not job.scored.is_file():
        earlier.forget_retry(job.folder)
        if not retried:
            raise failure
        raise type(failure)(f"{failure.what} (twice, in two processes)", where=failure.where, remedy=failure.remedy)
    return failure, retried


def _require_first(job: Job) -> None:
    if job.before is not None and not (job.before / FILE).is_file():
        first = job.spec.networks[0].name
        raise MeasureError(f"{first} comes first, and has left no predictions", where=str(job.before / FILE),
                           remedy="measure it into the same --run, or leave --network out to measure all")


def _remember(run: Path, case: Case, failure: ClipgateError | None, fault: Fault | None) -> None:
    """Note whether the next cells may use the device."""
    if failure is None:
        quarantine.forget_kernel_faults(run, case.device)
    elif fault is not None and fault.kind in ("lost", "driver"):
        quarantine.give_up(run, case.device, f"lost while {case} was measured: {fault.sentence}")
    elif fault is not None and fault.kind == "kernel":
        quarantine.count_kernel_fault(run, case.device, fault.sentence)


def _attempt(context: Context[Spec], job: Task, work: Callable[[Any], None] = measure) -> tuple[ClipgateError | None, Fault | None]:
    """Run the process once; how it failed, and the fault that its runtime's words tell of."""
    scratch, log, title = _own_scratch(job.place), job.place / LOG, f"measuring {job.title}"
    earlier.tidy(job.place)
    context.say(f"{title} ...")
    context.on_event({"kind": "stage", "text": title})
    driver = family(job.case.device)
    already = log.stat().st_size if log.is_file() else 0
    try:
        child.call(partial(work, job), title, log=log, on_event=context.on_event, stall_s=context.settings.timeout_s,
                   environment=driver.environment(job.case.device), folder=scratch)
    except ClipgateError as error:
        fault = driver.diagnose(log.read_bytes()[already:].decode(errors="replace"))
        return _explained(error, fault, log, job.case), fault
    finally:
        context.on_event({"kind": "ended", "text": title})
        if not any(scratch.iterdir()) or job.last.is_file():
            shutil.rmtree(scratch)
        if not any(scratch.parent.iterdir()):
            scratch.parent.rmdir()
    return None, None


def _own_scratch(folder: Path) -> Path:
    """A folder of this attempt's own, since a runtime may be unable to overwrite an earlier one's dumps."""
    scratch = next(path for number in count(1) if not (path := folder / SCRATCH / str(number)).exists())
    scratch.mkdir(parents=True)
    return scratch


def _explained(error: ClipgateError, fault: Fault | None, log: Path, case: Case) -> ClipgateError:
    """The error, and what the runtime's log says of it: the runtime's exceptions leave the codes out.

    Of a hang the log may say nothing: then the device is under suspicion.
    """
    if fault is None or not isinstance(error, EngineError | ChildError):
        return error
    what = error.what if fault.kind == "unknown" else f"{fault.sentence}: {error.what}"
    if isinstance(error, child.StalledError):
        what = f"{what}; the device {case.device.label} is suspect"
    remedy = [*filter(None, [error.remedy]), "its last words were", *(f"  {line}" for line in fault.said)]
    return type(error)(what, where=error.where or str(log), remedy="\n    ".join(remedy))
