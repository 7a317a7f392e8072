"""Cells of two devices in two workers of pytest-xdist, beside the same cells one after the other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from suites.selftest.conftest import NO_REPORT, TINY_ARTIFACTS, clean_environment, tiny_arguments
from suites.selftest.simulated.npu import SimulatedNpu
from suites.speed.conftest import Find, Paired, Replay, alternate
from tools.spec.settings import ROOT

SLEEP_MS = 4000  # of the simulated engine for each batch: what starting takes, 9 s a run, is small beside its cells
CELLS = 12  # stand-ins: two devices, six batch sizes
WORKERS = ("-n", "auto")


def timed(arguments: Sequence[str], npu: SimulatedNpu, statuses: Sequence[int] = (0,)) -> Callable[[], float]:
    """A run of pytest on the tiny model, in seconds."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(), "--device=npu:0,npu:1",
               *arguments]

    def once() -> float:
        start = time.perf_counter()
        done = subprocess.run(command, cwd=ROOT, env={**clean_environment(), **npu.environment(), "OMP_NUM_THREADS": "1"},
                              capture_output=True, text=True, check=False)
        assert done.returncode in statuses, done.stdout + done.stderr
        return time.perf_counter() - start

    return once


@pytest.fixture
def empty_cells(tmp_path: Path) -> Iterator[Path]:
    """A test of every case that measures nothing."""
    folder = TINY_ARTIFACTS / "stand-ins" / f"speed-{os.getpid()}"
    folder.mkdir(parents=True)
    (folder / "test_nothing.py").write_text("def test_accuracy(case):\n    pass\n")
    yield folder / "test_nothing.py"
    shutil.rmtree(folder)


@pytest.mark.benchmark(group="two devices")
def test_two_devices_at_once(tmp_path: Path, replay: Replay, find: Find) -> None:
    """Both devices' engines sleep, so that the cores are no limit."""
    npu = SimulatedNpu(tmp_path, devices=2)
    npu.fault("slow", ms=SLEEP_MS)
    cells = ("-k", "bs1 and (accuracy or throughput)", "--budget-s=10")
    timed(cells, npu)()  # builds what is missing
    paired: Paired = alternate(timed([*cells, *WORKERS], npu), timed(cells, npu), 3)
    replay(paired.ours)
    find(f"one after the other over both at once: {paired.ratio()}")


@pytest.mark.benchmark(group="dispatch")
def test_handing_a_cell_to_a_worker(empty_cells: Path, tmp_path: Path, replay: Replay, find: Find) -> None:
    """What `-n 2` adds to a run of cells that measure nothing, a cell."""
    npu = SimulatedNpu(tmp_path, devices=2)
    paired = alternate(timed(["-n", "2", str(empty_cells)], npu), timed([str(empty_cells)], npu), 5)
    replay(paired.ours)
    more = sorted((ours - theirs) / CELLS for ours, theirs in zip(paired.ours, paired.theirs, strict=True))
    find(f"-n 2 adds {more[len(more) // 2]:.3f} s a cell (of {CELLS} cells; {more[0]:.3f} to {more[-1]:.3f})")
