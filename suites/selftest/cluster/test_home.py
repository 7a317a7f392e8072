"""A node's own place: which folders hold there, and which device Ray has given to a task."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from suites.selftest.cluster.node import own_file
from suites.selftest.conftest import TINY_MODELS
from tools.cluster import home
from tools.datasets import ledger
from tools.datasets.listing import Listing
from tools.errors import ClusterError, OptionError
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.options import ARTIFACTS, MODELS
from tools.spec.settings import ROOT, Settings
from tools.storage.context import Context

NPU = Case("tsm", 16, Device("npu", simulated=True))


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a task changes of the environment is undone."""
    for name in (*home.SET_BY_RAY, ledger.READER, home.NODE):
        monkeypatch.setenv(name, "7")
    monkeypatch.setenv(home.NODE, "off")


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two devices that are none."""
    for number in range(2):
        (tmp_path / f"davinci{number}").write_text("")
    monkeypatch.setenv("CLIPGATE_DEVICE_NODES", str(tmp_path))


def test_what_nobody_says_is_the_checkouts_or_the_drivers(tmp_path: Path) -> None:
    """Artifacts lie in the node's checkout, data and locks where the driver has them; no history is kept."""
    driver = Settings.parse({"artifacts": str(tmp_path / "driver"), "data_root": str(tmp_path), "locks": str(tmp_path), "clips": "24",
                             "ray": "auto", "expect": "top1=0.5", "atc_flags": "--a=1 --b"})
    there = home.settings(driver)

    assert (ARTIFACTS, str(tmp_path), str(tmp_path), "off", "") == (there.artifacts, there.data_root, there.locks, there.history, there.ray)
    assert (24, driver.expect, driver.atc_flags) == (there.clips, there.expect, there.atc_flags)


def test_a_nodes_own_file_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the three folders alone: what is measured is the driver's to say."""
    own_file(monkeypatch, tmp_path, data_root="data", locks="locks", clips=3, budget_s=5)
    there = home.settings(Settings.parse({"data_root": str(tmp_path), "clips": "24"}))
    node = tmp_path / "node"

    assert (node / "art", str(node / "data"), str(node / "locks"), 24, 60.0) == (
        there.artifacts, there.data_root, there.locks, there.clips, there.budget_s)


def test_a_file_that_the_driver_names_has_to_be_on_the_node(tmp_path: Path) -> None:
    """A list, a checkpoint or a folder that is not there is one sentence; mini clips need no data root."""
    (tmp_path / "own.txt").write_text("")
    (tmp_path / "root").mkdir()
    driver = Settings.parse({"data": str(tmp_path / "own.txt"), "data_root": str(tmp_path / "root")})
    mini = Settings.parse({"data": "mini", "data_root": str(tmp_path / "root")})
    (tmp_path / "own.txt").unlink()
    (tmp_path / "root").rmdir()

    with pytest.raises(OptionError, match=r"own\.txt") as error:
        home.settings(driver)
    assert "--data-root" in str(error.value)
    assert home.settings(mini).data_root == ""


def test_the_folder_of_models_is_that_of_the_nodes_own_checkout() -> None:
    """As settings travel it is relative; and what `auto` means is decided by the driver, once."""
    context = Context(Settings.parse({"models": str(TINY_MODELS)}), load_spec(TINY_MODELS, "tiny"))
    sent = home.sent(context)

    assert (TINY_MODELS.relative_to(ROOT), "mini", "mini") == (sent.models, sent.data, sent.weights)
    assert TINY_MODELS == home.settings(sent).models
    assert MODELS == home.settings(Settings.parse({})).models


def test_a_task_has_the_device_that_ray_gave_it(devices: None) -> None:
    """By the node's own number, since the variables of Ray that renumber devices are gone."""
    home.environment()

    assert Device("npu", 1, simulated=True) == home.device(NPU, {"NPU": ["1"]})
    assert Device("cpu") == home.device(Case("tsm", 16, Device("cpu")), {})
    assert not [name for name in home.SET_BY_RAY if name in os.environ]


@pytest.mark.parametrize("ids", [{}, {"NPU": []}, {"NPU": ["0", "1"]}, {"NPU": ["GPU-a-b"]}], ids=["no", "none", "two", "named"])
def test_a_task_without_one_device_measures_nothing(devices: None, ids: home.Ids) -> None:
    """It is told how many Ray has given, and how a node is started."""
    with pytest.raises(ClusterError, match="Ray has given this task"):
        home.device(NPU, ids)


def test_a_simulated_device_stands_for_no_real_one(devices: None) -> None:
    """Nor a device that is there for one that is not."""
    home.environment()
    with pytest.raises(ClusterError, match="npu0sim is simulated, and the run is about real ones"):
        home.device(Case("tsm", 16, Device("npu")), {"NPU": ["0"]})
    with pytest.raises(OptionError, match="no such device"):
        home.device(NPU, {"NPU": ["2"]})


def test_torch_takes_the_gpu_that_its_task_was_given_and_no_other() -> None:
    """Whatever GPUs the node has: others of them are other tasks'."""
    assert Device("cuda", 3) == home.torch_device("auto", {"GPU": ["3"]})
    assert Device("cpu") == home.torch_device("auto", {}) == home.torch_device("cpu", {"GPU": []})
    with pytest.raises(ClusterError, match="no GPU"):
        home.torch_device("cuda:0", {})


def test_each_host_reads_its_own_disks(tmp_path: Path) -> None:
    """A ledger that another host has filled, in a folder that both see, tells nothing of this one's files."""
    listing = Listing("d", tmp_path / "l.txt", tmp_path / "l.txt", tmp_path, "features", 0, lambda: iter(()))
    paths = []
    for host in ("a", "b", ""):
        os.environ[ledger.READER] = host
        paths.append(ledger.path_of(tmp_path, listing))
    del os.environ[ledger.READER]

    assert 3 == len(set(paths))
    assert paths[-1] == ledger.path_of(tmp_path, listing)
