"""Which GPU --device names, by the nodes of a machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import engines
from tools.engines.cuda.nodes import OVERRIDE, RENUMBERED, numbered, require_undisturbed
from tools.engines.nodes import NODES
from tools.errors import DeviceError, OptionError
from tools.spec.case import Device


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of nodes, in use; no variable of CUDA's is set."""
    monkeypatch.setenv(NODES, str(tmp_path))
    for name in (RENUMBERED, OVERRIDE):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_a_gpu_is_counted_among_those_there(nodes: Path) -> None:
    """cuda:0 is the first node, whatever its number is; what only looks like a node is none."""
    for name in ("nvidia10", "nvidia9", "nvidiactl", "nvidia-uvm", "nvidia", "nvidia1x", "davinci0"):
        (nodes / name).touch()

    assert [(9, Device("cuda", 0, simulated=True)), (10, Device("cuda", 1, simulated=True))] == numbered()
    assert Device("cuda", 1, simulated=True) == engines.parse("cuda:1")
    assert ["npu0sim", "cuda0sim", "cuda1sim", "cpu"] == [device.label for device in engines.devices()]


def test_a_machine_without_gpus_says_so(nodes: Path) -> None:
    """And names the folder; one with too few names those that are there."""
    with pytest.raises(OptionError, match=f"^no NVIDIA GPU: {nodes} has no nvidia0\n"):
        engines.parse("cuda:0")
    (nodes / "nvidia3").touch()
    with pytest.raises(OptionError, match=r"^no such device: this machine has 1 NVIDIA GPU\(s\)\n") as caught:
        engines.parse("cuda:3")
    assert ("--device cuda:3", "choose one of: cuda:0, cpu") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("name", "value", "words"), [
    (RENUMBERED, "1", "CUDA_VISIBLE_DEVICES=1 renumbers the devices, and so does --device cuda:0"),
    (RENUMBERED, "", "CUDA_VISIBLE_DEVICES= renumbers the devices"),
    (OVERRIDE, "0", "NVIDIA_TF32_OVERRIDE=0 changes what CUDA computes in, whatever --precision says")])
def test_a_variable_that_disturbs_is_refused(nodes: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str) -> None:
    """By its name and value, where a GPU is named and where `auto` looks at them; the CPU is exempt."""
    (nodes / "nvidia0").touch()
    require_undisturbed()
    monkeypatch.setenv(name, value)
    with pytest.raises(OptionError) as caught:
        engines.parse("cuda:0")
    assert caught.value.what.startswith(words)
    assert ("environment", True) == (caught.value.where, str(caught.value.remedy).startswith(f"unset {name}, and "))
    with pytest.raises(DeviceError, match=f"^{name}={value} "):
        require_undisturbed()
    assert Device("cpu") == engines.parse("cpu")


def test_a_process_may_be_shown_its_own_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no other: CUDA would compute there, while this one is watched."""
    monkeypatch.setenv(RENUMBERED, "GPU-7")
    require_undisturbed("GPU-7")
    for uuid in ("GPU-8", ""):
        with pytest.raises(DeviceError, match="renumbers the GPUs"):
            require_undisturbed(uuid)
