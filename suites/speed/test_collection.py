"""Collecting the whole matrix, beside collecting an empty file."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.speed.conftest import Find, Paired, Replay, alternate
from tools.spec.settings import ROOT


def timed(command: list[str], folder: Path) -> Callable[[], float]:
    def once() -> float:
        start = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - start

    return once


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Paired:
    bare = tmp_path_factory.mktemp("bare")
    (bare / "pytest.ini").write_text("[pytest]\n")
    (bare / "test_one.py").write_text("def test_one():\n    pass\n")
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q"]
    return alternate(timed(command, ROOT), timed(command, bare), 10)


@pytest.mark.benchmark(group="collect")
def test_whole_matrix(paired: Paired, replay: Replay, find: Find) -> None:
    """The bare command `pytest --collect-only -q` in this project."""
    replay(paired.ours)
    find(f"bare over matrix: {paired.ratio()}")


@pytest.mark.benchmark(group="collect")
def test_bare_pytest(paired: Paired, replay: Replay) -> None:
    """The same command beside a file with one empty test."""
    replay(paired.theirs)
