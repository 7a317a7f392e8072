"""The state of the simulated CUDA host that CLIPGATE_SIMULATED_CUDA names, as a process on it meets it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from simulated_cuda import hosts

Gpu = dict[str, Any]


def root() -> Path:
    """The folder of the simulated host."""
    return Path(os.environ[hosts.CUDA])


def read() -> dict[str, Any]:
    """The state as it is now, for reading only; it may change between two calls."""
    return hosts.read(root())


def gpus() -> list[Gpu]:
    """The GPUs in PCI order, as NVML numbers them."""
    return sorted(read()["gpus"], key=lambda gpu: str(gpu["pci"]))


def ordered() -> list[Gpu]:
    """The GPUs as the CUDA runtime numbers them.

    The fastest comes first, unless CUDA_DEVICE_ORDER says otherwise. CUDA_VISIBLE_DEVICES chooses by number
    or uuid, and ends at the first that is not there.
    """
    found = gpus()
    if os.environ.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        found.sort(key=lambda gpu: [-part for part in gpu["compute"]])
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return found
    chosen: list[Gpu] = []
    for text in map(str.strip, wanted.split(",")):
        named = [gpu for gpu in found if text.startswith("GPU-") and gpu["uuid"].startswith(text)]
        named += [found[int(text)]] if text.isdigit() and int(text) < len(found) else []
        if not named or named[0] in chosen:
            break
        chosen.append(named[0])
    return chosen


def due(kind: str, gpu: Gpu | None = None, batch: int | None = None, at: str | None = None) -> dict[str, Any] | None:
    """The first fault of *kind* that strikes this call, or None; counts the call."""
    return hosts.due(root(), kind, None if gpu is None else gpu["device"], batch, at)


def seen(kind: str, gpu: Gpu, what: str = "") -> dict[str, Any] | None:
    """The first fault of *kind* that is seen on a GPU now; at='during' needs one of ours there."""
    ours = any(entry["device"] == gpu["device"] for entry in hosts.sessions(root()))
    for fault in read()["faults"]:
        if (fault["kind"] == kind and fault.get("device", gpu["device"]) == gpu["device"] and fault.get("what", what) == what
                and (ours or fault.get("at") != "during")):
            return dict(fault)
    return None


def lose(gpu: Gpu) -> None:
    """Let a GPU fall off the bus until the state is cleared."""
    hosts.lose(root(), gpu["device"])


def lost(gpu: Gpu) -> bool:
    return hosts.lost(root(), gpu["device"])


def held(gpu: Gpu) -> list[dict[str, Any]]:
    """What living processes hold on a GPU, ours and those that the state or a fault puts there."""
    ours = [entry for entry in hosts.sessions(root()) if entry["device"] == gpu["device"]]
    return [*ours, *gpu["processes"]]


def hold(gpu: Gpu, memory_mb: int) -> None:
    """Enter what this process holds on a GPU into the driver's table."""
    entry = {"pid": os.getpid(), "device": gpu["device"], "memory_mb": memory_mb, "name": sys.executable}
    hosts.replace_text(root() / "sessions" / f"{os.getpid()}-{gpu['device']}.json", json.dumps(entry))


def marked_running(busy: bool) -> None:
    """Say whether this process is inside an execution."""
    path = root() / "running" / str(os.getpid())
    path.touch() if busy else path.unlink(missing_ok=True)


def computing(gpu: Gpu) -> bool:
    """Whether one of ours is inside an execution on a GPU."""
    return any(hosts.running(root(), entry["pid"]) for entry in hosts.sessions(root()) if entry["device"] == gpu["device"])
