"""The state of the simulated Ascend host that CLIPGATE_SIMULATED_NPU names.

Standard library only, any Python from 3.8: the compiler and the status tool run with the system's Python.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from simulated import hosts
from simulated.hosts import replace_text as replace_text


def root() -> Path:
    """The folder of the simulated host."""
    return Path(os.environ[hosts.NPU])


def read() -> dict[str, Any]:
    """The state as it is now, for reading only; it may change between two calls."""
    return hosts.read(root())


def due(kind: str, device: int | None = None, batch: int | None = None, at: str | None = None) -> dict[str, Any] | None:
    """The first fault of *kind* that strikes this call, or None; counts the call."""
    return hosts.due(root(), kind, device, batch, at)


def lose(device: int) -> None:
    """Take a device away until the state is cleared."""
    hosts.lose(root(), device)


def lost(device: int) -> bool:
    """Whether a device has been taken away."""
    return hosts.lost(root(), device)


def visible_devices() -> list[int]:
    """Physical ids by logical id, as ASCEND_RT_VISIBLE_DEVICES renumbers; a foreign sign ends the text."""
    present = [entry["device"] for entry in read()["devices"]]
    wanted = os.environ.get("ASCEND_RT_VISIBLE_DEVICES")
    if wanted is None:
        return present
    match = re.match(r"\d+(,\d+)*", wanted)
    ids = [int(text) for text in match.group().split(",")] if match else []
    return ids if ids == sorted(set(ids)) and set(ids) <= set(present) else []


def sessions() -> list[dict[str, Any]]:
    """What living processes hold on the devices."""
    return hosts.sessions(root())


def running(pid: int) -> bool:
    """Whether a process is inside an execution."""
    return hosts.running(root(), pid)
