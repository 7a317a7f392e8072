"""What a process tells of its work: one event each, as it travels over pipes and sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict


class Event(TypedDict, total=False):
    """One thing told. Its *kind* says which of the other parts it has.

    say: *text*, for people. progress: *text*, *done* of *total*, perhaps of which *unit*, and which share of
    the time the device was *busy*. alive: perhaps *text*, what is waited for. stage: *text*, what begins;
    perhaps *takes*, how long that is in words, and *usual_s*, how long it was last time. ended: its end;
    without *text*, that of all that a worker did.
    cell: *case* and *device* whose turn it is. error: the parts of an error. worker: who tells it.
    """

    kind: str
    text: str
    done: int
    total: int
    unit: str
    busy: float
    takes: str
    usual_s: float
    case: str
    device: str
    worker: str
    error: str
    where: str | None
    remedy: str | None


OnEvent = Callable[[Event], None]
