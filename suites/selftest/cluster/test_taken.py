"""What a killed driver has left of a cell that arrived is no part of the next one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suites.selftest.cluster.grown import SPEC, Grown
from suites.selftest.measuring.resumed import Bench
from tools.measuring.cell import RECORD, TIMES


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Grown:
    return Grown(monkeypatch, Bench(monkeypatch, tmp_path, SPEC))


def test_times_that_no_record_tells_of_are_not_those_of_the_next_cell(grown: Grown) -> None:
    """It is measured without times, and has none."""
    grown.shard = "auto"
    folder = grown.farm().cell(grown.bench.case).folder
    (folder / RECORD).unlink()
    assert (folder / TIMES).is_file()
    shutil.rmtree(grown.bench.folder / "nodes")  # a node has a new folder for each task

    assert [None] == [part.times for part in grown.farm(timed=False).cell(grown.bench.case).parts]
