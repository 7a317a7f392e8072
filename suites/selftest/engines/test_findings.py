"""What is found of this machine, its Python and its runtime module, and what becomes of a look that fails."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tools.engines import host
from tools.engines.ascend import probe
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Finding, attempt
from tools.errors import DeviceError, EngineError
from tools.machine import versions
from tools.spec.settings import ROOT, Settings


@pytest.mark.parametrize(("error", "word", "words"), [
    (DeviceError("it hangs", where="here", remedy="wait"), WRONG, "it hangs (here)"),
    (ModuleNotFoundError("No module named 'psutil'"), MISSING, "No module named 'psutil'"),
    (PermissionError(13, "Permission denied", "/x"), WRONG, "Permission denied: '/x'"),
    (subprocess.TimeoutExpired(["npu-smi"], 30), WRONG, "no answer within 30 s"),
])
def test_a_look_that_fails_is_a_finding(error: Exception, word: str, words: str) -> None:
    """What goes wrong while looking is what was found, with a step."""
    def look() -> list[Finding]:
        raise error

    [found] = attempt("thing", look)

    assert word == found.word
    assert words in found.found
    assert found.remedy


@pytest.mark.parametrize(("name", "installed", "word"), [
    ("torch", "2.13.0+cpu", OK), ("torch", "2.12.0", NOTE), ("torch", "absent", NOTE), ("decord", "absent", NOTE),
    ("onnxsim", "absent", NOTE), ("numpy", "absent", MISSING), ("onnxruntime", "absent", MISSING), ("numpy", "2.13.0", OK),
])
def test_a_package_is_needed_or_another_machine_can_stand_in(name: str, installed: str, word: str) -> None:
    """Only what measuring itself needs is missing if absent; a version other than the pinned one is told."""
    found = host.package(name, installed, "2.13.0")

    assert word == found.word
    assert (word == OK) == (not found.remedy)


def test_the_lock_is_what_packages_are_compared_with() -> None:
    """Every package of ours stands in the lock, and the rest of the lock is counted."""
    found = {one.thing: one for one in host.packages(Settings.parse({}))}
    named = {*host.NEEDED, *host.LEFT_OUT}
    rest = set(host.pinned()) - named

    assert not [name for name, one in found.items() if "none is pinned" in one.found]
    assert {*named, "other packages"} == set(found)
    said = found["other packages"].found
    assert len(rest) == sum(map(int, re.findall(r"(\d+) as pinned, (\d+) absent", said)[0])) + said.count(" instead of ")


def test_other_packages_are_counted_and_those_that_differ_named() -> None:
    """What is absent may not be needed here; another version than the pinned one is a note."""
    others = {"a": ("1", "1"), "b": ("1", "absent")}

    assert Finding(OK, "other packages", "1 as pinned, 1 absent") == host.others_of(others)
    differing = host.others_of(others | {f"c{number}": ("1", "2") for number in range(6)})
    assert (NOTE, "1 as pinned, 1 absent; c0 2 instead of 1, c1 2 instead of 1, c2 2 instead of 1, c3 2 instead of 1 and 2 more") == (
        differing.word, differing.found)


def test_a_package_goes_into_the_environment_that_runs_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set-up leaves a finished .venv alone, so pip and the pin are named; another Python stays as it is."""
    monkeypatch.setattr(sys, "prefix", "/project/.venv")
    assert host.install({"onnx": "1.2"}).endswith("-m pip install --force-reinstall --no-deps onnx==1.2")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert host.install({"onnx": "1.2"}).startswith("./tools/setup")


def test_the_gpu_package_is_no_lack_and_is_what_pip_puts_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the CPU package's place, its libraries are held to their lock.

    No remedy puts the CPU package over it.
    """
    there = {"onnxruntime": "1.31.1+gpu", "nvidia-cublas": "13.0.0.19"}
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, there.get(name, "absent")) for name in names))
    monkeypatch.setattr(sys, "prefix", "/project/.venv")
    found = {one.thing: one for one in host.packages(Settings.parse({}))}

    assert Finding(OK, "onnxruntime", "1.31.1+gpu") == found["onnxruntime"]
    assert "nvidia-cublas 13.0.0.19 instead of 13.1.1.3" in found["other packages"].found
    assert host.install({"onnxruntime": "1.31.1"}).endswith(" onnxruntime-gpu==1.31.1")
    there["onnxruntime"] = "1.31.1"
    assert "nvidia-cublas" not in host.pinned()
    assert host.install({"onnxruntime": "1.31.1"}).endswith(" onnxruntime==1.31.1")


def test_ray_is_held_to_its_lock_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody lacks it who did not ask for it."""
    there = {"msgpack": "0.1"}
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, there.get(name, "absent")) for name in names))
    assert "msgpack" not in host.pinned()
    there["ray"] = "2.60.0"
    assert "msgpack 0.1 instead of 1.2.4" in {one.thing: one for one in host.packages(Settings.parse({}))}["other packages"].found


def test_the_artifacts_folder_is_tried_where_it_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing folder is tried in the nearest one there is, and nothing is left there.

    Too little room is a note.
    """
    later = Settings.parse({"artifacts": str(tmp_path / "a" / "b")})
    (tmp_path / "file").touch()

    assert f"(not there yet; {tmp_path} can be written)" in host.artifacts(later)[0].found
    assert [tmp_path / "file"] == list(tmp_path.iterdir())
    assert WRONG == host.artifacts(Settings.parse({"artifacts": str(tmp_path / "file" / "a")}))[0].word
    monkeypatch.setattr(host, "LOW_DISK", 2**80)
    assert NOTE == host.artifacts(later)[0].word


def test_a_module_that_is_no_known_runtime_is_refused() -> None:
    """A module of that name without the calls of any build is named for what it lacks."""
    module = ModuleType("aclruntime")
    module.__file__ = "aclruntime.so"
    module.InferenceSession = type("InferenceSession", (), {"run": None, "sumary": None})  # type: ignore[attr-defined]

    with pytest.raises(EngineError, match=r"it has no session_options, no Tensor, no reset_sumaryinfo or reset_summaryinfo"):
        probe.describe(module)


def test_an_old_python_gets_one_sentence() -> None:
    """A Python that cannot read the other modules is told so before any of them is imported."""
    done = subprocess.run([sys.executable, "-c", "import sys, runpy; sys.version_info = (3, 9); runpy.run_module('tools.doctor')"],
                          cwd=ROOT, text=True, capture_output=True, check=False)

    assert 1 == done.returncode
    assert re.fullmatch(r"wrong    Python \S+ in \S+\n +\./tools/setup with PYTHON=.*\n", done.stderr)
