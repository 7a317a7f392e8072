"""The calls of aclruntime's builds, told apart by what they have, never by a version: they all call themselves 0.0.2.

Source: the extension's own code (2022-06 to 2026-08) and what two builds of it were seen to do.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from tools.errors import EngineError

COARSE = 0.01  # share of a time that its clock's resolution may be


class Resident(Protocol):
    """A tensor of the extension: its buffer on the device after `to_device`, readable by NumPy after `to_host`."""

    def to_device(self, device: int) -> None: ...
    def to_host(self) -> None: ...


class Description(Protocol):
    """An input or output. Only valid while the session lives, so its fields are copied at once."""

    name: str
    datatype: int
    shape: Sequence[int]
    size: int


class Session(Protocol):
    """What every build's session has; the rest is probed for."""

    def get_inputs(self) -> Sequence[Description]: ...
    def get_outputs(self) -> Sequence[Description]: ...


Execute = Callable[[list[Resident]], Sequence[Resident]]


def first_of(session: Session, *names: str) -> Callable[..., object]:
    """The first of these calls that this build has.

    Raises:
        EngineError: it has none of them.
    """
    for name in names:
        if hasattr(session, name):
            found: Callable[..., object] = getattr(session, name)
            return found
    raise EngineError(f"this build of aclruntime has no {' or '.join(names)}", remedy="install another build of it")


def runner(session: Session, outputs: list[str]) -> Execute:
    """One execution by whichever calls this build has."""
    if hasattr(session, "run") or hasattr(session, "run_from_tensors"):
        whole: Execute = partial(first_of(session, "run", "run_from_tensors"), outputs)  # type: ignore[assignment]
        return whole

    def split(tensors: list[Resident]) -> Sequence[Resident]:
        first_of(session, "run_setinputs")(tensors)
        first_of(session, "run_execute")()
        found: Sequence[Resident] = first_of(session, "run_getoutputs")(outputs)  # type: ignore[assignment]
        return found

    return split


def durations(entries: Sequence[float | tuple[float, float]]) -> list[float]:
    """Seconds from either form of the runtime's list: milliseconds, or pairs of start and end since the session began.

    The pairs are float32, so that an hour after the start a millisecond is four steps: where a step is more than a
    hundredth of the mean, no times are given; nor where somebody has set the clock, which is the wall's, back.
    """
    pairs = [entry for entry in entries if isinstance(entry, tuple | list)]
    if not pairs:
        found = [float(entry) / 1e3 for entry in entries if isinstance(entry, float | int)]
        return found if min(found, default=1.0) > 0 else []
    found = [(float(end) - float(start)) / 1e3 for start, end in pairs]
    step = float(np.spacing(np.float32(pairs[-1][1]))) / 1e3
    return found if step <= COARSE * (sum(found) / len(found)) and min(found) > 0 else []


def unbuffer_stdout() -> None:
    """Let C's stdout through at once: the runtime prints its codes there, and a process that is killed loses what is buffered."""
    libc = ctypes.CDLL(None)
    libc.setvbuf(ctypes.c_void_p.in_dll(libc, "stdout"), None, 2, 0)  # _IONBF
