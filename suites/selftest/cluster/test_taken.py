"""What a killed driver has left of a cell that arrived is no part of the next one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.cluster.grown import SPEC, Grown
from suites.selftest.measuring.resumed import Bench
from tools.measuring import sameness
from tools.measuring.cell import RECORD, TIMES


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Grown:
    return Grown(monkeypatch, Bench(monkeypatch, tmp_path, SPEC))


@pytest.mark.parametrize(("change", "what"), [({"versions": "onnxruntime 2"}, "versions or processor"),
                                              ({"processor": "another"}, "versions or processor"), ({"chip": "another"}, "kind of chip")])
def test_a_cell_counts_while_a_node_has_what_it_was_measured_with(grown: Grown, change: dict[str, str], what: str) -> None:
    """As on one machine, whoever has measured it; else it is measured again, and that is said."""
    grown.farm().cell(grown.bench.case)
    grown.kind = replace(sameness.kind(grown.bench.case.device), **change)
    farm = grown.farm()
    farm.cell(grown.bench.case)

    assert f"tiny-bs4-cpu: measured again, since no node has the {what} any more that it was measured with" in grown.said
    assert "tiny-bs4-cpu" == grown.nodes.did[-1]


def test_times_that_no_record_tells_of_are_not_those_of_the_next_cell(grown: Grown) -> None:
    """It is measured without times, and has none."""
    grown.shard = "auto"
    folder = grown.farm().cell(grown.bench.case).folder
    (folder / RECORD).unlink()
    assert (folder / TIMES).is_file()
    shutil.rmtree(grown.bench.folder / "nodes")  # a node has a new folder for each task

    assert [None] == [part.times for part in grown.farm(timed=False).cell(grown.bench.case).parts]
