"""Which device --device names, by the nodes of a machine."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tools import engines
from tools.engines.ascend.nodes import NODES, RENUMBERED, devices, folder
from tools.errors import OptionError
from tools.spec.case import Device


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of nodes, in use; no variable of the runtime's is set."""
    monkeypatch.setenv(NODES, str(tmp_path))
    monkeypatch.delenv(RENUMBERED, raising=False)
    return tmp_path


def test_a_device_is_counted_among_those_there(nodes: Path) -> None:
    """npu:0 is the first node, whatever it is numbered; what only looks like a node is none."""
    for name in ("davinci3", "davinci_manager", "davinci", "davinci3x", "xdavinci1", "devmm_svm"):
        (nodes / name).touch()

    assert [Device("npu", 0, simulated=True)] == devices()
    assert Device("npu", 0, simulated=True) == engines.parse("npu:0")


def test_nodes_are_ordered_by_number(nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """davinci10 comes after davinci9: here the two are told apart by what kind of node they are."""
    for name in ("davinci10", "davinci9"):
        (nodes / name).touch()
    made = os.stat_result((stat.S_IFCHR | 0o660, *[0] * 9))
    real = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **how: made if path.name == "davinci10" else real(path, **how))

    assert [Device("npu", 0, simulated=True), Device("npu", 1, simulated=False)] == devices()


def test_a_node_that_is_no_character_device_is_simulated(nodes: Path) -> None:
    """The label says which of the two it is."""
    (nodes / "davinci0").touch()
    (nodes / "davinci1").symlink_to(os.devnull)

    assert ["npu0sim", "npu1"] == [device.label for device in devices()]


def test_a_node_that_leads_nowhere_is_no_device(nodes: Path) -> None:
    """A link whose target is gone is passed over, and what is left is counted."""
    (nodes / "davinci0").symlink_to(nodes / "gone")
    (nodes / "davinci1").touch()

    assert ["npu0sim"] == [device.label for device in devices()]


def test_a_machine_without_nodes_names_the_folder(nodes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says where the nodes would be, and also where even that folder is not there."""
    with pytest.raises(OptionError) as error:
        engines.parse("npu:0")
    assert f"no Ascend device: {nodes} has no davinci0" == error.value.what

    monkeypatch.setenv(NODES, str(nodes / "none"))
    with pytest.raises(OptionError) as error:
        engines.parse("npu:0")
    assert f"no Ascend device: {nodes / 'none'} has no davinci0" == error.value.what


def test_nodes_are_looked_for_in_dev(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a variable that says otherwise."""
    monkeypatch.delenv(NODES, raising=False)

    assert Path("/dev") == folder()


@pytest.mark.parametrize("index", [2, 4])
def test_a_device_out_of_range_names_the_choices(nodes: Path, index: int) -> None:
    """The error counts the devices that are there and names each; a node's number is no choice."""
    for name in ("davinci4", "davinci6"):
        (nodes / name).touch()
    with pytest.raises(OptionError) as error:
        engines.parse(f"npu:{index}")

    assert "no such device: this machine has 2 Ascend device(s)" == error.value.what
    assert "choose one of: npu:0, npu:1, cpu" == error.value.remedy
    assert f"--device npu:{index}" == error.value.where


@pytest.mark.parametrize("value", ["0", "0,1", ""])
def test_renumbered_devices_are_refused(nodes: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Where the runtime would count otherwise than --device, even with an empty list; the CPU is exempt."""
    (nodes / "davinci0").touch()
    monkeypatch.setenv(RENUMBERED, value)
    with pytest.raises(OptionError) as error:
        engines.parse("npu:0")

    assert f"{RENUMBERED}={value} renumbers the devices" in error.value.what
    assert Device("cpu") == engines.parse("cpu")


@pytest.mark.parametrize("text", ["", "npu", "cpu:0", "npu:", "npu:x", "npu:-1", "cuda", "gpu:0", "npu0", " cpu", "cpu\n", "npu:0 "])
def test_an_unknown_device_is_refused(nodes: Path, text: str) -> None:
    """What is neither cpu nor npu:K is an OptionError that names the choices."""
    (nodes / "davinci0").touch()
    with pytest.raises(OptionError, match="unknown device") as caught:
        engines.parse(text)

    assert ("--device", "choose auto, cpu, cuda:K, or npu:K (several with commas)") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("text", "device", "label"), [
    ("cpu", Device("cpu"), "cpu"), ("npu:0", Device("npu", 0, simulated=True), "npu0sim"),
    ("npu:12", Device("npu", 12, simulated=True), "npu12sim")])
def test_a_device_is_a_family_and_an_index(nodes: Path, text: str, device: Device, label: str) -> None:
    """A device is read as it is written, and stands in ids without the colon."""
    for number in range(13):
        (nodes / f"davinci{number}").touch()
    found = engines.parse(text)

    assert (device, text, label) == (found, str(found), found.label)
