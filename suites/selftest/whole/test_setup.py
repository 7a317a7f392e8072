"""The scripts of the README's first screen say in one sentence what is missing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tools.spec.settings import ROOT


def setup(tmp_path: Path, python: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run tools/setup in a copy of the project with another python."""
    (tmp_path / "tools").mkdir(exist_ok=True)
    for name in ("setup", "requirements.lock", "requirements-cuda.lock", "requirements-tests.lock", "pytest_paths.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools" / name)
    machine = tmp_path / "machine"  # the only kind that has the GPU package, whichever runs this test
    machine.mkdir(exist_ok=True)
    if not (machine / "uname").exists():
        script(machine / "uname", UNAME.format(system="Linux", machine="x86_64"))
    return subprocess.run([str(tmp_path / "tools" / "setup"), *options], text=True, capture_output=True, check=False,
                          env=os.environ | {"PYTHON": python, "PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"})


UNAME = 'case "$1" in -s) echo {system} ;; -m) echo {machine} ;; esac'


def script(path: Path, body: str) -> str:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def fake_python(tmp_path: Path, body: str) -> str:
    return script(tmp_path / "python", body)


@pytest.mark.parametrize(("body", "words"), [
    (None, "is not on PATH: install Python 3.11 or newer"),
    ('case "$*" in *version_info*) exit 1;; -V) echo Python 3.9.2;; esac', "Python 3.9.2 is too old"),
    ('case "$*" in *ensurepip*) exit 1;; esac', "has no venv module"),
    ('case "$*" in *"-m venv"*) exit 1;; esac', "could not create"),
])
def test_what_is_missing_gets_one_sentence(tmp_path: Path, body: str | None, words: str) -> None:
    """No python, one too old or without venv, or a folder that cannot be written: one line, status 2."""
    done = setup(tmp_path, fake_python(tmp_path, body) if body else str(tmp_path / "nowhere"))
    sentences = [line for line in done.stderr.splitlines() if "installing" not in line]

    assert 2 == done.returncode
    assert 1 == len(sentences)
    assert words in sentences[0]


def test_a_current_environment_is_left_alone(tmp_path: Path) -> None:
    """With the same lock installed, set-up does nothing and asks for no python."""
    (tmp_path / ".venv").mkdir()
    shutil.copy(ROOT / "tools" / "requirements.lock", tmp_path / ".venv")
    done = setup(tmp_path, "/nowhere")

    assert (0, "") == (done.returncode, done.stderr)


def test_a_current_environment_gets_a_changed_file_of_ours(tmp_path: Path) -> None:
    """What lets pytest take paths is a copy, and the lock knows nothing of it."""
    site = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    site.mkdir(parents=True)
    (site / "clipgate_pytest_paths.py").write_text("old")
    shutil.copy(ROOT / "tools" / "requirements.lock", tmp_path / ".venv")
    done = setup(tmp_path, "/nowhere")

    assert (0, "") == (done.returncode, done.stderr)
    assert (ROOT / "tools" / "pytest_paths.py").read_text() == (site / "clipgate_pytest_paths.py").read_text()


INSTALLER = """case "$*" in
*"-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
*sysconfig*) mkdir -p "${0%/*}/site"; echo "${0%/*}/site" ;;
*"pip uninstall"*) echo "$*" >>"${0%/*}/said"; rm -rf "${0%/bin/python}"/lib/python3*/site-packages/onnxruntime*.dist-info ;;
*"pip install"*) for word; do last=$word; done; echo "$*" >>"${0%/*}/said"; [ -f "$last" ] && cat "$last" >>"${0%/*}/installed" ;;
esac
exit 0"""


def installed(tmp_path: Path) -> set[str]:
    """The packages of the lock that the stand-in for pip was given."""
    lines = (tmp_path / ".venv" / "bin" / "installed").read_text().splitlines()
    return {line.partition("==")[0] for line in lines if "==" in line and not line.startswith("#")}


def test_torch_and_its_company_can_be_left_out(tmp_path: Path) -> None:
    """`--without-torch` installs what is left of the lock, once, and a later plain call knows it."""
    python = fake_python(tmp_path, INSTALLER)
    first = setup(tmp_path, python, "--without-torch")
    later = [setup(tmp_path, "/nowhere", *options) for options in ((), ("--without-torch",))]

    assert 0 == first.returncode, first.stderr
    assert [(0, "")] * 2 == [(done.returncode, done.stderr) for done in later]
    assert {"numpy", "onnx", "onnxruntime", "onnxsim", "av", "opencv-python-headless", "filelock", "pytest"} <= installed(tmp_path)
    assert not {"torch", "mmaction2", "mmcv-lite", "mmengine", "scipy", "sympy"} & installed(tmp_path)
    assert "torch==" not in (tmp_path / ".venv" / "bin" / "said").read_text()


def test_what_is_left_out_is_what_only_torch_and_mmaction2_need(tmp_path: Path) -> None:
    """No package that is installed without torch asks for one that is not."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    setup(tmp_path, fake_python(tmp_path, INSTALLER), "--without-torch")
    kept = installed(tmp_path)
    asked = {need.name.lower().replace("_", "-") for package in kept for text in requires(package) or ()
             if (need := Requirement(text)).marker is None or need.marker.evaluate({"extra": ""})}
    assert set() == asked - kept


def test_a_changed_lock_is_installed_without_torch_again(tmp_path: Path) -> None:
    """An environment made without torch stays one when the lock changes."""
    python = fake_python(tmp_path, INSTALLER)
    setup(tmp_path, python, "--without-torch")
    stamp = tmp_path / ".venv" / "requirements.lock"
    stamp.write_text(stamp.read_text().replace("numpy==", "numpy==0."))
    (tmp_path / ".venv" / "bin" / "said").unlink()
    done = setup(tmp_path, python)

    assert 0 == done.returncode, done.stderr
    assert "torch==" not in (tmp_path / ".venv" / "bin" / "said").read_text()
    assert "numpy==0." not in stamp.read_text()


def test_plain_set_up_installs_torch(tmp_path: Path) -> None:
    """Without the option the whole lock is installed, torch first; that environment never loses torch."""
    setup(tmp_path, fake_python(tmp_path, INSTALLER))
    said = (tmp_path / ".venv" / "bin" / "said").read_text().splitlines()
    assert (ROOT / "tools" / "requirements.lock").read_text() == (tmp_path / ".venv" / "requirements.lock").read_text()
    assert "torch==" in said[0]
    assert 2 == len(said)

    refused = setup(tmp_path, "/nowhere", "--without-torch")
    assert (2, 1) == (refused.returncode, len(refused.stderr.splitlines()))
    assert "was made with torch: remove" in refused.stderr
    unknown = setup(tmp_path, "/nowhere", "--with")
    assert (2, ["clipgate setup: unknown option --with: choose --without-torch, --cuda or --tests."]) == (
        unknown.returncode, unknown.stderr.splitlines())


def test_the_packages_of_the_tests_are_added_once_and_only_where_asked_for(tmp_path: Path) -> None:
    """What a browser is driven with is no user's; with --tests it is added, and a second time not again."""
    python, said = fake_python(tmp_path, INSTALLER), tmp_path / ".venv" / "bin" / "said"
    setup(tmp_path, python)
    assert "requirements-tests.lock" not in said.read_text()
    first, second = setup(tmp_path, python, "--tests"), setup(tmp_path, python, "--tests")
    assert (0, 0, "") == (first.returncode, second.returncode, second.stderr), first.stderr
    assert 1 == said.read_text().count("requirements-tests.lock")


def lines(path: Path) -> set[str]:
    """The pins of a lock, or of what .venv remembers."""
    return {line for line in path.read_text().splitlines() if "==" in line and not line.startswith("#")}


def site_packages(tmp_path: Path, *packages: str) -> None:
    """Give the environment packages that pip would know as installed."""
    for package in packages:
        (tmp_path / ".venv" / "lib" / "python3.12" / "site-packages" / f"{package}.dist-info").mkdir(parents=True)


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
    assert brought.endswith("--no-deps -r " + str(tmp_path / ".venv" / "requirements.lock.partial"))
    assert "torch" not in {line.partition("==")[0] for line in lines(tmp_path / ".venv" / "requirements.lock")}


def test_a_set_up_that_was_ended_between_the_two_packages_is_gone_on_with(tmp_path: Path) -> None:
    """Then neither is there: a plain call still knows what was asked for, and installs it."""
    setup(tmp_path, fake_python(tmp_path, INSTALLER), "--without-torch")
    site_packages(tmp_path, "onnxruntime-1.31.1")
    fails = script(tmp_path / ".venv" / "bin" / "python", INSTALLER.replace('*"pip install"*)', '*"pip install"*) exit 1 ;;\n*never*)'))
    ended = setup(tmp_path, fails, "--cuda")
    script(tmp_path / ".venv" / "bin" / "python", INSTALLER)
    done = setup(tmp_path, fake_python(tmp_path, INSTALLER))

    assert (2, 0) == (ended.returncode, done.returncode), ended.stderr + done.stderr
    assert "pip could not install" in ended.stderr
    names = {line.partition("==")[0] for line in lines(tmp_path / ".venv" / "requirements.lock")}
    assert ("onnxruntime-gpu" in names, "onnxruntime" in names, "torch" in names) == (True, False, False)


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
