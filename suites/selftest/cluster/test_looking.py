"""What a node says of itself: its code to the byte, its folders, its devices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.cluster.node import own_file
from suites.selftest.conftest import TINY_MODELS, python
from tools import engines
from tools.cluster import home, looking
from tools.cluster.values import Code, Failed, Node
from tools.engines.cpu import FAMILY
from tools.engines.cuda.family import FAMILY as GPUS
from tools.errors import DeviceError
from tools.spec.case import Device
from tools.spec.settings import ROOT, Settings

CODE = Code("abc", "0" * 64, "3.11.7", "2.60.0")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A driver's settings, for a node with an artifacts folder of its own."""
    own_file(monkeypatch, tmp_path)
    return Settings.parse({"models": str(TINY_MODELS), "artifacts": str(tmp_path / "driver")})


@pytest.mark.parametrize(("here", "told"), [
    (CODE, ""), (replace(CODE, commit="def"), ""),
    (replace(CODE, digest="1"), "differ although both are at commit abc"),
    (replace(CODE, digest="1", commit="def"), "commit def here, abc there"),
    (replace(CODE, python="3.12.1"), "python 3.12.1 here, 3.11.7 there"), (replace(CODE, ray="2.9"), "ray 2.9 here, 2.60.0 there"),
])
def test_other_code_is_told_in_words(here: Code, told: str) -> None:
    """What counts is what the files hold, and who runs them; a commit of other pages is no other code."""
    words = looking.differs(CODE, here)

    assert told in words
    assert bool(told) == bool(words)


def test_every_edit_below_tools_and_models_is_other_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed, new or renamed file, committed or not; what Python and editors leave beside them is none."""
    for place, text in (("tools/a.py", "1"), ("models/tsm.py", "2"), ("models/tsm.toml", "3")):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(text)
    monkeypatch.setattr(looking, "TOOLS", tmp_path / "tools")
    settings = replace(Settings.parse({}), models=tmp_path / "models")
    seen = [looking.now(settings).digest]
    tools, models = tmp_path / "tools", tmp_path / "models"
    for change in (lambda: (tools / "a.py").write_text("x"), lambda: (models / "tsm.toml").write_text("x"),
                   lambda: (models / "own.py").write_text(""), lambda: (tools / "a.py").rename(tools / "b.py")):
        change()
        seen.append(looking.now(settings).digest)
    (tmp_path / "tools" / "__pycache__").mkdir()
    (tmp_path / "tools" / "__pycache__" / "a.pyc").write_text("")
    (tmp_path / "models" / ".tsm.py.swp").write_text("")

    assert len(seen) == len(set(seen))
    assert seen[-1] == looking.now(settings).digest


def test_the_code_of_a_process_is_what_it_has_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that change under it do not change what it runs; what is there now is told beside it."""
    (tmp_path / "a.py").write_text("1")
    monkeypatch.setattr(looking, "TOOLS", tmp_path)
    settings = Settings.parse({})
    before = looking.code(settings)
    (tmp_path / "a.py").write_text("2")

    assert before == looking.code(settings) != looking.now(settings)


def test_a_node_says_what_it_is(settings: Settings, tmp_path: Path) -> None:
    """Its folders are its own file's; a token of the driver tells whether they share an artifacts folder."""
    (tmp_path / "node" / "art").mkdir(parents=True)
    (tmp_path / "node" / "art" / "token").write_text("")
    found, shared = looking.look(settings, "other"), looking.look(settings, "token")

    assert isinstance(found, Node)
    assert isinstance(shared, Node)
    assert (False, True) == (found.shares_store, shared.shares_store)
    assert (str(tmp_path / "node" / "art"), str(ROOT), "") == (found.artifacts, found.root, found.data_root)
    assert ((Device("cpu"), "cpu"),) == found.devices
    assert looking.code(settings) == found.code


def test_a_node_whose_own_file_is_wrong_says_so(settings: Settings, tmp_path: Path) -> None:
    """It is never looked past: the folder that it names is not there."""
    (tmp_path / "node" / "clipgate.toml").write_text('[tool.clipgate]\ndata-root = "nowhere"\n')
    found = looking.look(settings, "token")

    assert isinstance(found, Failed)
    assert found.unfit
    assert "nowhere" in found.raised.what


def test_a_device_that_is_not_fit_is_told_and_left_out(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the words of its family; one that Ray does not count is no device of the cluster."""
    def unfit(device: Device) -> None:
        raise DeviceError("its health is Critical")

    monkeypatch.setattr(FAMILY, "describe", unfit)
    monkeypatch.setattr(engines, "devices", lambda: [Device("npu", 3), Device("cpu")])
    monkeypatch.setattr(home, "resources", lambda: {"NPU": 2.0, "CPU": 8.0, "memory": 1e9})
    found = looking.look(settings, "token")

    assert isinstance(found, Node)
    assert ((), 8.0, 1e9) == (found.devices, found.cpus, found.memory_bytes)
    assert ("npu3: Ray counts 2 NPU here", "cpu: its health is Critical") == found.told


def test_a_node_that_was_lent_no_cores_has_none(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray leaves out what it was started with none of."""
    monkeypatch.setattr(home, "resources", lambda: {"node:a": 1.0})
    found = looking.look(settings, "token")

    assert isinstance(found, Node)
    assert (0.0, 0.0) == (found.cpus, found.memory_bytes)


def test_devices_that_ray_was_lent_keep_their_numbers(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that its tasks are given are the node's, and no others."""
    monkeypatch.setattr(GPUS, "describe", lambda device: FAMILY.describe(Device("cpu")))
    monkeypatch.setattr(engines, "devices", lambda: [Device("cuda", index) for index in range(4)])
    monkeypatch.setattr(home, "resources", lambda: {"GPU": 2.0, "CPU": 8.0})
    monkeypatch.setattr(home, "lent", lambda: {"GPU": ["2", "3"]})
    found = looking.look(settings, "token")

    assert isinstance(found, Node)
    assert ["cuda2", "cuda3"] == [device.label for device, _ in found.devices]
    assert tuple(f"cuda{index}: Ray counts 2 GPU here, lent as 2, 3" for index in range(2)) == found.told


def test_the_full_data_of_a_node_are_those_below_its_own_root(settings: Settings, tmp_path: Path) -> None:
    """A data set is named where its list is."""
    (tmp_path / "node" / "data" / "tinyset").mkdir(parents=True)
    (tmp_path / "node" / "clipgate.toml").write_text('[tool.clipgate]\nartifacts = "art"\ndata-root = "data"\n')
    without = looking.look(settings, "token")
    (tmp_path / "node" / "data" / "tinyset" / "val_rawframes.txt").write_text("")
    found = looking.look(settings, "token")

    assert isinstance(without, Node)
    assert isinstance(found, Node)
    assert ((), ("tinyset",)) == (without.full_data, found.full_data)


def test_looking_loads_neither_ray_nor_a_network() -> None:
    """Thousands of nodes are asked, and plain Python can import what they run."""
    heavy = ["torch", "mmaction", "onnx", "onnxruntime", "cv2", "av", "ray"]
    done = python("-c", f"import sys; from tools.cluster import remote; print([name for name in {heavy} if name in sys.modules])")

    assert done.stdout == "[]\n", done.stderr
