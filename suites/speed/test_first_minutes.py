"""From a fresh clone to a verdict: `./tools/bench -m tsm -k bs1`, first and second run. Needs the network."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from suites.selftest.conftest import clean_environment
from suites.speed.conftest import Find, Replay
from tools.spec.settings import ROOT


@pytest.fixture(scope="module")
def seconds(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, float]:
    """The first run in a fresh clone with nothing installed or built, then the same command again."""
    clone = tmp_path_factory.mktemp("fresh") / "clipgate"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    return bench(clone), bench(clone)


def bench(clone: Path) -> float:
    start = time.perf_counter()
    subprocess.run(["./tools/bench", "-m", "tsm", "-k", "bs1"], cwd=clone, env=clean_environment(), check=True, capture_output=True)
    return time.perf_counter() - start


@pytest.mark.benchmark(group="first minutes")
@pytest.mark.parametrize("run", ["from nothing", "second time"])
def test_bench(seconds: tuple[float, float], run: str, replay: Replay, find: Find) -> None:
    """The whole command, set-up included."""
    taken = seconds[run == "second time"]
    replay([taken])
    find(f"{taken:.0f} s")
