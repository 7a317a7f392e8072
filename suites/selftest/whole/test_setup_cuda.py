"""The GPU package of ONNX Runtime takes the place of the CPU's, and nothing is left half done."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.whole.setting_up import INSTALLER, UNAME, fake_python, installed, lines, script, setup, site_packages
from tools.spec.settings import ROOT


@pytest.mark.parametrize("others", [(), ("--without-torch",), ("--tests",), ("--tests", "--without-torch")], ids=" ".join)
def test_the_gpu_package_takes_the_place_of_the_cpus(tmp_path: Path, others: tuple[str, ...]) -> None:
    """With its libraries, whatever else is asked for; later calls know it and do nothing."""
    python, tools = fake_python(tmp_path, INSTALLER), tmp_path / "tools"
    done = setup(tmp_path, python, "--cuda", *others)
    stamp = tmp_path / ".venv" / "requirements.lock"
    later = [setup(tmp_path, "/nowhere", *options) for options in ((), ("--cuda",), (*others, "--cuda"))]

    assert 0 == done.returncode, done.stderr
    assert [(0, "")] * 3 == [(again.returncode, again.stderr) for again in later]
    assert {"onnxruntime-gpu==1.31.1", *lines(tools / "requirements-cuda.lock")} <= lines(stamp)
    assert {"onnxruntime"} <= {line.partition("==")[0] for line in lines(tools / "requirements.lock") - lines(stamp)}
    assert ("torch" in {line.partition("==")[0] for line in lines(stamp)}) == ("--without-torch" not in others)
    assert ("requirements-tests.lock" in (tmp_path / ".venv" / "bin" / "said").read_text()) == ("--tests" in others)
    assert "onnxruntime" not in installed(tmp_path)


def test_the_cpus_package_is_removed_before_the_gpu_package_comes(tmp_path: Path) -> None:
    """Both write the same folder: removed later, the one would take files of the other away."""
    python, said = fake_python(tmp_path, INSTALLER), tmp_path / ".venv" / "bin" / "said"
    setup(tmp_path, python, "--without-torch")
    site_packages(tmp_path, "onnxruntime-1.31.1", "onnxruntime_extensions-0.1")
    said.unlink()
    done = setup(tmp_path, python, "--cuda")

    assert 0 == done.returncode, done.stderr
    removed, brought = said.read_text().splitlines()
    assert removed.endswith("pip uninstall --quiet --quiet --yes onnxruntime onnxruntime-gpu")
    assert brought.endswith("--no-deps -r " + str(tmp_path / ".venv" / "requirements.lock.new"))
    assert "torch" not in {line.partition("==")[0] for line in lines(tmp_path / ".venv" / "requirements.lock")}


@pytest.mark.parametrize(("less", "more", "asks"), [
    ((), (), False), (("nvidia_cudnn_cu13-9.20.0.48",), (), True), ((), ("onnxruntime-1.31.1",), True)])
def test_what_pip_has_done_to_the_gpu_package_since_is_put_right(
        tmp_path: Path, less: tuple[str, ...], more: tuple[str, ...], asks: bool) -> None:
    """A library that is gone comes back, and the CPU's package beside it goes; else nothing is done."""
    python, said = fake_python(tmp_path, INSTALLER), tmp_path / ".venv" / "bin" / "said"
    setup(tmp_path, python, "--cuda", "--without-torch")
    pins = {line.replace("-", "_").replace("==", "-") for line in lines(tmp_path / "tools" / "requirements-cuda.lock")}
    site_packages(tmp_path, *(pins - set(less)), *more)
    said.unlink()
    done = setup(tmp_path, python, "--cuda")

    assert 0 == done.returncode, done.stderr
    assert (asks, bool(more)) == (said.exists(), said.exists() and "pip uninstall" in said.read_text())


def test_a_set_up_that_was_ended_between_the_two_packages_is_gone_on_with(tmp_path: Path) -> None:
    """Then neither is there: a plain call still knows what was asked for, and installs it."""
    setup(tmp_path, fake_python(tmp_path, INSTALLER), "--without-torch")
    site_packages(tmp_path, "onnxruntime-1.31.1")
    fails = script(tmp_path / ".venv" / "bin" / "python", INSTALLER.replace('*"pip install"*)', '*"pip install"*) exit 1 ;;\n*never*)'))
    ended = setup(tmp_path, fails, "--cuda")
    script(tmp_path / ".venv" / "bin" / "python", INSTALLER)
    done = setup(tmp_path, fake_python(tmp_path, INSTALLER))

    assert (2, 0) == (ended.returncode, done.returncode), ended.stderr + done.stderr
    assert f"then run this again. To choose otherwise, remove {tmp_path / '.venv'}." in ended.stderr
    names = {line.partition("==")[0] for line in lines(tmp_path / ".venv" / "requirements.lock")}
    assert ("onnxruntime-gpu" in names, "onnxruntime" in names, "torch" in names) == (True, False, False)


@pytest.mark.parametrize("option", ["--cuda", "--without-torch"])
def test_a_set_up_that_failed_before_it_took_anything_away_binds_nobody(tmp_path: Path, option: str) -> None:
    """As without a network or on a full disk: the next call is made as it says itself."""
    python = fake_python(tmp_path, INSTALLER.replace('*"pip install"*)', '*"pip install"*) exit 1 ;;\n*never*)'))
    ended = setup(tmp_path, python, option, *{"--cuda": ["--without-torch"]}.get(option, []))
    script(tmp_path / ".venv" / "bin" / "python", INSTALLER)
    done = setup(tmp_path, fake_python(tmp_path, INSTALLER))

    assert (2, 0) == (ended.returncode, done.returncode), ended.stderr + done.stderr
    assert ended.stderr.endswith("then run this again.\n")
    assert lines(tmp_path / "tools" / "requirements.lock") == lines(tmp_path / ".venv" / "requirements.lock")
    assert [] == [*(tmp_path / ".venv").glob("requirements.lock.*")]


@pytest.mark.parametrize(("system", "machine"), [("Linux", "aarch64"), ("Darwin", "x86_64")])
def test_where_there_is_no_gpu_package_one_sentence_says_so(tmp_path: Path, system: str, machine: str) -> None:
    """It is built for one kind of machine only."""
    (tmp_path / "machine").mkdir()
    script(tmp_path / "machine" / "uname", UNAME.format(system=system, machine=machine))
    done = setup(tmp_path, "/nowhere", "--cuda")

    assert 2 == done.returncode
    said = f"--cuda needs Linux on x86-64, for which the GPU package is built; this is {system} on {machine}."
    assert [f"clipgate setup: {said}"] == done.stderr.splitlines()


def test_both_locks_name_the_same_version_of_the_runtime() -> None:
    """So a graph that is scored on the CPU and one on a GPU go through the same release."""
    cpu, gpu = (dict(line.split("==") for line in lines(ROOT / "tools" / name) if ";" not in line)
                for name in ("requirements.lock", "requirements-cuda.lock"))

    assert cpu["onnxruntime"] == gpu["onnxruntime-gpu"]
    assert set() == cpu.keys() & gpu.keys()
