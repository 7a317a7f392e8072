"""Scores that differ in what shaped them are never one cell, whichever process of a run was given them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.cluster.grown import SPEC, Grown
from suites.selftest.cluster.test_growing import NAME, PARTS, failing, other_versions
from suites.selftest.measuring.resumed import Bench
from tools.cluster.values import Answer
from tools.errors import ClusterError, EngineError
from tools.spec.case import Mode

SECOND = "node-2"


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Grown:
    return Grown(monkeypatch, Bench(monkeypatch, tmp_path, SPEC))


def other_processor(answer: Answer) -> Answer:
    """What a node answers whose processor is another."""
    return replace(answer, same=json.dumps({**json.loads(answer.same), "processor": "another"}))


def second(change: Callable[[Answer], Answer]) -> Callable[[Answer], Answer]:
    """What arrives where the second node is not like the first."""
    return lambda answer: change(answer) if answer.node == SECOND else answer


def test_nodes_of_unlike_processors_score_no_list_together(grown: Grown) -> None:
    """Nor does one measure what the other has scored. The error says both ways out, and the second is one."""
    farm = grown.farm()
    grown.nodes.after = second(other_processor)
    with pytest.raises(ClusterError, match="node-1 cpu and node-2 cpu cannot score one list together: another processor") as caught:
        farm.cell(grown.bench.case)
    assert "begin the cluster with nodes that are alike, or let one node score all: --ray-shard=13 or more" == caught.value.remedy
    grown.shard = "13"
    grown.farm().cell(grown.bench.case)

    assert [NAME] == grown.nodes.did


def test_a_node_of_another_processor_measures_no_cell_of_others_scores(grown: Grown) -> None:
    """Its times would stand beside scores that it does not give."""
    farm = grown.farm()
    grown.nodes.after = lambda answer: other_processor(answer) if len(answer.files) > 1 else answer
    with pytest.raises(ClusterError, match="node-1 cannot measure what others have scored: another processor that computes"):
        farm.cell(grown.bench.case)


def test_a_case_of_tensorrt_is_measured_whole(grown: Grown) -> None:
    """Each node's engine computes in its own way, so that one node scores all."""
    grown.bench.case = replace(grown.bench.case, mode=Mode("tensorrt"))
    grown.farm().cell(grown.bench.case)

    assert ["cell"] == [work.what for work in grown.nodes.works]


def test_unlike_parts_that_are_all_kept_are_no_cell_either(grown: Grown) -> None:
    """The process that ended in that error leaves every part; the next one scores them again."""
    farm = grown.farm()
    grown.nodes.after = second(other_versions)
    with pytest.raises(ClusterError, match="cannot score one list together"):
        farm.cell(grown.bench.case)
    grown.farm().cell(grown.bench.case)

    assert [*PARTS, NAME] == grown.nodes.did
    assert any("13 clips are scored again, since nodes now score with other installed versions" in line for line in grown.said)


def test_parts_that_are_all_from_before_an_upgrade_are_scored_again(grown: Grown) -> None:
    """That shows when the cell arrives; the run goes on by itself, and never ends in the same error again."""
    farm = grown.farm()
    grown.nodes.before = failing(NAME)
    with pytest.raises(EngineError):
        farm.cell(grown.bench.case)
    farm = grown.farm()
    grown.nodes.after = other_versions
    cell = farm.cell(grown.bench.case)

    assert [NAME, *PARTS, NAME] == grown.nodes.did
    assert cell.untimed is None
    assert 13 == len(cell.parts[0].predictions.ids)
