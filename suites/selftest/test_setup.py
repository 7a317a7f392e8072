"""The scripts of the README's first screen say in one sentence what is missing."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tools.settings import ROOT


def setup(tmp_path: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run tools/setup in an empty copy of the project with another python."""
    (tmp_path / "tools").mkdir()
    for name in ("setup", "requirements.lock", "pytest_paths.py"):
        shutil.copy(ROOT / "tools" / name, tmp_path / "tools" / name)
    return subprocess.run([str(tmp_path / "tools" / "setup")], env=os.environ | {"PYTHON": python}, text=True,
                          capture_output=True, check=False)


def fake_python(tmp_path: Path, body: str) -> str:
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.mark.parametrize(("body", "words"), [
    (None, "is not on PATH: install Python 3.11 or newer"),
    ('case "$*" in *version_info*) exit 1;; -V) echo Python 3.9.2;; esac', "Python 3.9.2 is too old"),
    ('case "$*" in *ensurepip*) exit 1;; esac', "has no venv module"),
    ('case "$*" in *"-m venv"*) exit 1;; esac', "could not create"),
])
def test_what_is_missing_gets_one_sentence(tmp_path: Path, body: str | None, words: str) -> None:
    """No python, one that is too old or has no venv, or a folder that cannot be written: one line, status 2."""
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
