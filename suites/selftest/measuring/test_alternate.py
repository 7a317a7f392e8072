"""A doubtful cell is measured in turn with one that is not in doubt."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tools.engines.idle import Idle
from tools.errors import EngineError
from tools.measuring.alternate import Alternation, Candidate, Subject, alternate, choose
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.doubts import doubts
from tools.spec.case import Case, Device

NPU = Device("npu", 0)
SUSPECT, CONTROL = Case("tsm", 16, NPU), Case("bsn", 1, NPU)
NOTHING: Any = SimpleNamespace()


def cell_of(case: Case, seconds: float = 3.0, **part: Any) -> Cell:
    """A cell whose series took that long. part: fields of its only network."""
    times = Times((seconds / 3,) * 3, case.batch)
    return Cell(case, Path(str(case)), (Part(**({"folder": Path(), "record": NOTHING, "predictions": NOTHING, "times": times} | part)),))


def subject(case: Case, taken: list[tuple[Case, int]], fails: int = 0) -> Subject:
    """What notes that it is timed, and fails at that number."""

    def take(number: int, *, anew: bool) -> Cell:
        taken.append((case, number))
        if number == fails:
            raise EngineError("the device fails")
        return cell_of(case, float(number))

    return Subject(case, take)


def candidate(case: Case, seconds: float = 3.0, *, nights: int = 30, suspected: bool = False, **part: Any) -> Candidate:
    return Candidate(cell_of(case, seconds, **part), subject(case, []), nights, suspected)


def test_they_take_turns() -> None:
    """The suspect first, as many series of each, with the numbers after those that were taken before."""
    taken, said = list[tuple[Case, int]](), list[str]()
    found = alternate(subject(SUSPECT, taken), subject(CONTROL, taken), 3, said.append, "4.1 % slower than its nights", before=5)

    assert [(case, number) for number in (6, 7, 8) for case in (SUSPECT, CONTROL)] == taken
    assert ([6.0, 7.0, 8.0], None) == ([sum(cell.series()) for cell in found.suspect], found.error)
    assert [[SUSPECT] * 3, [CONTROL] * 3] == [[cell.case for cell in cells] for cells in (found.suspect, found.control)]
    assert "tsm-bs16-npu0: 4.1 % slower than its nights; measuring again 6 of 8, in turn with bsn-bs1-npu0" == said[0]


@pytest.mark.parametrize(("ours", "theirs", "expected"), [(2, 0, (1, 1)), (0, 2, (2, 1))])
def test_an_error_ends_it_and_costs_no_series(ours: int, theirs: int, expected: tuple[int, int]) -> None:
    """Of either: it is a value beside what was taken, and nothing more is tried on that device."""
    taken: list[tuple[Case, int]] = []
    found = alternate(subject(SUSPECT, taken, ours), subject(CONTROL, taken, theirs), 8, lambda text: None, "slower")

    assert expected == (len(found.suspect), len(found.control))
    assert "the device fails" == getattr(found.error, "what", "")
    assert sum(expected) + 1 == len(taken)


def test_a_fault_of_ours_is_no_value() -> None:
    def take(number: int, *, anew: bool) -> Cell:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        alternate(Subject(SUSPECT, take), Subject(CONTROL, take), 1, lambda text: None, "slower")
    assert Alternation((), ()) == alternate(Subject(SUSPECT, take), Subject(CONTROL, take), 0, lambda text: None, "slower")


def test_beside_a_series_of_now_the_control_is_taken_now() -> None:
    """What an ended process left counts together: its two series were taken in turn."""
    asked: list[tuple[str, int, bool]] = []

    def taking(name: str, case: Case) -> Subject:
        def take(number: int, *, anew: bool) -> Cell:
            asked.append((name, number, anew))
            return cell_of(case, earlier=number == 1)

        return Subject(case, take)

    alternate(taking("suspect", SUSPECT), taking("control", CONTROL), 2, lambda text: None, "slower")
    assert [("suspect", 1, False), ("control", 1, False), ("suspect", 2, False), ("control", 2, True)] == asked


SHORT, LONG = (candidate(Case("slowfast", 1, NPU), 3.0), candidate(Case("bsn", 1, NPU), 60.0))
SAME_MODEL = candidate(Case("tsm", 1, NPU), 1.0)
UNFIT: list[Callable[[], Candidate]] = [
    lambda: candidate(SUSPECT, 0.1), lambda: candidate(Case("bsn", 4, Device("npu", 1)), 0.1), lambda: candidate(CONTROL, 0.1, nights=0),
    lambda: candidate(CONTROL, 0.1, suspected=True), lambda: candidate(CONTROL, times=None),
    lambda: candidate(CONTROL, timing_error=EngineError("it fails")),
    lambda: candidate(CONTROL, times=Times((0.1,), 1, doubt="the timed call gives the same scores for another batch")),
    lambda: candidate(CONTROL, 0.1, idle=Idle("busy", ("another process",), 4)),
    lambda: candidate(CONTROL, 0.1, idle=Idle("unknown", (), 0))]


def test_another_model_is_preferred_and_then_the_shortest_series() -> None:
    """Whatever their order: a change of the suspect's model may slow all of its batch sizes."""
    for candidates in ([SHORT, LONG, SAME_MODEL], [SAME_MODEL, LONG, SHORT]):
        assert SHORT == choose(candidates, SUSPECT)
        assert LONG == choose([one for one in candidates if one != SHORT], SUSPECT)
    assert SAME_MODEL == choose([SAME_MODEL], SUSPECT)
    assert choose([], SUSPECT) is None


@pytest.mark.parametrize("unfit", UNFIT, ids=["itself", "another device", "no nights", "suspected", "untimed", "failed", "doubt", "busy",
                                              "unknown"])
def test_who_cannot_be_a_control_is_passed_over(unfit: Callable[[], Candidate]) -> None:
    """However short its series is; without another there is none, and the fixed graph has to do."""
    assert SAME_MODEL == choose([unfit(), SAME_MODEL], SUSPECT)
    assert choose([unfit()], SUSPECT) is None


def test_what_is_wrong_with_times_is_told() -> None:
    """Of each network; an idle device and calls that run the network are no doubt."""
    assert [] == doubts(cell_of(CONTROL, idle=Idle("idle", (), 4)))
    two = cell_of(CONTROL, idle=Idle("busy", ("another process",), 4)).parts + cell_of(CONTROL, times=Times((1.0,), 1, doubt="why")).parts
    assert ["why", "the device was busy in 4 samples of npu-smi: another process"] == doubts(Cell(CONTROL, Path(), two))
    assert ["it fails"] == doubts(cell_of(CONTROL, times=None, timing_error=cast("Any", EngineError("it fails"))))
