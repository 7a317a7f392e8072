"""Whether a device was ours alone while it was measured.

It is sampled before and during a measurement, by a process beside the one that measures: that one may hold its
interpreter lock for the whole of a run, so nothing in it can watch.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Literal, Self

from tools.errors import DeviceError
from tools.machine.events import die_with_parent

State = Literal["idle", "busy", "unknown"]
BEFORE = 3
APART_S = 1.0
DURING_S = 5.0  # a device's own tool takes up to seconds to answer


@dataclass(frozen=True, slots=True)
class Idle:
    """What the samples say; *seen* is why the device is not idle, or what could not be read, each thing once.

    source: the tool that was asked.
    """

    state: State
    seen: tuple[str, ...]
    samples: int
    source: str = "npu-smi"

    @property
    def sentence(self) -> str:
        return f"{self.state} in {self.samples} samples of {self.source}: {'; '.join(self.seen)}" if self.seen else self.state


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a device: what speaks against its being idle, and what could not be known."""

    busy: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def judge(samples: list[Sample], source: str) -> Idle:
    """Busy if any sample is; unknown if nothing speaks against it but something could not be read."""
    busy = tuple(dict.fromkeys(text for sample in samples for text in sample.busy))
    unknown = tuple(dict.fromkeys(text for sample in samples for text in sample.unknown))
    if busy:
        return Idle("busy", busy, len(samples), source)
    return Idle("unknown", unknown, len(samples), source) if unknown or not samples else Idle("idle", (), len(samples), source)


class Watch:
    """Samples a device before the block, and during it from a process of its own.

    before: one look at a device on which nothing of ours runs yet. during: one look while the process of that number
    measures. source: the tool that both ask.

    Enter it before anything starts threads or touches the device: that process is forked.
    """

    def __init__(self, before: Callable[[], Sample], during: Callable[[int], Sample], source: str) -> None:
        self._before, self._during, self._source = before, during, source
        self._samples: list[Sample] = []

    def __enter__(self) -> Self:
        for number in range(BEFORE):
            if number:
                time.sleep(APART_S)
            self._samples.append(_taken(self._before))
        context = multiprocessing.get_context("fork")
        self._watching, theirs = context.Pipe()
        self._process = context.Process(target=self._watch, args=(theirs, os.getpid()), daemon=True)
        self._process.start()
        theirs.close()  # so that nothing more can be received of a process that has ended
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
        return judge(self._samples, self._source)

    def _watch(self, measuring: Connection, ours: int) -> None:
        die_with_parent()
        self._watching.close()  # the other end of the pipe, which would never seem closed
        if os.getppid() != ours:  # it ended before it could be followed
            return
        samples = []
        while not measuring.poll(DURING_S):
            samples.append(_taken(partial(self._during, ours)))
        measuring.send([*samples, _taken(partial(self._during, ours))])


def _taken(look: Callable[[], Sample]) -> Sample:
    try:
        return look()
    except DeviceError as error:
        return Sample(unknown=(error.what,))
