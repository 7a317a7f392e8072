"""Quiet on the host while something is timed: what else works here leaves the cores to it for that long.

Three lock files lie beside the devices' locks. Timing holds `host-turn` for its whole series: beside other
timing where each has a core to itself, else alone. Work that can stop soon shares `host` for one short unit
at a time: a clip that is decoded, a batch that the CPU computes. On its way there a unit has `host-turn`
alone for a moment. So no unit begins while something is timed, and timing begins once those that run have
ended.

Other work (a reference, an export, a compiler) shares `host-work` instead. It begins only where it is quiet,
and gives way where it reports progress and rests. Timing leaves it a moment to do so, and then names whoever
works on. So timing waits for one unit and that moment, and nothing begins beside it. What torch's threads
decode ahead goes on for a clip or two, unnamed.

A lock ends with its process. Who also locks a device does that first, so that nobody waits in a ring.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Self

from tools.errors import DeviceError
from tools.machine import device_locks, events
from tools.machine.holders import holding

HOST, TURN, WORK = "host", "host-turn", "host-work"
PATIENCE_S = 3.0  # before a user is told of a pause
GRACE_S = 5.0  # torch needs half of that for the slowest clip, after which it gives way
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Quiet:
    """What came before timing: seconds waited, and who works on beside it, in words."""

    waited_s: float
    beside: tuple[str, ...]


def once(tell: Tell = events.say) -> Tell:
    """Tells the first sentence only, also of all that processes forked later would tell with it."""
    told = mmap.mmap(-1, 1)

    def first(text: str) -> None:
        if not told[0]:
            told[0] = 1
            tell(text)

    return first


class Units:
    """Work of one thread in units: each is a block of this context, and none runs while something is timed.

    locks: as for devices. Processes that are forked later use it as their own.
    """

    def __init__(self, locks: str, tell: Tell) -> None:
        self._locks, self._tell = locks, once(tell)
        self._turn, self._host = (device_locks.Moments(locks, name, self._waiting, shared=name == HOST, patience_s=PATIENCE_S)
                                  for name in (TURN, HOST))

    def __enter__(self) -> Self:
        self._turn.take()
        try:
            self._host.take()
        finally:
            self._turn.leave()
        return self

    def __exit__(self, *error: object) -> None:
        self._host.leave()

    def close(self) -> None:
        """Hold no file open any more."""
        self._turn.close()
        self._host.close()

    def _waiting(self, words: str) -> None:
        self._tell(_waited(PATIENCE_S, _names(self._locks, TURN, words)))


@contextmanager
def timing(locks: str, tell: Tell, *, side_by_side: bool = False) -> Iterator[Quiet]:
    """Time in quiet: once all units have ended, and other work has had a moment to give way.

    side_by_side: let others time meanwhile, who say the same.
    """
    began, first = time.monotonic(), once(tell)

    def waiting(name: str, words: str) -> None:
        first(_waited(time.monotonic() - began, _names(locks, name, words)))

    with device_locks.hold(locks, TURN, partial(waiting, TURN), shared=side_by_side, patience_s=PATIENCE_S):
        with device_locks.hold(locks, HOST, partial(waiting, HOST), patience_s=PATIENCE_S):
            pass  # the last unit has ended
        until = time.monotonic() + GRACE_S
        while (beside := workers(locks)) and time.monotonic() < until:
            events.alive(f"waiting for quiet: {'; '.join(beside)}")
            time.sleep(device_locks.POLL_S)
        yield Quiet(time.monotonic() - began, beside)


@contextmanager
def working(locks: str, tell: Tell) -> Iterator[None]:
    """Work that is seen: it begins where it is quiet, and gives way to timing where it reports that it rests.

    Who can take no locks works all the same, unseen.
    """
    first, looked = once(tell), 0.0
    with ExitStack() as held:

        def begin() -> None:
            with suppress(DeviceError), Units(locks, first) as units:
                held.enter_context(device_locks.hold(locks, WORK, first, shared=True, patience_s=PATIENCE_S))
                held.callback(units.close)

        def give_way() -> None:
            nonlocal looked
            if time.monotonic() - looked < device_locks.POLL_S:
                return
            looked = time.monotonic()
            with suppress(DeviceError):
                if not device_locks.is_free(locks, TURN):
                    held.close()
                    begin()

        begin()
        events.PAUSES.append(give_way)
        try:
            yield
        finally:
            events.PAUSES.remove(give_way)


def workers(locks: str) -> tuple[str, ...]:
    """The words of those who work now and have not given way."""
    free = device_locks.is_free(locks, WORK)
    return () if free else tuple(_holders(locks, WORK)) or ("another process",)


def _holders(locks: str, name: str) -> list[str]:
    return holding(device_locks.require(locks) / f"{name}.lock")


def _names(locks: str, name: str, words: str) -> str:
    """Who holds a lock: best in the kernel's words, which say what is measured; else in its own."""
    return "; ".join(_holders(locks, name)) or words


def _waited(seconds: float, words: str) -> str:
    return f"waiting {seconds:.0f} s for quiet: {words}"
