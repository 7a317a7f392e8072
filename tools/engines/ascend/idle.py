"""Whether a device can be used at all, and whether it was ours alone while it was measured.

It is sampled before and during a measurement, by a process beside the one that measures: that one may hold its
interpreter lock for the whole of a run, so nothing in it can watch.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tools.engines.ascend.npu_smi import Process, Table, read
from tools.errors import DeviceError
from tools.machine.events import die_with_parent
from tools.spec.case import Device
from tools.spec.chips import ChipKind, kind

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
    busy = [_named(one) for one in table.processes_of(chip) or ()]
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

    In a container npu-smi may show the host's number of our process: one process where one is expected is taken for ours,
    unless its number in the container is shown beside it. One without a readable number may be ours or not.
    """
    chip = table.of_device(device)
    if chip is None:
        return Sample(unknown=(f"npu-smi shows no device {device}",))
    shown = table.processes_of(chip) or ()
    others = [one for one in shown if ours not in (one.pid, one.container_pid)]
    if len(others) == len(shown) == 1 and _may_be_a_host_number(others[0]):
        others = []
    busy = [_named(one) for one in others if one.pid is not None]
    if chip.health != "OK":
        busy.append(f"health {chip.health}")
    return Sample(tuple(busy), tuple(_named(one) for one in others if one.pid is None))


def _may_be_a_host_number(process: Process) -> bool:
    return process.pid is not None and process.container_pid is None and not Path(f"/proc/{process.pid}").exists()


def _named(process: Process) -> str:
    number = "of an unreadable number" if process.pid is None else process.pid
    return f"process {number} {process.name}".rstrip()


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
        return judge(self._samples)

    def _watch(self, measuring: Connection, ours: int) -> None:
        die_with_parent()
        self._watching.close()  # the other end of the pipe, which would never seem closed
        if os.getppid() != ours:  # it ended before it could be followed
            return
        samples = []
        while not measuring.poll(DURING_S):
            samples.append(self._sample(lambda table: look_during(table, self._device, ours)))
        measuring.send([*samples, self._sample(lambda table: look_during(table, self._device, ours))])

    def _sample(self, look: Callable[[Table], Sample]) -> Sample:
        try:
            return look(self._look())
        except DeviceError as error:
            return Sample(unknown=(error.what,))


UNFIT = ("Critical", "UNKNOWN")  # Warning and Alarm run, and carry no judgement of speed


def require_fit(table: Table, device: Device) -> ChipKind:
    """The kind of chip *device* is, once nothing in *table* speaks against using it.

    Raises:
        DeviceError: npu-smi shows no such device, one that is not well, or one of another nature.
    """
    assert device.index is not None
    chip = table.of_device(device.index)
    if chip is None:
        raise DeviceError(f"npu-smi shows no device {device.index}", where="npu-smi info",
                          remedy="python -m tools.doctor says which it shows")
    found = kind(chip.name)
    if chip.health in UNFIT:
        raise DeviceError(f"{device.label} is not fit to be used: its health is {chip.health}", where="npu-smi info",
                          remedy="see to the device, or choose another with --device")
    if found.simulated != device.simulated:
        raise DeviceError(f"{device.label} and the chip name {chip.name!r} disagree on whether this is a simulation", where="npu-smi info",
                          remedy="device nodes, npu-smi and aclruntime must be of one machine: check CLIPGATE_DEVICE_NODES and PATH")
    return found
