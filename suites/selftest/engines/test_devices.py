"""Which device --device names, by the nodes of a machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tools.engines import devices
from tools.errors import OptionError
from tools.spec.case import Device


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of nodes, in use; no variable of the runtime's is set."""
    monkeypatch.setenv(devices.NODES, str(tmp_path))
    monkeypatch.delenv(devices.RENUMBERED, raising=False)
    return tmp_path


def test_a_device_is_counted_among_those_there(nodes: Path) -> None:
    """npu:0 is the first node, whatever it is numbered; what only looks like a node is none."""
    for name in ("davinci3", "davinci_manager", "davinci", "davinci3x", "xdavinci1", "devmm_svm"):
        (nodes / name).touch()

    assert [Device("npu", 0, simulated=True)] == devices.npus()
    assert Device("npu", 0, simulated=True) == devices.parse("npu:0")


def test_nodes_are_ordered_by_number(nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """davinci10 comes after davinci9: here the two are told apart by what kind of node they are."""
    for name in ("davinci10", "davinci9"):
        (nodes / name).touch()
    made = os.stat_result((stat.S_IFCHR | 0o660, *[0] * 9))
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **how: made if path.name == "davinci10" else real(path, **how))

    assert [Device("npu", 0, simulated=True), Device("npu", 1, simulated=False)] == devices.npus()


def test_a_node_that_is_no_character_device_is_simulated(nodes: Path) -> None:
    """The label says which of the two it is."""
    (nodes / "davinci0").touch()
    (nodes / "davinci1").symlink_to(os.devnull)

    assert ["npu0sim", "npu1"] == [device.label for device in devices.npus()]


def test_a_node_that_leads_nowhere_is_no_device(nodes: Path) -> None:
    """A link whose target is gone is passed over, and what is left is counted."""
    (nodes / "davinci0").symlink_to(nodes / "gone")
    (nodes / "davinci1").touch()

    assert ["npu0sim"] == [device.label for device in devices.npus()]


def test_a_machine_without_nodes_names_the_folder(nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where the nodes would be, and also where even that folder is not there."""
    with pytest.raises(OptionError) as error:
        devices.parse("npu:0")
    assert f"no Ascend device: {nodes} has no davinci0" == error.value.what

    monkeypatch.setenv(devices.NODES, str(nodes / "none"))
    with pytest.raises(OptionError) as error:
        devices.parse("npu:0")
    assert f"no Ascend device: {nodes / 'none'} has no davinci0" == error.value.what


def test_nodes_are_looked_for_in_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a variable that says otherwise."""
    monkeypatch.delenv(devices.NODES, raising=False)

    assert Path("/dev") == devices.folder()


@pytest.mark.parametrize("index", [2, 4])
def test_a_device_out_of_range_names_the_choices(nodes: Path, index: int) -> None:
    """The error counts the devices that are there and names each; a node's number is no choice."""
    for name in ("davinci4", "davinci6"):
        (nodes / name).touch()
    with pytest.raises(OptionError) as error:
        devices.parse(f"npu:{index}")

    assert "no such device: this machine has 2 Ascend device(s)" == error.value.what
    assert "choose one of: npu:0, npu:1, cpu" == error.value.remedy
    assert f"--device npu:{index}" == error.value.where


@pytest.mark.parametrize("value", ["0", "0,1", ""])
def test_renumbered_devices_are_refused(nodes: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Where the runtime would count otherwise than --device, even with an empty list; the CPU is not concerned."""
    (nodes / "davinci0").touch()
    monkeypatch.setenv(devices.RENUMBERED, value)
    with pytest.raises(OptionError) as error:
        devices.parse("npu:0")

    assert f"{devices.RENUMBERED}={value} renumbers the devices" in error.value.what
    assert Device("cpu") == devices.parse("cpu")


@pytest.mark.parametrize("text", ["npu", "npu:", "npu:-1", "npu0", "gpu:0", "cpu:0", ""])
def test_an_unknown_device_is_refused(nodes: Path, text: str) -> None:
    """Only cpu and npu:K are devices."""
    (nodes / "davinci0").touch()
    with pytest.raises(OptionError, match="unknown device"):
        devices.parse(text)
