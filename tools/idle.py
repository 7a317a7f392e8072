"""Whether a device was ours alone while it was measured: sampled before and during, by a process beside the one that measures.

That one may hold its interpreter lock for the whole of a run, so nothing in it can watch.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from types import TracebackType
from typing import Literal, Self

from tools.chips import ChipKind, kind
from tools.errors import DeviceError
from tools.events import die_with_parent
from tools.npu_smi import Table, read

State = Literal["idle", "busy", "unknown"]
BEFORE = 3
APART_S = 1.0
DURING_S = 5.0  # npu-smi takes up to seconds itself
MAX_AICORE_PERCENT = 1


@dataclass(frozen=True, slots=True)
class Idle:
    """What the samples say; *seen* is why the device is not idle, or what could not be read, each thing once."""

    state: State
    seen: tuple[str, ...]
    samples: int

    @property
    def sentence(self) -> str:
        return f"{self.state} in {self.samples} samples of npu-smi: {'; '.join(self.seen)}" if self.seen else self.state


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a device: what speaks against its being idle, and what could not be known."""

    busy: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def look_before(table: Table, device: int) -> Sample:
    """A device on which nothing of ours runs yet must have no process, no load, no more memory in use than an idle one, and be well.

    A layout without process table leaves load and memory to decide.
    """
    chip = table.of_device(device)
    if chip is None:
        return Sample(unknown=(f"npu-smi shows no device {device}",))
    what = kind(chip.name)
    busy = [f"process {one.pid} {one.name}".rstrip() for one in table.processes_of(chip) or ()]
    unknown = []
    if chip.health != "OK":
        busy.append(f"health {chip.health}")
    if chip.aicore_percent is None:
        unknown.append("AICore cannot be read")
    elif chip.aicore_percent > MAX_AICORE_PERCENT:
        busy.append(f"AICore {chip.aicore_percent} %")
    _judge_memory(chip.memory_used_mb, what, busy, unknown)
    return Sample(tuple(busy), tuple(unknown))


def _judge_memory(used_mb: int | None, what: ChipKind, busy: list[str], unknown: list[str]) -> None:
    if used_mb is None:
        unknown.append("memory cannot be read")
    elif what.idle_memory_mb is None:
        unknown.append(f"nobody knows how much memory an idle {what.name} has in use ({used_mb} MB now)")
    elif used_mb > what.idle_memory_mb:
        busy.append(f"memory {used_mb} MB in use, an idle {what.name} has up to {what.idle_memory_mb}")


def look_during(table: Table, device: int, ours: int) -> Sample:
    """While process *ours* measures, no other process may be on the device.

    In a container npu-smi may show the host's number of our process: one process where one is expected is taken for ours.
    """
    chip = table.of_device(device)
    if chip is None:
        return Sample(unknown=(f"npu-smi shows no device {device}",))
    shown = table.processes_of(chip) or ()
    others = [one for one in shown if one.pid != ours]
    if len(others) == len(shown) == 1 and not os.path.exists(f"/proc/{others[0].pid}"):  # noqa: PTH110
        others = []
    health = (f"health {chip.health}",) if chip.health != "OK" else ()
    return Sample((*(f"process {one.pid} {one.name}".rstrip() for one in others), *health))


def judge(samples: list[Sample]) -> Idle:
    """Busy if any sample is; unknown if nothing speaks against it but something could not be read."""
    busy = tuple(dict.fromkeys(text for sample in samples for text in sample.busy))
    unknown = tuple(dict.fromkeys(text for sample in samples for text in sample.unknown))
    if busy:
        return Idle("busy", busy, len(samples))
    return Idle("unknown", unknown, len(samples)) if unknown or not samples else Idle("idle", (), len(samples))


class Watch:
    """Samples a device before the block, and during it from a process of its own.

    Enter it before anything starts threads or touches the device: that process is forked.
    """

    def __init__(self, device: int, look: Callable[[], Table] = read) -> None:
        self._device, self._look = device, look
        self._samples: list[Sample] = []

    def __enter__(self) -> Self:
        for number in range(BEFORE):
            if number:
                time.sleep(APART_S)
            self._samples.append(self._sample(lambda table: look_before(table, self._device)))
        context = multiprocessing.get_context("fork")
        self._stop = context.Event()
        self._result, sending = context.Pipe(duplex=False)
        self._process = context.Process(target=self._watch, args=(self._stop, sending, os.getpid()), daemon=True)
        self._process.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stop.set()
        if error is None:
            self._samples.extend(self._result.recv())
        self._process.kill()
        self._process.join()

    def idle(self) -> Idle:
        """What was seen, once the block is over."""
        return judge(self._samples)

    def _watch(self, stop: Event, sending: Connection, ours: int) -> None:
        die_with_parent()
        samples = []
        while not stop.wait(DURING_S):
            samples.append(self._sample(lambda table: look_during(table, self._device, ours)))
        sending.send([*samples, self._sample(lambda table: look_during(table, self._device, ours))])

    def _sample(self, look: Callable[[Table], Sample]) -> Sample:
        try:
            return look(self._look())
        except DeviceError as error:
            return Sample(unknown=(error.what,))
