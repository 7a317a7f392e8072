"""Acceptance runs in this process, of cells that nobody measures and of answers that are given beforehand."""

from __future__ import annotations

import io
import json
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import NO_REPORT, TINY_MODELS, clean_environment
from tools.judging import kinds
from tools.judging.flips import Flips
from tools.judging.numbers import Numbers
from tools.judging.verdict import Judgement, Verdict
from tools.measuring import launch, readiness
from tools.measuring.cell import Cell, Part, Record, Times
from tools.measuring.predictions import FILE, Predictions, save
from tools.spec.case import Case
from tools.spec.settings import OFF, ROOT

OF_THE_PROCESS = ("-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:threadexception", "-p", "no:unraisableexception")
Answer = Verdict | Exception


@dataclass
class Script:
    """What becomes of each cell: *answers* by batch size and question, PASS where none is given.

    failing: what measuring a batch size raises. measured: the cells that were measured, in their order.
    flipped: the clips that each of them lost and won.
    """

    answers: Mapping[tuple[int, str], list[Verdict]] = field(default_factory=dict)
    failing: Mapping[int, Exception] = field(default_factory=dict)
    measured: list[int] = field(default_factory=list)
    flipped: Flips = field(default_factory=Flips)

    def launch(self, _context: object, case: Case, _found: object, run: Path, *, timed: bool = True) -> Cell:
        self.measured.append(case.batch)
        if case.batch in self.failing:
            raise self.failing[case.batch]
        folder = run / str(case)
        folder.mkdir(parents=True, exist_ok=True)
        save(Predictions(("a",), np.zeros((1, 20), np.float32)), folder / FILE)
        told = Record(str(case), "tiny", "mini", "mini", "fp32", "cpu", simulated=False, clips=23, scoring_s=1.0, peak_bytes=1,
                      estimated_bytes=1, digests={"weights": "w", "graph": "g", "clips": "c"}, versions={}, machine={})
        times = Times(tuple(0.16 + 0.0016 * (number % 3) for number in range(60)), case.batch) if timed else None
        return Cell(case, folder, (Part(folder, told, Predictions(("a",), np.zeros((1, 20), np.float32)), times),))

    def judge(self, *_: object) -> Script:
        return self

    def accuracy(self, cell: Cell) -> list[Judgement]:
        return [self._judged(cell, "accuracy", "top1", Numbers("share", 0.5, 0.75))]

    def fidelity(self, cell: Cell) -> list[Judgement]:
        return [self._judged(cell, "fidelity", "flipped", Numbers("clips", 2, 0))]

    def flips(self, cell: Cell) -> Flips:
        return self.flipped

    def _judged(self, cell: Cell, question: str, metric: str, numbers: Numbers) -> Judgement:
        left = self.answers.get((cell.case.batch, question), [])
        verdict = left.pop(0) if left else Verdict.PASS
        return Judgement(metric, f"{numbers.measured}", f"{numbers.reference}", verdict, "as the script says", numbers=numbers)


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its status and all it has said."""

    status: int
    said: str

    @property
    def run(self) -> Path:
        found = re.search(r"^results: (.+)/results.jsonl$", self.said, re.MULTILINE)
        assert found, self.said
        return Path(found[1])

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.run / "results.jsonl").read_text().splitlines()]


Play = Callable[..., Ended]


def here(*arguments: str, plugins: Sequence[object] = ()) -> Ended:
    """What a pytest in this process, which has the imports, ends with."""
    said, outer = io.StringIO(), dict(os.environ)
    with chdir(ROOT), redirect_stdout(said), redirect_stderr(said), warnings.catch_warnings(record=True) as noticed:
        warnings.simplefilter("default")  # as in a process of its own
        try:
            os.environ.clear()
            os.environ.update(clean_environment())
            status = pytest.main(["--capture=no", *OF_THE_PROCESS, NO_REPORT, *arguments], plugins=list(plugins))
        finally:
            os.environ.clear()
            os.environ.update(outer)
    return Ended(int(status), "\n".join([said.getvalue(), *(str(notice.message) for notice in noticed)]))


def player(monkeypatch: pytest.MonkeyPatch, artifacts: Path) -> Play:
    """Plays a script: an acceptance run of the tiny model in which measuring and judging are made up.

    So nobody asks what is missing to measure it. history: of the run; empty for the one in *artifacts*.
    """

    def play(script: Script, *arguments: str, plugins: Sequence[object] = (), models: Path = TINY_MODELS, history: str = OFF) -> Ended:
        monkeypatch.setattr(readiness, "of_cases", lambda *_: ())  # torch may be hidden, and nothing is built
        monkeypatch.setattr(launch, "find", lambda *_: launch.Found((), None, ()))  # type: ignore[arg-type]
        monkeypatch.setattr(launch, "launch", script.launch)
        monkeypatch.setattr(kinds, "judge_of", script.judge)
        return here(f"--models={models}", f"--artifacts={artifacts}", f"--history={history}", "--device=cpu", *arguments, plugins=plugins)

    return play
