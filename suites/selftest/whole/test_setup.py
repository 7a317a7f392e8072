"""The scripts of the README's first screen say in one sentence what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suites.selftest.whole.setting_up import INSTALLER, fake_python, installed, setup
from tools.spec.settings import ROOT


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
    assert (2, ["clipgate setup: unknown option --with: choose --without-torch, --cuda, --ray or --tests."]) == (
        unknown.returncode, unknown.stderr.splitlines())


def test_the_packages_of_the_tests_are_added_once_and_only_where_asked_for(tmp_path: Path) -> None:
    """What a browser is driven with is no user's; with --tests it is added, and a second time not again."""
    python, said = fake_python(tmp_path, INSTALLER), tmp_path / ".venv" / "bin" / "said"
    setup(tmp_path, python)
    assert "requirements-tests.lock" not in said.read_text()
    first, second = setup(tmp_path, python, "--tests"), setup(tmp_path, python, "--tests")
    assert (0, 0, "") == (first.returncode, second.returncode, second.stderr), first.stderr
    assert 1 == said.read_text().count("requirements-tests.lock")
