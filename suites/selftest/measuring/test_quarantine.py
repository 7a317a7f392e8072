"""Devices that a run gives up, and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.errors import DeviceError
from tools.measuring.quarantine import count_kernel_fault, forget_kernel_faults, give_up, refuse
from tools.spec.case import Device

NPU0, NPU1, SIMULATED = Device("npu", 0), Device("npu", 1), Device("npu", 0, simulated=True)


def reason(run: Path, device: Device = NPU0) -> str:
    """Why *device* is not used any more; empty if it is."""
    try:
        refuse(run, device)
    except DeviceError as error:
        return error.what.removeprefix(f"{device.label} is not used again in this run: ")
    return ""


def test_a_device_that_was_given_up_is_refused_with_the_reason(tmp_path: Path) -> None:
    """For the rest of the run; the others go on, and a simulated one is another."""
    assert reason(tmp_path) == ""

    give_up(tmp_path, NPU0, "lost while it was measured")
    with pytest.raises(DeviceError) as error:
        refuse(tmp_path, NPU0)
    assert "npu0 is not used again in this run: lost while it was measured" == error.value.what
    assert str(tmp_path / "devices" / "npu0.json") == error.value.where
    assert ["", ""] == [reason(tmp_path, NPU1), reason(tmp_path, SIMULATED)]


def test_another_run_starts_anew(tmp_path: Path) -> None:
    """What is kept is kept below the run."""
    give_up(tmp_path / "one", NPU0, "lost")

    assert ["lost", ""] == [reason(tmp_path / "one"), reason(tmp_path / "two")]


def test_two_kernel_faults_in_a_row_give_a_device_up(tmp_path: Path) -> None:
    """One does not; each device is counted for itself."""
    count_kernel_fault(tmp_path, NPU0, "a kernel failed")
    count_kernel_fault(tmp_path, NPU1, "a kernel failed")
    assert ["", ""] == [reason(tmp_path, NPU0), reason(tmp_path, NPU1)]

    count_kernel_fault(tmp_path, NPU0, "another failed (507015)")
    assert ["2 cells in a row failed: another failed (507015)", ""] == [reason(tmp_path, NPU0), reason(tmp_path, NPU1)]


def test_a_good_cell_makes_them_no_row(tmp_path: Path) -> None:
    """Of this device, not of others."""
    count_kernel_fault(tmp_path, NPU0, "a")
    forget_kernel_faults(tmp_path, NPU0)
    count_kernel_fault(tmp_path, NPU0, "b")
    assert reason(tmp_path) == ""

    forget_kernel_faults(tmp_path, NPU1)
    count_kernel_fault(tmp_path, NPU0, "c")
    assert "2 cells in a row failed: c" == reason(tmp_path)


def test_the_first_reason_stays(tmp_path: Path) -> None:
    """Neither a cell that had begun before, nor its good end, nor its fault changes it."""
    give_up(tmp_path, NPU0, "lost")
    forget_kernel_faults(tmp_path, NPU0)
    for _ in range(3):
        count_kernel_fault(tmp_path, NPU0, "a kernel failed")
    forget_kernel_faults(tmp_path, NPU0)
    give_up(tmp_path, NPU0, "lost again")

    assert "lost" == reason(tmp_path)


def test_a_good_cell_of_a_good_device_leaves_nothing(tmp_path: Path) -> None:
    """There is nothing to note."""
    forget_kernel_faults(tmp_path, NPU0)

    assert [] == list(tmp_path.iterdir())
