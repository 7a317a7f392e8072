"""Devices that a run no longer uses: a lost device stays lost until an operator has seen to it."""

from __future__ import annotations

import json
from pathlib import Path

from tools.errors import DeviceError
from tools.machine.files import write_whole
from tools.machine.reading import load_json, refusing
from tools.spec.case import Device

FOLDER = "devices"
LONGEST = 2000  # letters of a reason, which another user may have written
MAX_KERNEL_FAULTS = 2  # cells in a row


def refuse(run: Path, device: Device) -> None:
    """Raise a DeviceError with the reason if this run has given *device* up."""
    reason = given_up(run, device)
    if reason:
        raise DeviceError(f"{device.label} is not used again in this run: {reason}", where=str(note(run, device)),
                          remedy="see to the device (its driver's log, python -m tools.doctor), then run again; other devices go on")


def given_up(run: Path, device: Device) -> str:
    """Why the run has given *device* up; empty if it has not."""
    return _read(run, device)[0]


def give_up(run: Path, device: Device, reason: str) -> None:
    """Stop using *device* in this run; the first reason stays."""
    before, faults = _read(run, device)
    _write(run, device, before or reason, faults)


def count_kernel_fault(run: Path, device: Device, sentence: str) -> None:
    """Count a cell that ended in a kernel fault; the device is given up at the second in a row."""
    reason, faults = _read(run, device)
    again = faults + 1 >= MAX_KERNEL_FAULTS
    _write(run, device, reason or (f"{faults + 1} cells in a row failed: {sentence}" if again else ""), faults + 1)


def forget_kernel_faults(run: Path, device: Device) -> None:
    """Note that a cell went well."""
    reason, faults = _read(run, device)
    if faults and not reason:
        _write(run, device, "", 0)


def note(run: Path, device: Device) -> Path:
    """Where the run notes what it knows of *device*."""
    return run / FOLDER / f"{device.label}.json"


def _read(run: Path, device: Device) -> tuple[str, int]:
    path = note(run, device)
    if not path.is_file():
        return "", 0
    kept = load_json(path, DeviceError, "what the run noted of the device", "start a new run")
    with refusing(DeviceError, "what the run noted of the device cannot be read", str(path), "start a new run"):
        return " ".join(str(kept["given_up"])[:LONGEST].split()), int(kept["kernel_faults"])


def _write(run: Path, device: Device, reason: str, faults: int) -> None:
    path = note(run, device)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, lambda file: file.write(json.dumps({"given_up": reason, "kernel_faults": faults}).encode()))
