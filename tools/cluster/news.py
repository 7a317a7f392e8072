"""What the driver hears of its tasks, as frozen values. A task is one attempt at a work, and has a number."""

from __future__ import annotations

from dataclasses import dataclass

from tools.cluster.values import Outcome
from tools.machine.event import Event


@dataclass(frozen=True, slots=True)
class Began:
    """A task has begun on the node of Ray's id *node*. device: the label of the device it was given there."""

    number: int
    node: str
    device: str


@dataclass(frozen=True, slots=True)
class Told:
    """A task tells how far it is."""

    number: int
    event: Event


@dataclass(frozen=True, slots=True)
class Gone:
    """A task ended without an outcome, and may go better elsewhere. why: as in `its process was killed`."""

    why: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A task's end."""

    number: int
    outcome: Outcome | Gone


News = Began | Told | Ended
