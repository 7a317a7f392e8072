"""What Ray calls on a node: it says where the task is, does the work, and keeps a bad device from others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from tools.cluster.heard import Line
from tools.cluster.news import Began, Ended, News
from tools.cluster.telling import Events
from tools.cluster.values import Outcome, Work
from tools.spec.case import Device

PATIENCE_S = 5.0  # how long a task waits for the driver's side to hear what matters


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
        _waits(line.last, PATIENCE_S)
    if device and outcome.lost and _heard(heard, Ended(number, outcome)):
        _waits(heard.never.remote(), None)
    return outcome


def label(device: Device, ids: Sequence[str]) -> str:
    """The label of the device that Ray gave, `npu3`; that of the family where Ray gave none, or no index."""
    return (replace(device, index=int(ids[0])) if ids and ids[0].isdecimal() else device).label


def _heard(heard: Hearing, news: News) -> bool:
    return _waits(heard.hear.remote(news), PATIENCE_S)


def _waits(reference: object, seconds: float | None) -> bool:
    """Whether a call of the actor ended in time; if not, the task's own end tells what it would have told."""
    import ray

    try:
        ray.get(reference, timeout=seconds)
    except ray.exceptions.RayError:
        return False
    return True
