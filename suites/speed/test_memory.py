"""Peak memory of a measured cell, for 100 and for 1,000 clips; the unit in the table is MiB, not seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_ARTIFACTS, TINY_MODELS
from suites.speed.conftest import Find, Replay, quiet
from tools.datasets.mini import clips
from tools.measuring.launch import find as find_all
from tools.measuring.launch import launch
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import Settings
from tools.storage.context import Context

CASE = Case("tiny", 4, Device("cpu"))


def context_for(listed: Path | str) -> Context[ModelSpec]:
    spec = load_spec(TINY_MODELS, "tiny")
    assert isinstance(spec, ModelSpec)
    settings = Settings.parse({"data": str(listed), "weights": "mini", "budget_s": "1", "artifacts": str(TINY_ARTIFACTS),
                               "models": str(TINY_MODELS)})
    return Context(settings, spec, quiet)


def peak_mib(count: int, folder: Path) -> float:
    """Peak resident size of the child that measured *count* copies of one short clip."""
    mini = context_for("mini")
    made = clips.stage(mini.spec).find_or_run(mini).folder
    clip = next(iter((made / "rawframes").glob("*/*_000")))
    frames = len(list(clip.iterdir()))
    for number in range(count):
        shutil.copytree(clip, folder / f"clip_{number:04d}", copy_function=shutil.copy)
    listed = folder / f"list_{count}.txt"
    listed.write_text("".join(f"clip_{number:04d} {frames} 0\n" for number in range(count)))
    context = context_for(listed)
    return launch(context, CASE, find_all(context, CASE), folder / "run").record.peak_bytes / 2**20


@pytest.fixture(scope="module")
def peaks(tmp_path_factory: pytest.TempPathFactory) -> dict[int, list[float]]:
    """Two runs of each size, in alternation."""
    order = (100, 1000, 1000, 100)
    measured: dict[int, list[float]] = {100: [], 1000: []}
    for count in order:
        measured[count].append(peak_mib(count, tmp_path_factory.mktemp(f"clips{count}_")))
    return measured


@pytest.mark.benchmark(group="peak memory in MiB, shown as seconds")
@pytest.mark.parametrize("count", [100, 1000])
def test_peak(peaks: dict[int, list[float]], count: int, replay: Replay, find: Find) -> None:
    """Peak resident size of the measuring process."""
    replay(peaks[count])
    find(f"{min(peaks[count]):.0f} to {max(peaks[count]):.0f} MiB")
