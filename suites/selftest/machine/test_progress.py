"""How far a run is: what is counted, how long is left, and who says nothing; the clock is the test's own."""

from __future__ import annotations

import pytest

from tools.machine import progress_words as words
from tools.machine.event import Event
from tools.machine.progress import Progress, State, Work

CELLS = {"tsm-bs16-cpu": ["a", "f"], "tsm-bs1-cpu": ["a"], "bsn-bs1-cpu": ["a"]}


def cell(case: str, worker: str = "") -> Event:
    return {"kind": "cell", "case": case, "device": "cpu", "worker": worker}


def counted(done: int, total: int, text: str = "scoring", worker: str = "") -> Event:
    return {"kind": "progress", "text": text, "done": done, "total": total, "unit": "clips", "worker": worker}


def told(*heard: tuple[float, Event], of: Progress | None = None) -> Progress:
    found = of or Progress(CELLS)
    for now, event in heard:
        found.hear(event, now)
    return found


def only(state: State) -> Work:
    [work] = state.works
    return work


def test_a_rate_leaves_out_what_was_there_at_first() -> None:
    """A cell that goes on at clip 100 did not score those in no time."""
    state = told((0, cell("tsm-bs16-cpu")), (10, counted(100, 300)), (20, counted(150, 300))).at(20)

    assert (5.0, 30.0) == (only(state).per_s, only(state).left_s(20))
    assert 28.0 == only(state).left_s(22)
    assert 0.0 == only(state).left_s(90)


def test_another_step_and_one_that_begins_anew_are_counted_from_their_own_begin() -> None:
    found = told((0, cell("tsm-bs16-cpu")), (10, counted(0, 300)), (20, counted(150, 300)))

    assert only(told((30, counted(5, 300)), of=found).at(30)).per_s is None
    assert 2.0 == only(told((40, counted(25, 300)), of=found).at(40)).per_s
    assert only(told((50, counted(30, 300, "timing")), of=found).at(50)).per_s is None


def test_a_line_says_all_of_it() -> None:
    """The example of the page."""
    found = told((0, cell("tsm-bs1-cpu")), (60, counted(5, 5)))
    assert found.answer("tsm-bs1-cpu", "a", 60)
    found.judge("PASS")
    told((60, cell("tsm-bs16-cpu")), (61, counted(20, 3783)), (62, {**counted(120, 3783), "busy": 0.374}), of=found)

    assert ("tsm-bs16-cpu: scoring 120 of 3,783 clips, 100.0 clips/s, 37 s left, device busy 37%; "
            "cells 1 of 3 done: 1 PASS; about 2 min left") == words.line(found.at(62))


def test_a_cell_is_done_with_its_last_answer_and_once() -> None:
    found = told((0, cell("tsm-bs16-cpu")))

    assert [False, False, True, False] == [found.answer("tsm-bs16-cpu", test, 9) for test in ("a", "other", "f", "f")]
    assert (1, 3, ()) == (found.at(9).cells, found.at(9).total, found.at(9).works)


@pytest.mark.parametrize(("lanes", "left"), [(1, 190.0), (2, 95.0), (9, 95.0)])
def test_the_cells_that_are_left_take_as_long_as_those_before(lanes: int, left: float) -> None:
    """Side by side as many as there are lanes, and no more than there are cells; what has begun counts."""
    found = told((0, cell("tsm-bs1-cpu")), of=Progress(CELLS, lanes))
    assert found.at(50).left_s is None
    found.answer("tsm-bs1-cpu", "a", 100)
    told((100, cell("tsm-bs16-cpu")), of=found)

    assert left == found.at(110).left_s
    assert 150 == told((110, counted(0, 16)), (120, counted(1, 16)), of=found).at(120).left_s if lanes > 1 else True


def test_each_worker_has_its_own_work_and_a_dead_one_has_none() -> None:
    found = told((0, cell("tsm-bs1-cpu", "gw0")), (0, cell("bsn-bs1-cpu", "gw1")), (1, counted(1, 9, worker="gw1")))
    assert ["", "scoring"] == [work.step for work in found.at(1).works]
    found.forget("gw1")

    assert ["tsm-bs1-cpu"] == [work.case for work in found.at(1).works]


def test_who_has_ended_all_has_no_work() -> None:
    """The end of a stage ends that stage alone; an end without a text is that of a worker's task."""
    stage: Event = {"kind": "ended", "text": "measuring", "worker": "node-1/npu0"}
    found = told((0, cell("tsm-bs16-cpu", "node-1/npu0")), (1, cell("tsm-bs1-cpu", "node-1/npu1")), (2, stage))
    assert 2 == len(found.at(3).works)

    assert "tsm-bs1-cpu" == only(told((3, {"kind": "ended", "worker": "node-1/npu0"}), of=found).at(4)).case


@pytest.mark.parametrize(("begins", "now", "said"), [
    ({}, 45, "making it, 45 s"),
    ({"takes": "one to two minutes"}, 45, "making it, 45 s (takes one to two minutes)"),
    ({"takes": "minutes", "usual_s": 120.0}, 45, "making it, 45 s of about 2 min"),
    ({"takes": "minutes", "usual_s": 120.0}, 1080, "making it, 18 min, longer than the 2 min of last time"),
])
def test_a_stage_says_how_long_it_takes_and_when_that_was_too_little(begins: Event, now: float, said: str) -> None:
    found = told((0, {"kind": "stage", "text": "making it", **begins}), of=Progress())
    told((now, {"kind": "alive"}), of=found)

    assert said == words.line(found.at(now))


def test_a_case_is_named_once() -> None:
    """By its stage, where that names it; and always by something."""
    found = told((0, cell("tsm-bs1-cpu")), of=Progress())
    assert "tsm-bs1-cpu: looking things up, or judging, 3 s" == words.line(found.at(3))
    told((4, {"kind": "stage", "text": "measuring tsm-bs1-cpu"}), of=found)
    assert "measuring tsm-bs1-cpu, 2 s" == words.line(found.at(6))
    told((6, counted(1, 2)), of=found)
    assert "measuring tsm-bs1-cpu: scoring 1 of 2 clips" == words.line(found.at(6))
    told((7, {"kind": "ended", "text": "measuring tsm-bs1-cpu"}), (8, {"kind": "stage", "text": "making a graph"}), of=found)
    assert "tsm-bs1-cpu: making a graph, 1 s" == words.line(found.at(9))


def test_who_waits_says_for_whom_until_it_waits_no_more() -> None:
    found = told((0, {"kind": "stage", "text": "making it"}), (1, {"kind": "alive", "text": "waiting: bob holds npu:0"}),
                 (2, {"kind": "alive"}), of=Progress())
    assert "making it, 2 s; waiting: bob holds npu:0" == words.line(found.at(2))

    assert "making it, 3 s" == words.line(told((3, {"kind": "alive", "text": ""}), of=found).at(3))


def test_who_says_nothing_for_longer_than_usual_is_named() -> None:
    """A step whose clips take 20 s each is not silent after 30."""
    quick = told((0, cell("tsm-bs1-cpu")), (1, counted(1, 9)), (2, counted(2, 9)))
    slow = told((0, cell("tsm-bs1-cpu")), (1, counted(1, 9)), (21, counted(2, 9)))

    assert ["", "", "nothing heard for 11 s"] == [words.trouble(only(quick.at(now)), now) for now in (5, 12, 13)]
    assert ["", "nothing heard for 41 s"] == [words.trouble(only(slow.at(now)), now) for now in (60, 62)]


def due(found: Progress, seconds: int, event: Event | None = None) -> list[int]:
    """The seconds at which a line is due, if each of them brings *event*."""
    asked, at = words.Due(0.0), []
    for now in range(seconds):
        if event:
            found.hear(event, now)
        at += [now] if asked.is_now(found.at(now)) else []
    return at


def test_a_line_is_due_every_30_s_and_after_10_of_what_has_not_been_told() -> None:
    """Nothing is due while nothing goes on. Silence is told 10 s after it has become one."""
    assert [] == due(Progress(CELLS), 100)
    assert [10, 40, 70] == due(told((0, cell("tsm-bs1-cpu"))), 90, counted(1, 9))
    assert [10, 21, 51, 81] == due(told((0, {"kind": "stage", "text": "making it"}), of=Progress()), 90)


def test_what_changes_quickly_is_told_no_more_often() -> None:
    """A step that lasts a moment is not a line."""
    found, asked = told((0, cell("tsm-bs1-cpu"))), words.Due(0.0)

    assert [30, 60] == [now for now in range(90) if asked.is_now(told((now, counted(1, 9, f"step {now}")), of=found).at(now))]


def test_many_at_once_are_a_line_that_can_be_read() -> None:
    found = told(*((0, cell(f"tsm-bs{number}-npu", f"gw{number}")) for number in range(5)))

    assert 3 == words.line(found.at(1)).count("tsm-bs")
    assert "and 2 more; cells 0 of 3 done" in words.line(found.at(1))


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0 s"), (43, "43 s"),
                                               (99.4, "99 s"), (100, "2 min"), (5940, "99 min"), (7500, "2 h 5 min")])
def test_durations_are_read_at_a_glance(seconds: float, said: str) -> None:
    assert said == words.duration(seconds)
