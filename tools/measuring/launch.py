"""Measuring a case from outside: a process for each network, watched, its end understood, once more where that may help."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tools.engines import family
from tools.engines.ascend.faults import Fault
from tools.errors import ChildError, ClipgateError, EngineError
from tools.machine import child
from tools.measuring import quarantine
from tools.measuring.cell import IDLE, RECORD, TIMES, Cell, Part, command, part_folder, read
from tools.measuring.predictions import FILE
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.spec.settings import Settings

LOG = "child.log"
SCRATCH = "scratch"  # where a runtime may leave dumps


def launch(case: Case, settings: Settings, spec: Spec, run: Path, on_event: child.OnEvent, networks: Sequence[str] = ()) -> Cell:
    """Measure *case*'s networks, or those named, each in a process of its own, and read what they saved below *run*.

    Raises:
        ClipgateError: one ended before its scores were saved. What fails later leaves them to be judged.
    """
    names = networks or [network.name for network in spec.networks]
    return Cell(case, run / str(case), tuple(_measured(case, settings, spec, name, run, on_event) for name in names))


def _measured(case: Case, settings: Settings, spec: Spec, network: str, run: Path, on_event: child.OnEvent) -> Part:
    """One network, with a second attempt in a fresh process if a kernel failed: one cosmic ray is no verdict."""
    quarantine.refuse(run, case.device)
    folder = part_folder(case, spec, network, run)
    failure, fault = _attempt(case, settings, spec, network, run, on_event)
    retried = ""
    if failure is not None and fault is not None and fault.kind == "kernel":
        retried = fault.sentence
        on_event({"kind": "say", "text": f"{case}: {fault.sentence}; once more in a fresh process"})
        failure, fault = _attempt(case, settings, spec, network, run, on_event)
    _remember(run, case, failure, fault)
    if failure is not None and not (folder / RECORD).is_file():
        raise _told_twice(failure) if retried else failure
    return replace(read(folder), timing_error=failure, retried=retried)


def _told_twice(error: ClipgateError) -> ClipgateError:
    return type(error)(f"{error.what} (twice, in two processes)", where=error.where, remedy=error.remedy)


def _remember(run: Path, case: Case, failure: ClipgateError | None, fault: Fault | None) -> None:
    """What this end means for the next cells of the device."""
    if failure is None:
        quarantine.forget_kernel_faults(run, case.device)
    elif fault is not None and fault.kind == "lost":
        quarantine.give_up(run, case.device, f"lost while {case} was measured: {fault.sentence}")
    elif fault is not None and fault.kind == "kernel":
        quarantine.count_kernel_fault(run, case.device, fault.sentence)


def _attempt(case: Case, settings: Settings, spec: Spec, network: str, run: Path, on_event: child.OnEvent,
             ) -> tuple[ClipgateError | None, Fault | None]:
    """Run the process once; how it failed, and what its runtime had to say about that."""
    folder = part_folder(case, spec, network, run)
    scratch, log = folder / SCRATCH, folder / LOG
    scratch.mkdir(parents=True, exist_ok=True)
    for name in (FILE, RECORD, TIMES, IDLE):
        (folder / name).unlink(missing_ok=True)
    which = ["--network", network] if len(spec.networks) > 1 else []
    on_event({"kind": "say", "text": f"measuring {' '.join([str(case), *which[1:]])} ..."})
    driver = family(case.device)
    already = log.stat().st_size if log.is_file() else 0
    try:
        child.run("tools.measure", [*command(case, settings), *which, "--run", str(run)], log=log, on_event=on_event,
                  stall_s=settings.timeout_s, environment=driver.environment(), folder=scratch)
    except ClipgateError as error:
        fault = driver.diagnose(log.read_bytes()[already:].decode(errors="replace"))
        return _explained(error, fault, log), fault
    finally:
        if not any(scratch.iterdir()) or (folder / TIMES).is_file():
            shutil.rmtree(scratch)
    return None, None


def _explained(error: ClipgateError, fault: Fault | None, log: Path) -> ClipgateError:
    """The error with what only the runtime's own words say: its exceptions flatten every code."""
    if fault is None or not isinstance(error, EngineError | ChildError):
        return error
    what = error.what if fault.kind == "unknown" else f"{fault.sentence}: {error.what}"
    remedy = [*filter(None, [error.remedy]), "its last words were", *(f"  {line}" for line in fault.said)]
    return type(error)(what, where=error.where or str(log), remedy="\n    ".join(remedy))
