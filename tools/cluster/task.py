"""What Ray calls on a node: it says where the task is, does the work, and keeps a bad device from others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any, Protocol

from tools.cluster.heard import Line
from tools.cluster.news import Began, Ended, News
from tools.cluster.telling import Events
from tools.cluster.values import Outcome, Work
from tools.spec.case import Device

PATIENCE_S = 5.0  # how long a task waits for the driver's side to hear what matters
TICK_S = 0.5  # between two looks at whether the task is cancelled


class Remote(Protocol):
    """A method of an actor; a call gives a reference to what it will return."""

    def remote(self, *arguments: object) -> object: ...


class Hearing(Protocol):
    """The actor `heard.Heard`, as Ray hands it to others."""

    hear: Remote
    drain: Remote
    never: Remote


Entries = Mapping[str, Sequence[object]]  # name -> references of Ray, whose type is not there without Ray
Run = Callable[[Work, Entries, Events], Outcome]


def attempt(run: Run, number: int, heard: Hearing, device: str, work: Work, entries: Entries) -> Outcome:
    """Run a task's work on this node.

    A task whose device is lost does not end, since Ray would give the device to the next one at once: it
    sends its outcome to the driver and then waits until it is cancelled, without CPUs.

    heard: the actor that hears for the driver. device: what Ray calls the device that the task asked for.
    """
    import ray

    here = ray.get_runtime_context()
    ids = here.get_accelerator_ids().get(device, []) if device else []
    _heard(heard, Began(number, here.get_node_id(), label(work.case.device, ids)))
    line = Line(number, heard.hear.remote)
    outcome = replace(run(work, entries, line), node_id=here.get_node_id())
    if line.last is not None:  # what it told comes before its end
        _waits(line.last)
    if device and outcome.lost and _heard(heard, Ended(number, outcome)):
        with suppress(ray.exceptions.RayError):
            ray.get(heard.never.remote())
    return outcome


def label(device: Device, ids: Sequence[str]) -> str:
    """The label of the device that Ray gave, `npu3`; that of the family where Ray gave none, or no index."""
    return (replace(device, index=int(ids[0])) if ids and ids[0].isdecimal() else device).label


def _heard(heard: Hearing, news: News) -> bool:
    return _waits(heard.hear.remote(news))


def _waits(reference: object) -> bool:
    """Whether a call of the actor ended in time; if not, the task's own end tells what it would have told."""
    import ray

    try:
        fetched([reference], PATIENCE_S)
    except (ray.exceptions.RayError, TimeoutError):
        return False
    return True


def fetched(references: Sequence[object], seconds: float | None = None) -> list[Any]:
    """What these references of Ray stand for, while the task keeps its CPUs.

    A task that waits by `ray.get` does not: Ray begins the next one meanwhile, in one more process.

    Raises:
        TimeoutError: it has not come after *seconds*. RayError: it was lost.
    """
    until = time.monotonic() + (inf if seconds is None else seconds)
    futures: list[Future[Any]] = [reference.future() for reference in references]  # type: ignore[attr-defined] # Ray's type is not there
    for future in futures:
        while not wait([future], timeout=TICK_S).done:  # Ray's way to cancel a task does not end a wait, but is seen after it
            if time.monotonic() > until:
                raise TimeoutError
    return [future.result() for future in futures]
