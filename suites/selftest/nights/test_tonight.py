"""A cell's speed beside its nights: what a run measures again, what it says in the end, and what it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.nights.cells import SMALL, TSM, Machine, night, nights
from tools.judging.confirmed import Word
from tools.nights import steps
from tools.nights.history import History
from tools.spec.case import Case

SLOWFAST = Case("slowfast", 8, TSM.device)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History.init(tmp_path / "history")


def test_eight_nights_are_for_learning_and_then_it_is_judged(machine: Machine, history: History) -> None:
    """A learning night takes two series, which tell how far one lies from the next, and no control."""
    words = [night(machine, history, number).word for number in range(1, 9)]

    assert ["learning"] * 8 == words
    assert [TSM] * 8 == machine.taken
    assert ["fine"] * 2 == [night(machine, history, number).word for number in (9, 10)]


def test_a_slower_case_is_measured_again_in_turn_with_the_small_graph(machine: Machine, history: History) -> None:
    """The graph keeps its speed, so the case became slower. No such night moves the centre."""
    nights(machine, history, 20)
    machine.slower[TSM], machine.taken = 0.08, []
    speed = night(machine, history, 21)
    again = night(machine, history, 22)

    assert (Word.SLOW, Word.SLOW) == (speed.conclusion.word, again.conclusion.word)
    assert {TSM, SMALL} == set(machine.taken)
    assert abs(speed.confirmed.decision.centre - again.confirmed.decision.centre) < 0.002
    assert any("measuring again" in line and "in turn with control-bs1-npu0" in line for line in machine.said)


def test_another_case_of_the_run_is_the_better_control(machine: Machine, history: History) -> None:
    nights(machine, history, 20, cases=(SLOWFAST, TSM))
    machine.slower[TSM], machine.taken = 0.08, []
    night(machine, history, 21, cases=(SLOWFAST, TSM))

    assert {TSM, SLOWFAST} == set(machine.taken)


def test_a_cell_that_is_learning_is_no_control(machine: Machine, history: History) -> None:
    """It has a night and no centre: it would leave every doubt open."""
    nights(machine, history, 20)
    night(machine, history, 21, cases=(SLOWFAST, TSM))
    machine.slower[TSM], machine.taken = 0.08, []
    speed = night(machine, history, 22, cases=(SLOWFAST, TSM))
    assert "learning" == speed.word
    assert {TSM, SLOWFAST, SMALL} == set(machine.taken)
    assert "slow" == history.nights().of(replace(speed.baseline.subject, case=str(TSM), fingerprint=replace(
        speed.baseline.subject.fingerprint, batch=TSM.batch)))[-1].word


def test_what_is_accepted_is_judged_from_the_next_night_on(machine: Machine, history: History) -> None:
    """The accepted nights are few and make a centre all the same."""
    nights(machine, history, 20)
    machine.slower[TSM] = 0.1
    assert Word.SLOW is night(machine, history, 21).conclusion.word
    for one in steps.accepted_all(history.nights(), str(TSM), "ada", "a check of every copy", "2026-11-28T09:00:00Z"):
        history.accept(one)

    assert Word.FINE is night(machine, history, 22).conclusion.word
    machine.slower[TSM] = 0.35
    assert Word.SLOW is night(machine, history, 23).conclusion.word


def test_a_bad_day_can_be_accepted(machine: Machine, history: History) -> None:
    """A machine may have become slower for good."""
    nights(machine, history, 20)
    machine.slower = {TSM: 0.1, SMALL: 0.1}
    assert Word.BAD_DAY is night(machine, history, 21).conclusion.word
    accepted = steps.accepted_all(history.nights(), "all", "ada", "cooler", "2026-11-28T09:00:00Z")
    assert [str(SMALL), str(TSM)] == [one.case for one in accepted]


def test_another_fingerprint_every_night_is_not_learning_for_ever(machine: Machine, history: History) -> None:
    """After 20 nights of a case on its chip somebody must look why none compare."""
    for number in range(1, 22):
        machine.driver = f"24.{number}"
        speed = night(machine, history, number, most=0)

    assert "learning" == speed.word
    assert "" == speed.baseline.learning


def test_where_everything_is_slower_it_is_a_bad_day_and_on_the_third_the_machine(machine: Machine, history: History) -> None:
    """A verdict of the case would be wrong; a machine that stays slow is somebody's task."""
    nights(machine, history, 20)
    machine.slower = {TSM: 0.1, SMALL: 0.1}
    words = [night(machine, history, number).conclusion.word for number in (21, 22, 23)]

    assert [Word.BAD_DAY, Word.BAD_DAY, Word.MACHINE_SLOW] == words
    assert ["bad day"] * 3 == [record.word for record in history.read([str(SMALL)]).records[-3:]]


def test_what_became_faster_is_news_and_never_red(machine: Machine, history: History) -> None:
    """Somebody may have found a better flag, or the graph no longer does all it did."""
    nights(machine, history, 20)
    machine.slower[TSM] = -0.12
    speed = night(machine, history, 21)

    assert Word.FINE is speed.conclusion.word
    assert any(line.startswith("tsm-bs16-npu0: +13 % since 2") for line in machine.said), machine.said[-3:]


def test_without_measuring_again_a_doubt_stays_one(machine: Machine, history: History) -> None:
    """One series condemns nobody. What it tells is carried into the next night."""
    nights(machine, history, 20)
    machine.slower[TSM] = 0.08
    speed = night(machine, history, 21, most=0)
    kept = history.nights().of(speed.baseline.subject)[-1]

    assert Word.SUSPECT is speed.conclusion.word
    assert "suspect" == kept.word
    assert kept.ratio == pytest.approx(speed.conclusion.carried)
    assert kept.ratio > 0


def test_an_error_while_measuring_again_costs_no_verdict(machine: Machine, history: History) -> None:
    """What was measured until then counts, and the sentence says what ended it."""
    nights(machine, history, 20)
    machine.slower[TSM], machine.taken, machine.fails = 0.08, [], 3
    speed = night(machine, history, 21)

    assert Word.SUSPECT is speed.conclusion.word
    assert "the device fails" == getattr(speed.confirmed.error, "what", "")
    assert 3 == len(machine.taken)


def test_a_night_is_kept_with_all_its_series_and_so_is_its_control(machine: Machine, history: History) -> None:
    """The control's own nights tell its speed better for it."""
    nights(machine, history, 20)
    machine.slower[TSM], machine.taken = 0.08, []
    night(machine, history, 21)
    last = {record.case: record for record in history.read().records if record.run == "night-21"}

    assert ["own", *["again"] * machine.taken.count(TSM)] == [one.role for one in last["tsm-bs16-npu0"].series]
    assert ["own", *["control"] * machine.taken.count(SMALL)] == [one.role for one in last["control-bs1-npu0"].series]
    assert "slow" == last["tsm-bs16-npu0"].word


def test_what_all_cases_of_the_device_are_slower_is_known_to_each(machine: Machine, history: History) -> None:
    """A day that is bad by less than the step would else make one of many cases slow."""
    nights(machine, history, 10, cases=(SLOWFAST, TSM))
    machine.slower = {TSM: 0.02, SLOWFAST: 0.03, SMALL: 0.03}
    speed = night(machine, history, 11, cases=(TSM, SLOWFAST), last=True)

    assert 2 == len(speed.confirmed.case.others)
    assert max(abs(one - due) for one, due in zip(sorted(speed.confirmed.case.others), (0.02, 0.03), strict=True)) < 0.02


def test_a_cell_that_is_judged_twice_in_a_run_is_kept_once(machine: Machine, history: History) -> None:
    """A test may be run again, by a retry plugin or by --resume."""
    nights(machine, history, 3)
    nights(machine, history, 1, first=3)

    assert 3 == len(history.read(["tsm-bs16-npu0"]).records)


@pytest.fixture
def creeping(machine: Machine, history: History) -> Iterator[int]:
    nights(machine, history, 30)
    yield 31


def test_what_creeps_is_found_though_each_night_is_as_fast_as_the_last(machine: Machine, history: History, creeping: int) -> None:
    """0.3 % a night: the centre of the last nights creeps along, and the first nights do not."""
    for number in range(creeping, creeping + 40):
        machine.slower[TSM] = 0.003 * (number - creeping)
        speed = night(machine, history, number, most=0)
        if speed.word == "trend":
            break
    assert speed.creep is not None
    assert "trend" == speed.word
    assert 0.01 < speed.creep.risen < 0.12
