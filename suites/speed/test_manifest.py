"""Checking a list of rawframes: digests of 10,000 small files, on all cores.

From the command line to what is kept of them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from suites.speed.conftest import Find, Replay
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.spec.settings import ROOT

CLIPS, FRAMES = 100, 100
RUNS = 3
AT_MOST_S = 60.0


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of folders with 10,000 frames of UCF-101's size."""
    folder = tmp_path_factory.mktemp("frames")
    encode.write_jpegs(render(Recipe(0, FRAMES, (5,), noise=4.0, travel=160.0)), folder / "v_000")
    for number in range(1, CLIPS):
        shutil.copytree(folder / "v_000", folder / f"v_{number:03d}")
    (folder / "list.txt").write_text("".join(f"v_{number:03d} {FRAMES} {number}\n" for number in range(CLIPS)))
    return folder / "list.txt"


@pytest.mark.benchmark(group="checking 10,000 frames")
def test_check(listed: Path, tmp_path: Path, replay: Replay, find: Find) -> None:
    """The whole command in a store of its own, the start of Python included."""
    series = []
    for run in range(RUNS):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "tools.data", "clips", "tsm", "--data", str(listed),
                        "--artifacts", str(tmp_path / str(run))], cwd=ROOT, check=True, capture_output=True)
        series.append(time.perf_counter() - start)
    replay(series)
    megabytes = sum(path.stat().st_size for path in listed.parent.glob("*/*.jpg")) / 1e6
    find(f"{np.median(series):.1f} s ({min(series):.1f} to {max(series):.1f}) for {CLIPS * FRAMES:,} files of {megabytes:.0f} MB")
    assert np.median(series) <= AT_MOST_S
