"""Lacks: each is told once with the cells it concerns, and a run begins as long as a cell can be measured."""

from __future__ import annotations

from functools import partial

import pytest

from tools.errors import CompileError, DataError, MeasureError, OptionError, WeightsError
from tools.measuring.lack import Lack, as_one, lacks_of, merged, require_none, stops, told, without
from tools.spec.case import Case, Device

CPU, NPU = Device("cpu"), Device("npu", 0)
CELLS = [Case(model, batch, device) for device in (CPU, NPU) for model in ("bsn", "tsm") for batch in (1, 4)]
LIST = DataError("the list is empty", where="a.txt", remedy="one line a clip")
FILE = WeightsError("the checkpoint is empty", where="b.pth")


def lack(error: DataError | WeightsError | OptionError, *cases: Case, mistake: bool = False) -> Lack:
    return Lack(error.parts, cases, mistake)


def fail(error: Exception) -> None:
    raise error


def test_what_a_check_raises_is_a_lack_of_its_cells() -> None:
    """As the class of its stage; a check that ends well leaves nothing."""
    [found] = lacks_of(partial(fail, LIST), CELLS[:2])

    assert (DataError, LIST.parts, tuple(CELLS[:2])) == (type(found.error), found.error.parts, found.cases)
    assert [] == lacks_of(lambda: "all is well", CELLS)


def test_what_several_cells_lack_is_told_once() -> None:
    """In the order in which it was found, with each cell once; a mistake stays one."""
    one, two = CELLS[:2]

    assert (lack(LIST, one, two, mistake=True), lack(FILE, two)) == merged(
        [lack(LIST, one), lack(FILE, two), lack(LIST, two, one, mistake=True)])


@pytest.mark.parametrize(("cases", "words"), [
    (CELLS, ""), ([case for case in CELLS if case.model == "tsm"], "tsm"), ([case for case in CELLS if case.device == NPU], "npu:0"),
    ([CELLS[0], CELLS[3]], "bsn-bs1-cpu, tsm-bs4-cpu"), (CELLS[1:], f"{', '.join(map(str, CELLS[1:5]))}, and 3 more")])
def test_it_is_told_whom_it_concerns(cases: list[Case], words: str) -> None:
    """By models or devices where it concerns all of their cells; nobody is named where it concerns all."""
    assert words == lack(LIST, *cases).who(CELLS)


@pytest.mark.parametrize(("lacks", "stop"), [
    ([], False), ([lack(LIST, *CELLS[:7])], False), ([lack(LIST, *CELLS)], True), ([lack(LIST, *CELLS[:5]), lack(FILE, *CELLS[5:])], True),
    ([lack(LIST, CELLS[0], mistake=True)], True)])
def test_a_run_begins_as_long_as_a_cell_can_be_measured(lacks: list[Lack], stop: bool) -> None:
    """And not with a mistake of the command line, whomever it concerns."""
    assert stop == stops(lacks, CELLS)
    if stop:
        with pytest.raises((DataError, MeasureError), match="the list is empty"):
            require_none(lacks, CELLS)
    else:
        require_none(lacks, CELLS)


def test_one_lack_reads_as_its_own_error() -> None:
    found = as_one([lack(LIST, *CELLS)], CELLS)

    assert (DataError, str(LIST)) == (type(found), str(found))


def test_several_lacks_are_one_list() -> None:
    """A number for each, whom it concerns, its place and its remedy; wrong options alone stay options."""
    tsm = [case for case in CELLS if case.model == "tsm"]
    found = as_one([lack(LIST, *CELLS), lack(FILE, *tsm)], CELLS)

    assert isinstance(found, MeasureError)
    assert ["2 things are missing or wrong, and nothing has been built:", "  1. the list is empty", "       where   a.txt",
            "       remedy  one line a clip", "  2. tsm: the checkpoint is empty", "       where   b.pth"] == str(found).splitlines()
    assert isinstance(as_one([lack(OptionError("a")), lack(OptionError("b"))], ()), OptionError)


def test_what_some_cells_lack_is_a_line() -> None:
    tsm = [case for case in CELLS if case.model == "tsm"]

    assert ["cannot measure tsm: the list is empty (a.txt)"] == told([lack(LIST, *tsm)], CELLS)


def test_a_known_issue_is_no_lack() -> None:
    """A cell that is known to end in an error of that class is an xfail and no reason to stop."""
    error = CompileError("no atc")
    left = without([Lack(error.parts, tuple(CELLS[:2])), lack(LIST, CELLS[0])], {(CELLS[0], CompileError), (CELLS[1], None)})

    assert (Lack(error.parts, (CELLS[1],)), lack(LIST, CELLS[0])) == left
    assert () == without([lack(LIST, CELLS[0])], {(CELLS[0], DataError)})
