"""What is missing to measure on an NPU is an error before anything is built; compiling needs no NPU."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS, ran, tiny_measuring
from suites.selftest.simulated.npu import SimulatedNpu
from tools.compile import _note_another_chip
from tools.engines.ascend import cann
from tools.engines.ascend.family import FAMILY
from tools.measuring import unbuilt
from tools.spec.case import Device
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage.context import Context

SIMULATED = Device("npu", 0, simulated=True)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedNpu:
    """A simulated host that this process is on, with no other toolkit and runtime beside its own."""
    made = SimulatedNpu(tmp_path / "host")
    for name, value in (made.environment() | {"PATH": f"{made.root}/driver/bin:/usr/bin:/bin"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(cann, "INSTALLED", tmp_path / "nowhere")
    monkeypatch.syspath_prepend(str(made.root / "python"))
    return made


@pytest.mark.parametrize(("missing", "words", "remedy"), [
    ("aclruntime", "aclruntime cannot be imported: No module named 'aclruntime'", "aclruntime wheel"),
    ("toolkit", "no CANN toolkit: there is no set_env.sh", "install the CANN toolkit"),
    ("both", "aclruntime cannot be imported: No module named 'aclruntime'", "aclruntime wheel"),
    ("chip", "npu0sim is a Sim310P3, and what is compiled for Ascend310 does not load there", "leave it out"),
    ("npu-smi", "no Ascend device: npu-smi is not on PATH", "install the Ascend driver"),
    ("atc", "no atc: it is not on the PATH that set_env.sh makes", "install the CANN toolkit")])
def test_what_is_missing_is_said_before_anything_is_built(
        host: SimulatedNpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str, words: str, remedy: str) -> None:
    """No clips are made, no weights fitted and no graph exported for a device that cannot be measured on."""
    if missing in ("aclruntime", "both"):
        (host.root / "python" / "aclruntime.py").unlink()
    if missing in ("toolkit", "both"):
        monkeypatch.delenv("ASCEND_TOOLKIT_HOME")
    if missing in ("npu-smi", "atc"):
        host.hide(missing)  # type: ignore[arg-type]
    monkeypatch.setattr(unbuilt, "absent_packages", frozenset)  # torch is hidden from this test
    artifacts = tmp_path / "artifacts"
    done = ran("measure", "tiny", "--batch=4", "--device=npu:0", *(["--soc-version=Ascend310"] if missing == "chip" else []),
               *tiny_measuring(artifacts))

    assert done.returncode == (2 if missing == "chip" else 1)
    assert words in done.stderr
    assert remedy in done.stderr
    assert [] == [path for path in (artifacts / "store").rglob("*") if path.is_file() and not path.name.startswith("aclruntime-")]


@pytest.mark.parametrize("soc_version", ["", "AscendSim310P3"])
def test_a_device_that_has_everything_is_ready(host: SimulatedNpu, tmp_path: Path, soc_version: str) -> None:
    """Whether the chip is named or not; nothing of the look is left."""
    FAMILY.require_ready(SIMULATED, Settings.parse({"artifacts": str(tmp_path), "soc_version": soc_version}))

    assert [] == list((tmp_path / "store" / "logs").iterdir())


def notes(tmp_path: Path, soc_version: str, named: str | None = None) -> list[str]:
    said: list[str] = []
    settings = Settings.parse({"artifacts": str(tmp_path), "soc_version": soc_version})
    _note_another_chip(Context(settings, load_spec(TINY_MODELS, "tiny"), lambda event: said.append(event["text"])), named)
    return said


def test_compiling_for_another_chip_is_told_and_goes_on(host: SimulatedNpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an NPU here that is another, named or the first; without one there is nothing to tell."""
    told = "note: npu{}sim is a Sim310P3, and what is compiled for Ascend310 does not load there; compiling goes on"
    assert [told.format(0)] == notes(tmp_path, "Ascend310")
    assert [told.format(1)] == notes(tmp_path, "Ascend310", "npu:1")
    assert [] == notes(tmp_path, "AscendSim310P3") + notes(tmp_path, "") + notes(tmp_path, "Ascend310", "cpu")

    host.hide("npu-smi")
    assert ["note: nobody knows which chip npu0sim is: no Ascend device: npu-smi is not on PATH"] == notes(tmp_path, "Ascend310")
    monkeypatch.setenv("CLIPGATE_DEVICE_NODES", str(tmp_path / "none"))
    assert [] == notes(tmp_path, "Ascend310")
