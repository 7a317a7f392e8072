"""`python -m tools.history` shows what nights were, and keeps what a person accepts."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.conftest import ran
from suites.selftest.nights.made import CHIP, RECORD, kept, night
from tools.nights.comparable import before
from tools.nights.history import History
from tools.nights.steps import steps

OTHER = replace(RECORD, case="tsm-bs1-npu0", fingerprint=replace(CHIP, batch=1))
NEWER = replace(RECORD, fingerprint=replace(CHIP, driver="25.0.1"))


@pytest.fixture
def history(tmp_path: Path) -> History:
    """Ten nights of two cases, of which one is slow from the ninth on."""
    first = [night(n, word="learning" if n < 8 else "fine", record=case) for n in range(1, 9) for case in (RECORD, OTHER)]
    return kept(tmp_path / "h", [*first, *(night(n, 0.1, "slow") for n in (9, 10)), *(night(n, record=OTHER) for n in (9, 10))])


def said(history: History, command: str, *arguments: str, status: int = 0) -> str:
    """What a command says of a history."""
    done = ran("history", command, *arguments, "--history", str(history.folder))
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_init_makes_what_the_other_commands_open(tmp_path: Path) -> None:
    """And they refuse what it has not made, with the command that would."""
    folder = tmp_path / "h"

    refused = ran("history", "show", "--history", str(folder))
    made = ran("history", "init", str(folder))

    assert (1, 0) == (refused.returncode, made.returncode)
    assert f"python -m tools.history init {folder}" in refused.stderr
    assert "no night was timed yet\n" == said(History.open(folder), "show")


def test_show_has_a_line_for_each_case(history: History) -> None:
    """With its nights, those that count, their median and spread, and the last word."""
    shown = said(history, "show").splitlines()

    assert ["tsm-bs1-npu0", "one/npu0", "310P3", "10", "10", "80.000", "0.0%", "2026-11-27", "fine"] == shown[1].split()
    assert ["tsm-bs16-npu0", "one/npu0", "310P3", "10", "8", "80.000", "0.0%", "2026-11-27", "slow"] == shown[2].split()


def test_show_has_a_line_for_each_night_of_a_case(history: History) -> None:
    """Beside the median of the nights that count."""
    shown = said(history, "show", "tsm-bs16-npu0").splitlines()

    assert "tsm-bs16-npu0 on one/npu0: chip 310P3, driver 24.1.0" in shown[0]
    assert ["10", "2026-11-27T01:30:00Z", "run-10", "72.387", "-9.5%", "1", "slow"] == shown[-1].split()
    assert "it has tsm-bs1-npu0, tsm-bs16-npu0" in said(history, "show", "tsn", status=1)


def test_show_tells_what_was_left_out(history: History) -> None:
    """A torn line is no reason to say nothing."""
    with (history.folder / "one-1.jsonl").open("a") as file:
        file.write('{"version":1,"ca')

    assert "1 times a last line without an end" in said(history, "show")


def test_compare_puts_two_runs_or_dates_side_by_side(history: History) -> None:
    """With the ratio of each case, and what changed between them."""
    history.append(replace(NEWER, began="2026-11-28T01:30:00Z", run="last"))

    runs, dates = (said(history, "compare", *both).splitlines() for both in (("run-1", "run-10"), ("2026-11-27", "2026-11-28")))

    assert ["tsm-bs16-npu0", "one/npu0", "80.000/s", "72.387/s", "-9.5%"] == runs[2].split()
    assert ["tsm-bs1-npu0", "one/npu0", "80.000/s", "-", "-", "measured", "once", "only"] == dates[1].split()
    assert "80.000/s 80.000/s +0.0% driver 24.1.0 -> 25.0.1" in " ".join(dates[2].split())
    assert "nothing was timed in 'run-99'" in said(history, "compare", "run-1", "run-99", status=1)


def test_accept_makes_the_slow_nights_the_new_centre(history: History) -> None:
    """From the first of them on; what was fine has nothing to accept, and a reason is wanted."""
    accepted = said(history, "accept", "all", "--why", "a quieter fan")

    found = before(history.nights(), replace(RECORD, run="tonight"))
    assert "accepted: tsm-bs16-npu0 on one/npu0 as it is since run run-9\n" == accepted
    assert [9, 10] == [one.number for one in found.nights]
    assert 10 == len(before(history.nights(), replace(OTHER, run="tonight")).nights)
    assert "nothing is to be accepted of tsm-bs16-npu0" in said(history, "accept", "tsm-bs16-npu0", "--why", "again", status=1)
    assert "no reason is given" in said(history, "accept", "all", "--why", " ", status=1)


def test_steps_names_where_a_case_moved(history: History) -> None:
    """By a person's word, by another driver, and where something else finds a shift."""
    found = steps(history.nights(), lambda logs: [8] if logs[-1] > logs[0] else [])
    said(history, "accept", "all", "--why", "a quieter fan")
    History.open(history.folder).append(replace(NEWER, run="last"))

    told = said(history, "steps").splitlines()

    assert [("shift", 9, -0.095)] == [(step.kind, step.night.number, round(step.share, 3)) for step in found]
    assert "-9.5% from 2026-11-27 on (run run-9): accepted by" in told[0]
    assert told[0].endswith(": a quieter fan")
    assert "+10.5% from 2026-11-27 on (run last): driver 24.1.0 -> 25.0.1" in told[1]
    assert 2 == len(told)


def test_export_writes_every_night(history: History, tmp_path: Path) -> None:
    """Into a new file only."""
    said(history, "export", str(tmp_path / "all.csv"))

    with (tmp_path / "all.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert (20, {"310P3"}, {"80", "72.387"}) == (len(rows), {row["chip"] for row in rows}, {row["clips_per_s"] for row in rows})
    assert "cannot be written: File exists" in said(history, "export", str(tmp_path / "all.csv"), status=1)
