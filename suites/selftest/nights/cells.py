"""Cells of a device that is as fast as a test says, and what a run knows of its nights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tools.errors import EngineError
from tools.judging.slower import Plan
from tools.measuring import again, control
from tools.measuring.alternate import Subject
from tools.measuring.cell import Cell, Part, Record, Times
from tools.measuring.launch import Found
from tools.measuring.predictions import Predictions
from tools.nights.history import History
from tools.nights.tonight import Speed, Tonight
from tools.spec.case import Case, Device

NPU = Device("npu", 0)
TSM, SMALL = Case("tsm", 16, NPU), Case("control", 1, NPU)
SCORES = Predictions(("a", "b"), np.eye(2, dtype=np.float32))
CALLS = 30  # of a series


def cell_of(case: Case, folder: Path, rate: float, **record: Any) -> Cell:
    """A cell of *case* with that rate."""
    told = Record(str(case), "net", "full", "published", "fp16", "310P3", simulated=False, clips=2, scoring_s=1.0,
                  peak_bytes=0, estimated_bytes=0,
                  digests={"weights": "w", "graph": "g", "clips": "c"}, machine={}, **{"versions": {"driver": "24.1.0"}, **record})
    times = Times((case.batch / rate,) * CALLS, case.batch)
    return Cell(case, folder / str(case), (Part(folder / str(case), told, SCORES, times),))


@dataclass
class Machine:
    """A device with cases that are slower tonight by a share each; *taken*: the cases of the series, in turn.

    fails: the number of the series that fails.
    """

    folder: Path
    slower: dict[Case, float] = field(default_factory=dict)
    fails: int = 0
    driver: str = "24.1.0"
    chance: Callable[[], float] = lambda: 0.0
    taken: list[Case] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def cell(self, case: Case) -> Cell:
        usual = 80.0 if case == TSM else 500.0
        return cell_of(case, self.folder / "runs" / "tonight", usual * math.exp(-self.slower.get(case, 0.0) - self.chance()),
                       versions={"driver": self.driver})

    def subject(self, case: Case) -> Subject:
        def take(number: int, *, anew: bool) -> Cell:
            self.taken.append(case)
            if len(self.taken) == self.fails:
                raise EngineError("the device fails")
            return self.cell(case)

        return Subject(case, take)

    def stand_in(self, patch: pytest.MonkeyPatch) -> None:
        """Let this machine take all series."""
        patch.setattr(again, "subject", lambda context, cell, found, run, beside=None: self.subject(cell.case))
        patch.setattr(control, "subject", lambda context, device, run, beside: self.subject(SMALL))
        patch.setattr(control, "control_series", lambda context, device, run: self.cell(SMALL))

    @property
    def context(self) -> Any:
        return SimpleNamespace(say=self.said.append)


def night(machine: Machine, history: History, number: int, most: int = 40, cases: Sequence[Case] = (TSM,), *, last: bool = False,
          ) -> Speed:
    """One night of *cases*, judged and kept; what is said of the first, or of the *last*."""
    tonight = Tonight(History.open(history.folder), machine.folder / "runs" / f"night-{number}", most)
    speeds = []
    for case in cases:
        cell = machine.cell(case)
        speeds.append(tonight.speed(machine.context, cell, cast("Found", None), Plan()))
        tonight.keep(cell)
    return speeds[-1 if last else 0]


def nights(machine: Machine, history: History, count: int, first: int = 1, cases: Sequence[Case] = (TSM,)) -> None:
    for number in range(first, first + count):
        night(machine, history, number, cases=cases)
