"""All cells of a run are on their way at once, and whatever fails is the failure of one of them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from fixtures.nights import most_series
from suites.selftest.cluster.grown import SPEC, Grown
from suites.selftest.cluster.test_growing import NAME, PARTS
from suites.selftest.measuring.resumed import Bench
from tools.cluster import taken
from tools.cluster.asked import require_alone
from tools.cluster.values import Answer
from tools.errors import ClusterError, ExportError, OptionError
from tools.spec.case import Case, Device
from tools.spec.settings import Settings


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Grown:
    return Grown(monkeypatch, Bench(monkeypatch, tmp_path, SPEC))


def test_the_first_case_that_asks_has_all_submitted(grown: Grown) -> None:
    """Every node has work, whichever case is waited for."""
    grown.shard = "auto"
    farm = grown.farm(others=(8, 16))
    farm.found(grown.bench.case)

    assert ["tiny-bs4-cpu", "tiny-bs8-cpu", "tiny-bs16-cpu"] == [work.key for work in grown.nodes.works]


def test_who_waits_for_a_node_is_alive(grown: Grown) -> None:
    """It says for which case it waits; that nothing else is heard of it is how it works."""
    farm = grown.farm()
    farm.cell(grown.bench.case)

    assert ["stage", "alive", "alive", "alive", "alive", "ended"] == grown.kinds


def test_what_cannot_be_prepared_is_the_error_of_its_case(grown: Grown) -> None:
    """The others are measured; asking again says the same."""
    grown.shard = "auto"
    other = Case("tiny", 8, Device("cpu"))
    grown.wrong = {"tiny-bs8-cpu": ExportError("no graph comes of it")}
    farm = grown.farm(others=(8, 16))
    for _ in range(2):
        with pytest.raises(ExportError, match="no graph comes of it"):
            farm.found(other)
    with pytest.raises(ExportError):
        farm.cell(other)

    assert farm.cell(grown.bench.case).untimed is None
    assert ["tiny-bs4-cpu", "tiny-bs16-cpu"] == [work.key for work in grown.nodes.works]


def test_a_mistake_of_ours_in_one_case_leaves_the_others(grown: Grown) -> None:
    """It is raised as it is, once; the others are measured, and its case says that it was not prepared."""
    grown.shard = "auto"
    grown.wrong = {"tiny-bs8-cpu": LookupError("a mistake")}
    farm = grown.farm(others=(8, 16))
    with pytest.raises(LookupError, match="a mistake"):
        farm.found(grown.bench.case)

    assert farm.cell(grown.bench.case).untimed is None
    assert farm.cell(Case("tiny", 16, Device("cpu"))).untimed is None
    with pytest.raises(ClusterError, match="tiny-bs8-cpu was not prepared"):
        farm.cell(Case("tiny", 8, Device("cpu")))


def test_a_mistake_of_ours_in_what_came_is_its_cases_own(grown: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever test waits meanwhile: the others are measured, and that case alone raises it."""
    grown.shard, other, take = "auto", Case("tiny", 8, Device("cpu")), taken.take

    def mistaken(answer: Answer, case: Case, *more: Any) -> Any:
        if case == other:
            raise LookupError("a mistake")
        return take(answer, case, *more)

    monkeypatch.setattr(taken, "take", mistaken)
    farm = grown.farm(others=(8, 16))

    assert farm.cell(Case("tiny", 16, Device("cpu"))).untimed is None
    assert farm.cell(grown.bench.case).untimed is None
    with pytest.raises(LookupError, match="a mistake"):
        farm.cell(other)


def test_the_end_begins_nothing(grown: Grown) -> None:
    """What came before it is kept: the next process of the run measures the cell alone."""
    farm = grown.farm()
    farm.found(grown.bench.case)

    def all_come() -> None:
        for _ in PARTS:
            grown.nodes.pump(0)

    grown.nodes.at_last = all_come
    farm.end()
    assert PARTS == [work.key for work in grown.nodes.works]
    grown.farm().cell(grown.bench.case)

    assert [NAME] == grown.nodes.did


def test_scores_that_nobody_asks_for_lie_on_disk_alone(grown: Grown) -> None:
    """However many cells a run has; whoever asks for one is given them."""
    farm = grown.farm()
    given = farm.cell(grown.bench.case)
    [growing] = farm._growing.values()
    assert growing.cell

    assert [13] == [len(part.predictions.ids) for part in given.parts]
    assert [0] == [len(part.predictions.ids) for part in growing.cell.parts]


def test_a_cell_may_have_its_node_to_itself(grown: Grown) -> None:
    """Its task says so where that is asked, and takes all cores of a node; one that only scores does not.

    So does its row.
    """
    assert not any("alone" in note for note in grown.farm().cell(grown.bench.case).notes)
    assert [False] * 5 == [work.exclusive for work in grown.nodes.works]
    shutil.rmtree(grown.bench.run)
    shutil.rmtree(grown.bench.folder / "nodes")  # a node has a new folder for each task
    grown.exclusive = "on"
    assert "measured on node-1/cpu, alone on its node" in grown.farm().cell(grown.bench.case).notes

    assert [False] * 4 + [True] == [work.exclusive for work in grown.nodes.works]
    assert [2.0] * 4 + [4.0] == [needs.cpus for needs in grown.nodes.needs]


@pytest.mark.parametrize(("options", "workers", "words"), [({"ray": "auto"}, True, "-n starts processes on this machine"),
                                                           ({"ray": "auto", "confirm": "7"}, False, "measured again across a cluster")])
def test_what_does_not_go_with_a_cluster_is_one_sentence(options: dict[str, str], workers: bool, words: str) -> None:
    """Workers of pytest-xdist, and series that confirm a speed."""
    with pytest.raises(OptionError, match=words) as caught:
        require_alone(Settings.parse(options), workers=workers)

    assert caught.value.remedy
    require_alone(Settings.parse({"ray": "auto", "confirm": "0"}), workers=False)


@pytest.mark.parametrize(("options", "nightly", "most"), [({}, True, 40), ({"ray": "auto"}, True, 0), ({"ray": "auto"}, False, 0),
                                                          ({"confirm": "7"}, False, 7), ({}, False, 0)])
def test_no_speed_is_measured_again_across_a_cluster(options: dict[str, str], nightly: bool, most: int) -> None:
    """By night either: the next task may be given another device."""
    assert most == most_series(Settings.parse(options), nightly=nightly)
