"""What any simulated host keeps in files of one folder: its state, faults that are due, who holds a device.

Standard library only, any Python from 3.8: programs of a simulated host run with the system's Python.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NPU, CUDA = "CLIPGATE_SIMULATED_NPU", "CLIPGATE_SIMULATED_CUDA"  # variables that name the folder of a host
COMPARED = ("device", "batch")
_last: dict[str, Any] = {}


def read(folder: Path) -> dict[str, Any]:
    """The state as it is now, for reading only; it may change between two calls."""
    path = folder / "state.json"
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


def with_fault(state: dict[str, Any], kinds: dict[str, str], kind: str, conditions: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The state with one more fault, and that fault's id.

    Raises:
        ValueError: there is no such fault.
    """
    if kind not in kinds:
        raise ValueError(f"no fault {kind!r}; there are: {', '.join(kinds)}")
    made = state["made"] + 1
    fault = {"id": f"{kind}-{made}", "kind": kind, **{name: value for name, value in conditions.items() if value is not None}}
    return state | {"faults": [*state["faults"], fault], "made": made}, str(fault["id"])


def applies(fault: dict[str, Any], device: int | None, batch: int | None, at: str | None) -> bool:
    """Whether a fault's conditions hold for this call."""
    values = {"device": device, "batch": batch}
    if any(fault.get(name) is not None and fault[name] != values[name] for name in COMPARED):
        return False
    if fault.get("min_batch") is not None and (batch is None or batch < fault["min_batch"]):
        return False
    return at is None or fault.get("at", "run") == at


def due(folder: Path, kind: str, device: int | None = None, batch: int | None = None, at: str | None = None) -> dict[str, Any] | None:
    """The first fault of *kind* that strikes this call, or None; counts the call.

    A fault strikes from its `nth` matching call on, `times` times, counted over all processes.
    """
    for fault in read(folder)["faults"]:
        if fault["kind"] == kind and applies(fault, device, batch, at) and _turn(folder / "counters", fault):
            return dict(fault)
    return None


def _turn(folder: Path, fault: dict[str, Any]) -> bool:
    path = folder / fault["id"]
    with locked(folder, "counters"):
        seen, fired = json.loads(path.read_text()) if path.exists() else (0, 0)
        seen += 1
        strikes = seen >= fault.get("nth", 1) and fired < fault.get("times", float("inf"))
        replace_text(path, json.dumps([seen, fired + strikes]))
    return bool(strikes)


def count(folder: Path, fault: str) -> int:
    """How often a fault has struck."""
    path = folder / "counters" / fault
    return int(json.loads(path.read_text())[1]) if path.exists() else 0


def lose(folder: Path, device: int) -> None:
    """Take a device away until the state is cleared."""
    (folder / "lost" / str(device)).touch()


def lost(folder: Path, device: int) -> bool:
    """Whether a device has been taken away."""
    return (folder / "lost" / str(device)).exists()


def alive(pid: int) -> bool:
    """Whether a process runs (one that is dead and not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def sessions(folder: Path) -> list[dict[str, Any]]:
    """What living processes hold on the devices."""
    found = []
    for path in sorted((folder / "sessions").glob("*.json")):
        with contextlib.suppress(FileNotFoundError):
            found.append(json.loads(path.read_text()))
    return [entry for entry in found if alive(entry["pid"])]


def running(folder: Path, pid: int) -> bool:
    """Whether a process is inside an execution."""
    return (folder / "running" / str(pid)).exists()


@contextlib.contextmanager
def deaf() -> Iterator[None]:
    """No Python signal handler of this thread runs meanwhile; unhandled signals do what they always do."""
    handled = {number for number in signal.valid_signals() if callable(signal.getsignal(number))}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, handled)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
