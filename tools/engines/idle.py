"""Whether a device was ours alone while it was measured.

During a measurement another process samples the device. The one that measures may hold its interpreter lock
for a whole run, so that nothing inside it could watch.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Literal, Self

from tools.errors import DeviceError
from tools.machine import forking
from tools.machine.events import die_with_parent

State = Literal["idle", "busy", "unknown"]
BEFORE = 3
MOST_READINGS = 1000
APART_S = 1.0
DURING_S = 5.0  # a device's own tool takes up to seconds to answer


@dataclass(frozen=True, slots=True)
class Reading:
    """What a device told of itself at one moment; None is what its tool does not tell.

    throttled: the reasons, in words, for which its clock is held down.
    """

    clock_mhz: float | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    throttled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Idle:
    """What the samples say; *seen* is why the device is not idle, or what could not be read, each thing once.

    source: the program that was asked. readings: what the device told in each sample, in their order; none
    where it told nothing in any.
    """

    state: State
    seen: tuple[str, ...]
    samples: int
    source: str = "npu-smi"
    readings: tuple[Reading, ...] = ()

    @property
    def sentence(self) -> str:
        return f"{self.state} in {self.samples} samples of {self.source}: {'; '.join(self.seen)}" if self.seen else self.state

    @property
    def throttled(self) -> str:
        """Why the device's clock was held down, and how hot and slow it was then; empty where it was not."""
        held = [one for one in self.readings if one.throttled]
        hottest = max((one.temperature_c for one in held if one.temperature_c is not None), default=None)
        slowest = min((one.clock_mhz for one in held if one.clock_mhz is not None), default=None)
        return ", ".join([*dict.fromkeys(reason for one in held for reason in one.throttled),
                          *([] if hottest is None else [f"{hottest:.0f} C"]), *([] if slowest is None else [f"{slowest:.0f} MHz"])])

    @property
    def told(self) -> str:
        """Between which clocks, temperatures and powers the device was while it was measured."""
        during = self.readings[BEFORE:]
        found = [([one.clock_mhz for one in during], "MHz"), ([one.temperature_c for one in during], "C"),
                 ([one.power_w for one in during], "W")]
        return ", ".join(f"{_between([one for one in values if one is not None])} {unit}" for values, unit in found
                         if any(one is not None for one in values))


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a device: what shows that it is busy, what could not be read, what it told of itself."""

    busy: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    reading: Reading | None = None


def judge(samples: list[Sample], tool: str) -> Idle:
    """Busy if any sample is; else unknown if something could not be read, or there are no samples."""
    busy = tuple(dict.fromkeys(text for sample in samples for text in sample.busy))
    unknown = tuple(dict.fromkeys(text for sample in samples for text in sample.unknown))
    state: State = "busy" if busy else "unknown" if unknown or not samples else "idle"
    told = tuple(sample.reading or Reading() for sample in samples)
    return Idle(state, busy or unknown, len(samples), tool, _thinned(told) if any(sample.reading for sample in samples) else ())


def _thinned(told: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """All of the looks before and of a held clock, and of the others as many as a file may hold."""
    step = -(-len(told) // MOST_READINGS)
    return tuple(one for number, one in enumerate(told) if number < BEFORE or one.throttled or number % step == 0)


def _between(values: list[float]) -> str:
    least, most = f"{min(values):.0f}", f"{max(values):.0f}"
    return least if least == most else f"{least} to {most}"


class Watch:
    """Samples a device before a block, and during it from a process of its own.

    before: one look, while nothing of ours runs on the device. during: one look, while the process of that
    number measures. tool: the program that both ask. every_s: between two looks during it, of a quick tool
    so few that some fall into the seconds that are timed.

    Enter it before anything starts threads or touches the device: it forks a process.
    """

    def __init__(self, before: Callable[[], Sample], during: Callable[[int], Sample], tool: str, every_s: float | None = None) -> None:
        self._before, self._during, self._tool, self._every_s = before, during, tool, every_s or DURING_S
        self._samples: list[Sample] = []

    def __enter__(self) -> Self:
        for number in range(BEFORE):
            if number:
                time.sleep(APART_S)
            self._samples.append(_sample(self._before))
        context = multiprocessing.get_context("fork")
        self._watching, theirs = context.Pipe()
        self._process = context.Process(target=self._watch, args=(theirs, os.getpid()), daemon=True)
        with forking.uncollected():
            self._process.start()
        theirs.close()  # else nobody would see that the other process has ended
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            try:
                self._watching.send("stop")
                self._samples.extend(self._watching.recv())
            except (EOFError, OSError):
                self._samples.append(Sample(unknown=("the process that watched the device has died",)))
        self._process.kill()
        self._process.join()
        self._watching.close()

    def idle(self) -> Idle:
        """What was seen, once the block is over."""
        return judge(self._samples, self._tool)

    def _watch(self, parent: Connection, ours: int) -> None:
        die_with_parent()
        self._watching.close()  # the parent's end, else the pipe would never seem closed
        if os.getppid() != ours:  # the parent ended before this could follow it
            return
        samples = []
        while not parent.poll(self._every_s):
            samples.append(_sample(self._during, ours))
        parent.send([*samples, _sample(self._during, ours)])


def _sample(look: Callable[..., Sample], *arguments: int) -> Sample:
    try:
        return look(*arguments)
    except DeviceError as error:
        return Sample(unknown=(error.what,))
