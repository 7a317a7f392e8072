"""What the simulated host is like, which faults are due, and who holds a device: files under one folder.

Standard library only, any Python from 3.8: the compiler and the status tool run with the system's Python.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT_VARIABLE = "CLIPGATE_SIMULATED_NPU"
COMPARED = ("device", "batch")
_last: dict[str, Any] = {}


def root() -> Path:
    """The folder of the simulated host."""
    return Path(os.environ[ROOT_VARIABLE])


def read(folder: Path | None = None) -> dict[str, Any]:
    """The state as it is now, for reading only; it may change between two calls."""
    path = (folder or root()) / "state.json"
    found = path.stat()
    mark = (path, found.st_ino, found.st_mtime_ns)
    if _last.get("mark") != mark:
        _last.update(mark=mark, state=json.loads(path.read_text()))
    state: dict[str, Any] = _last["state"]
    return state


def write(folder: Path, state: dict[str, Any]) -> None:
    """Replace the state in one step."""
    replace_text(folder / "state.json", json.dumps(state, indent=1))


def replace_text(path: Path, text: str) -> None:
    """Write a whole file or nothing."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text)
    os.replace(part, path)


@contextlib.contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock that other processes respect; it ends with the process."""
    with open(folder / f"{name}.lock", "a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def applies(fault: dict[str, Any], device: int | None, batch: int | None, at: str | None) -> bool:
    """Whether a fault's conditions hold for this call."""
    values = {"device": device, "batch": batch}
    if any(fault.get(name) is not None and fault[name] != values[name] for name in COMPARED):
        return False
    if fault.get("min_batch") is not None and (batch is None or batch < fault["min_batch"]):
        return False
    return at is None or fault.get("at", "run") == at


def due(kind: str, device: int | None = None, batch: int | None = None, at: str | None = None) -> dict[str, Any] | None:
    """The first fault of *kind* that strikes this call, or None; counts the call.

    A fault strikes from its `nth` matching call on, `times` times, counted over all processes.
    """
    for fault in read()["faults"]:
        if fault["kind"] == kind and applies(fault, device, batch, at) and _turn(fault):
            return dict(fault)
    return None


def _turn(fault: dict[str, Any]) -> bool:
    folder = root() / "counters"
    path = folder / fault["id"]
    with locked(folder, "counters"):
        seen, fired = json.loads(path.read_text()) if path.exists() else (0, 0)
        seen += 1
        strikes = seen >= fault.get("nth", 1) and fired < fault.get("times", float("inf"))
        replace_text(path, json.dumps([seen, fired + strikes]))
    return bool(strikes)


def lose(device: int) -> None:
    """Take a device away until the state is cleared."""
    (root() / "lost" / str(device)).touch()


def lost(device: int) -> bool:
    """Whether a device has been taken away."""
    return (root() / "lost" / str(device)).exists()


def visible_devices() -> list[int]:
    """Physical ids by logical id, as ASCEND_RT_VISIBLE_DEVICES renumbers; a foreign sign ends the text."""
    present = [entry["device"] for entry in read()["devices"]]
    wanted = os.environ.get("ASCEND_RT_VISIBLE_DEVICES")
    if wanted is None:
        return present
    match = re.match(r"\d+(,\d+)*", wanted)
    ids = [int(text) for text in match.group().split(",")] if match else []
    return ids if ids == sorted(set(ids)) and set(ids) <= set(present) else []


def alive(pid: int) -> bool:
    """Whether a process runs (one that is dead and not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def sessions() -> list[dict[str, Any]]:
    """What living processes hold on the devices."""
    found = []
    for path in sorted((root() / "sessions").glob("*.json")):
        with contextlib.suppress(FileNotFoundError):
            found.append(json.loads(path.read_text()))
    return [entry for entry in found if alive(entry["pid"])]


def running(pid: int) -> bool:
    """Whether a process is inside an execution."""
    return (root() / "running" / str(pid)).exists()
