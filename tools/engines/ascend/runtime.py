"""The calls of aclruntime's builds. What a build has tells it apart: all of them name their version 0.0.2.

Known from the extension's own code (2022-06 to 2026-08), and from what two builds of it were seen to do.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from tools.errors import EngineError

COARSE = 0.01  # the share of a time that its clock's resolution may be


class Resident(Protocol):
    """A tensor of the extension: on the device after `to_device`, readable by NumPy after `to_host`."""

    def to_device(self, device: int) -> None: ...
    def to_host(self) -> None: ...


class Description(Protocol):
    """An input or output. It lives as long as the session, so its fields are copied at once."""

    name: str
    datatype: int
    shape: Sequence[int]
    size: int


class Session(Protocol):
    """What every build's session has. The rest is probed for."""

    def get_inputs(self) -> Sequence[Description]: ...
    def get_outputs(self) -> Sequence[Description]: ...


Execute = Callable[[list[Resident]], Sequence[Resident]]


def first_of(session: Session, *names: str) -> Callable[..., object]:
    """The first of these calls that this build has; an EngineError where it has none of them."""
    for name in names:
        if hasattr(session, name):
            call: Callable[..., object] = getattr(session, name)
            return call
    raise EngineError(f"this build of aclruntime has no {' or '.join(names)}", remedy="install another build of it")


def runner(session: Session, outputs: list[str]) -> Execute:
    """What executes the model once, by the calls that this build has."""
    if hasattr(session, "run") or hasattr(session, "run_from_tensors"):
        return partial(first_of(session, "run", "run_from_tensors"), outputs)  # type: ignore[return-value]

    def split(tensors: list[Resident]) -> Sequence[Resident]:
        first_of(session, "run_setinputs")(tensors)
        first_of(session, "run_execute")()
        return first_of(session, "run_getoutputs")(outputs)  # type: ignore[return-value]

    return split


def durations(entries: Sequence[float | tuple[float, float]]) -> list[float]:
    """Seconds from either form of the runtime's list: milliseconds, or pairs of start and end in the session.

    The pairs are float32: an hour after the start a millisecond is four steps. Where a step is more than a
    hundredth of the mean, no times are given. Nor are they where somebody has set back the wall's clock.
    """
    pairs = [entry for entry in entries if isinstance(entry, tuple | list)]
    if not pairs:
        times = [float(entry) / 1e3 for entry in entries if isinstance(entry, float | int)]
        return times if min(times, default=1.0) > 0 else []
    times = [(float(end) - float(start)) / 1e3 for start, end in pairs]
    step = float(np.spacing(np.float32(pairs[-1][1]))) / 1e3
    return times if step <= COARSE * (sum(times) / len(times)) and min(times) > 0 else []


def unbuffer_stdout() -> None:
    """Let C's stdout through at once. The runtime prints its codes there, and a kill would lose a buffer."""
    libc = ctypes.CDLL(None)
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, 2, 0)  # _IONBF
