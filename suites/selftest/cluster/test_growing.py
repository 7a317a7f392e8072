"""A case that nodes measure in parts is the case that this machine measures; what has come is never lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.cluster.grown import SPEC, Grown
from suites.selftest.measuring.resumed import Bench, whole
from tools.cluster import taken
from tools.cluster.values import Answer, Work
from tools.errors import ClusterError, EngineError
from tools.machine.files import write_whole
from tools.measuring.cell import RECORD, TIMES
from tools.measuring.predictions import FILE

NAME = "tiny-bs4-cpu"
PARTS = [f"{NAME} 1-4", f"{NAME} 5-8", f"{NAME} 9-12", f"{NAME} 13-13"]
SLOW = EngineError("it is too slow")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path, SPEC)


@pytest.fixture
def grown(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> Grown:
    return Grown(monkeypatch, bench)


def failing(key: str) -> Callable[[Work], None]:
    """Nodes on which the task of that key fails."""

    def before(work: Work) -> None:
        if work.key == key:
            raise EngineError("the device fails")

    return before


def other_versions(answer: Answer) -> Answer:
    """What a node answers whose packages are others."""
    return replace(answer, same=json.dumps({**json.loads(answer.same), "versions": "onnxruntime 2"}))


def test_parts_that_nodes_score_are_one_cell(grown: Grown, tmp_path: Path) -> None:
    """Its scores are those of one machine to the bit, whoever scored which clips; it is timed once."""
    cell = grown.farm().cell(grown.bench.case)
    alone = whole(tmp_path / "alone", SPEC)

    assert [*PARTS, NAME] == grown.nodes.did
    assert (alone.place() / FILE).read_bytes() == (cell.folder / FILE).read_bytes()
    assert {**alone.record(), "place": "node-1/cpu", "scored_by": ["node-1 cpu: 8 clips", "node-2 cpu: 5 clips"]} == grown.bench.record()
    assert cell.untimed is None
    assert [False] * 4 + [True] == [work.timed for work in grown.nodes.works]
    assert not list(cell.folder.glob("gathered-*"))


def test_a_short_list_is_scored_where_it_is_timed(grown: Grown) -> None:
    """One task does it all, unless fewer clips a part are asked for."""
    grown.shard = "auto"
    grown.farm().cell(grown.bench.case)

    assert [NAME] == grown.nodes.did
    assert "" != grown.bench.record()["place"]


def test_a_part_that_fails_leaves_the_others_kept(grown: Grown) -> None:
    """The case ends in its error; the next process of the run scores that part alone."""
    farm = grown.farm()
    grown.nodes.before = failing(PARTS[1])
    with pytest.raises(EngineError, match="the device fails"):
        farm.cell(grown.bench.case)
    grown.nodes.at_last = lambda: grown.nodes.pump(0)
    farm.end()
    assert [PARTS[0], PARTS[2]] == grown.nodes.did
    grown.farm().cell(grown.bench.case)

    assert [PARTS[1], PARTS[3], NAME] == grown.nodes.did


def test_parts_that_run_as_another_fails_are_let_finish(grown: Grown) -> None:
    """They are kept before the case ends in its error; one that only waits is not waited for."""
    farm = grown.farm()
    grown.nodes.begun, grown.nodes.before = (PARTS[2],), failing(PARTS[1])
    with pytest.raises(EngineError, match="the device fails"):
        farm.cell(grown.bench.case)
    assert [PARTS[0], PARTS[2]] == grown.nodes.did
    farm.end()
    grown.farm().cell(grown.bench.case)

    assert [PARTS[1], PARTS[3], NAME] == grown.nodes.did


def test_a_cell_is_not_measured_without_all_parts(grown: Grown) -> None:
    """Whichever part it is that fails."""
    farm = grown.farm()
    grown.nodes.before = failing(PARTS[3])
    with pytest.raises(EngineError):
        farm.cell(grown.bench.case)

    assert PARTS == [work.key for work in grown.nodes.works]


def test_ctrl_c_leaves_the_parts_that_came(grown: Grown) -> None:
    """All tasks are cancelled; the next process of the run goes on with the parts that lack."""
    farm = grown.farm()

    def stop(work: Work) -> None:
        if work.key == PARTS[2]:
            raise KeyboardInterrupt

    grown.nodes.before = stop
    with pytest.raises(KeyboardInterrupt):
        farm.cell(grown.bench.case)
    farm.end()
    assert grown.nodes.cancelled
    cell = grown.farm().cell(grown.bench.case)

    assert [*PARTS[2:], NAME] == grown.nodes.did
    assert [f"{NAME}: 8 of 13 clips were scored before"] == grown.said
    assert 13 == len(cell.parts[0].predictions.ids)


def test_a_measured_cell_is_read_back(grown: Grown) -> None:
    """No node is asked, and its rows say that an ended process has measured it."""
    first = grown.farm().cell(grown.bench.case)
    again = grown.farm().cell(grown.bench.case)

    assert [] == grown.nodes.works
    assert [f"{NAME}: measured before, and read back"] == grown.said
    assert [True] == [part.earlier for part in again.parts]
    assert first.series() == again.series()


@pytest.mark.parametrize(("before", "now", "why"), [(False, True, "it has no times"), (True, False, "")])
def test_times_are_taken_once_they_are_asked_for(grown: Grown, before: bool, now: bool, why: str) -> None:
    """A cell without times is measured again for them; one with times is enough for who asks for none."""
    grown.farm(timed=before).cell(grown.bench.case)
    cell = grown.farm(timed=now).cell(grown.bench.case)

    assert bool(why) == bool(grown.nodes.did)
    assert (f"measured again, since {why}" in " ".join(grown.said)) == bool(why)
    assert cell.untimed is None
    assert bool(why) == (cell.folder / "earlier" / "1" / FILE).is_file()


def test_a_cell_of_other_clips_is_set_aside(grown: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has changed is said; nothing that was measured is lost."""
    farm = grown.farm()
    farm.cell(grown.bench.case)
    grown.bench.folder.joinpath("graph.onnx").write_bytes(b"another graph")
    grown.farm().cell(grown.bench.case)

    assert f"{NAME}: measured again, since these have changed: the graph" in grown.said
    assert [*PARTS, NAME] == grown.nodes.did
    assert (farm.cell(grown.bench.case).folder / "earlier" / "1" / FILE).is_file()


def test_nodes_that_are_not_alike_score_no_list_together(grown: Grown) -> None:
    """The case ends in an error that names both, and what differs."""
    farm = grown.farm()
    grown.nodes.after = lambda answer: other_versions(answer) if answer.node == "node-2" else answer
    with pytest.raises(ClusterError, match="node-1 cpu and node-2 cpu cannot score one list together: other installed versions"):
        farm.cell(grown.bench.case)


def test_a_node_that_is_not_alike_measures_no_cell_of_others_scores(grown: Grown) -> None:
    """It would be told as if one kind of node had done it all."""
    farm = grown.farm()
    grown.nodes.after = lambda answer: other_versions(answer) if len(answer.files) > 1 else answer
    with pytest.raises(ClusterError, match="node-1 cannot measure what others have scored: other installed versions"):
        farm.cell(grown.bench.case)


def test_times_of_another_length_are_taken_again(grown: Grown) -> None:
    """How long timing takes shapes a speed; the scores before are set aside, not lost."""
    grown.farm().cell(grown.bench.case)
    grown.bench.budget_s = "2"
    cell = grown.farm().cell(grown.bench.case)

    assert f"{NAME}: measured again, since the time that timing takes has changed" in grown.said
    assert (cell.folder / "earlier" / "1" / TIMES).is_file()


def test_a_record_is_written_last(grown: Grown, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that is killed meanwhile leaves no cell that looks whole."""
    grown.shard, written = "auto", list[str]()
    farm = grown.farm()
    monkeypatch.setattr(taken, "write_whole", lambda path, write: (written.append(path.name), write_whole(path, write)))
    farm.cell(grown.bench.case)

    assert [TIMES, RECORD] == written[-2:]
    assert taken.NOTE == written[0]


def test_parts_from_before_an_upgrade_are_scored_again(grown: Grown) -> None:
    """They and the new ones are no list; that is said, and the new ones stay."""
    farm = grown.farm()
    grown.nodes.before = failing(PARTS[2])
    with pytest.raises(EngineError):
        farm.cell(grown.bench.case)
    farm = grown.farm()
    grown.nodes.after = other_versions
    farm.cell(grown.bench.case)

    assert sorted([*PARTS, NAME]) == sorted(grown.nodes.did)
    assert any("are scored again, since nodes now score with other installed versions" in line for line in grown.said)


@pytest.mark.parametrize("cut", [0, 100, -1])
def test_a_part_that_arrives_damaged_is_an_error(grown: Grown, cut: int) -> None:
    """It names who sent it and which clips."""
    farm = grown.farm()
    grown.nodes.after = lambda answer: replace(answer, files=tuple((name, data[:cut]) for name, data in answer.files))
    with pytest.raises(ClusterError, match="what node-1 cpu sent of clips 1 to 4 cannot be used"):
        farm.cell(grown.bench.case)


def test_a_file_outside_of_the_cell_is_refused(grown: Grown) -> None:
    grown.shard = "auto"
    farm = grown.farm()
    grown.nodes.after = lambda answer: replace(answer, files=(*answer.files, ("../../elsewhere", b"")))
    with pytest.raises(ClusterError, match="does not belong into the cell's folder"):
        farm.cell(grown.bench.case)


def test_a_cell_that_could_not_be_timed_says_why_and_where(grown: Grown) -> None:
    """Its scores are judged; the next process of the run takes the times without scoring again."""
    farm = grown.farm()
    grown.nodes.after = lambda answer: replace(
        answer, files=tuple(one for one in answer.files if one[0] != TIMES), error=SLOW.parts) if len(answer.files) > 1 else answer
    cell = farm.cell(grown.bench.case)
    assert "it is too slow (on node-1)" == str(cell.untimed)

    assert grown.farm().cell(grown.bench.case).untimed is None
    assert [NAME] == grown.nodes.did
