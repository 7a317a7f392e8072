"""A season of nights as it would be played, and all that is told of it as text.

python -m suites.selftest.nights.season   writes down what is told now
"""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from suites.selftest.conftest import ran
from suites.selftest.nights.cells import SMALL, TSM, Machine
from suites.selftest.nights.made import RECORD, kept
from suites.selftest.nights.made import night as made
from tools.judging.judge import throughput
from tools.judging.slower import LEARNING
from tools.measuring.cell import Cell
from tools.measuring.launch import Found
from tools.nights import steps
from tools.nights.history import History
from tools.nights.record import Word
from tools.nights.tonight import Tonight
from tools.nights.verdicts import of_speed
from tools.spec.case import Case
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS
from tools.spec.truth import Truth

WRITTEN = Path(__file__).with_name("written")
SLOWFAST = Case("slowfast", 8, TSM.device)
FIGURE, FIGURED = 76.0, (9, 12, 17, 21)  # what is stored of the case, in these nights alone
SAID = (1, 12, 21, 22)  # nights of which all that was said while they were measured is told
TIME = re.compile(r"\d{4}-\d\d-\d\d(T[\d:]+Z)?")
KEPT = re.compile(r'"night-(1|12|19)"')  # of which nights the records themselves are told


def played(number: int, machine: Machine) -> int:
    """What the machine is like in a night; how many series may confirm a doubt."""
    machine.slower = {TSM: 0.08 if number in (12, 13, 17) else -0.07 if number == 15 else 0.0}
    machine.fails = 0
    if number in (18, 19, 20):
        machine.slower = dict.fromkeys((TSM, SLOWFAST, SMALL), 0.1)
    if number == 21:
        machine.slower[TSM], machine.fails = 0.06, len(machine.taken) + 3
    machine.driver = "24.1.0" if number < 24 else "25.0.1"
    if number > 35:
        machine.slower[TSM] = 0.004 * (number - 35)
    return {17: 0, 22: 5}.get(number, 0 if number > 35 else 40)


def season(folder: Path) -> Iterator[str]:
    """Forty nights of a case, of which some are slow, and what its rows say of each."""
    draw = np.random.default_rng(7)
    machine = Machine(folder, chance=lambda: float(draw.normal(0, 0.005)))
    history = History.init(folder / "history")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "gethostname", lambda: "host")
        machine.stand_in(patch)
        for number in range(1, 41):
            most = played(number, machine)
            before = len(machine.taken), len(machine.said)
            tonight = Tonight(History.open(history.folder), folder / "runs" / f"night-{number}", most)
            yield f"== night {number}"
            for case in (SLOWFAST, TSM) if number > 16 else (TSM,):
                yield from _rows(tonight, machine, machine.cell(case), FIGURE if case == TSM and number in FIGURED else None)
            yield from machine.said[before[1]:] if number in SAID else []
            yield "series: " + ", ".join(f"{len([*alike])} of {case}" for case, alike in groupby(machine.taken[before[0]:]))
    lines = [line for path in history.folder.glob("*.jsonl") for line in path.read_text().splitlines() if KEPT.search(line)]
    yield from sorted(re.sub(r'"(began|wall_s|commit)":("[^"]*"|[\d.e+-]+)', r'"\1":', TIME.sub("...", line)) for line in lines)


def _rows(tonight: Tonight, machine: Machine, cell: Cell, figure: float | None) -> Iterator[str]:
    truth = _truth(figure)
    found = of_speed(throughput(cell, truth), tonight, machine.context, cell, cast("Found", None), truth)
    speed = tonight.of(cell).speed
    tonight.keep(cell)
    for one in found:
        beside = f"{one.numbers.reference:.6g}" if one.numbers and one.numbers.reference else "-"
        yield f"{cell.case} {one.metric}: {one.verdict.value} {one.measured} {one.reference} {beside} [{one.learning}] {one.meaning}"
    if speed:
        made = speed.confirmed.decision
        yield (f"{speed.word}, carries {speed.conclusion.carried:.6g}, {speed.in_doubt} in doubt: {made.outcome.value} {made.ratio:.6g} "
               f"{made.alone:.6g} {made.faster:.6g} {made.first:.6g} {made.common:.6g} of {made.told}, {made.series} series")


def _truth(figure: float | None) -> Truth:
    """TSM's, with that figure stored of the chip at batch 16, or none."""
    truth = load_truth(MODELS, "tsm")
    others = tuple(one for one in truth.figures if one.metric != "throughput")
    stored = next(one for one in truth.figures if one.batch == 16 and one.metric == "throughput")
    ours = [] if figure is None else [replace(stored, device="Ascend310P3", value=figure, corrected=None)]
    return replace(truth, figures=(*others, *ours))


def shown(folder: Path) -> Iterator[str]:
    """What `tools.history` says of a made history, command by command."""
    other = replace(RECORD, case="tsm-bs1-npu0", fingerprint=replace(RECORD.fingerprint, batch=1))
    newer = replace(RECORD, fingerprint=replace(RECORD.fingerprint, driver="25.0.1", graph="4c5b6a798812ab34"))
    records = []
    for number in range(1, LEARNING + 8):
        late = number > LEARNING
        words: tuple[Word, ...] = ("slow", "suspect", "bad day", "trend")
        slow = late and number < LEARNING + 5
        records.append(replace(made(number, 0.1 if slow else 0.001 * (number % 3), words[number % 4] if slow else "fine"),
                               began=f"2026-11-{number:02}T01:30:00Z"))
        records.append(made(number, 0.01 * (number % 2), "learning" if number < LEARNING else "fine", other))
    records += [made(30, 0.0, "", replace(RECORD, unit="two/npu0")), replace(made(31), case="bsn-bs1-npu0", series=()),
                *(replace(made(number, -0.02, "slow", newer), began="2026-11-29T01:30:00Z") for number in range(32, 35))]
    history = kept(folder / "made", records)
    for arguments in (["show"], ["show", "tsm-bs16-npu0"], ["show", "bsn-bs1-npu0"], ["show", "tsn"], ["compare", "run-1", "run-10"],
                      ["compare", "2026-11-27", "2026-11-29"], ["compare", "run-1", "run-99"], ["accept", "tsm-bs1-npu0", "--why", "no"],
                      ["accept", "all", "--why", "cooler"], ["accept", "all", "--why", " "], ["steps"], ["show"],
                      ["export", str(folder / "all.csv")], ["export", str(folder / "all.csv")]):
        done = ran("history", *arguments, "--history", str(history.folder))
        yield f"$ {' '.join(arguments)}: {done.returncode}"
        yield from (done.stdout + done.stderr).splitlines()
    yield from (folder / "all.csv").read_text().splitlines()
    for step in steps.steps(history.nights(), lambda logs: [3, 6] if len(logs) > 8 else []):
        yield f"{step.kind} {step.share:.6g} {step.sentence}"


def _without(pattern: re.Pattern[str], lines: Callable[[Path], Iterator[str]]) -> Callable[[Path], list[str]]:
    """What is told, with `...` for what is another every time."""
    return lambda folder: [pattern.sub("...", line.replace(str(folder), "FOLDER")) for line in lines(folder)]


told = {"season.txt": _without(TIME, season), "history.txt": _without(re.compile(r"by \S+ on [\d-]+"), shown)}


if __name__ == "__main__":
    for name, lines in told.items():
        with tempfile.TemporaryDirectory() as place:
            (WRITTEN / name).write_text("".join(f"{line}\n" for line in lines(Path(place))), encoding="utf-8")
