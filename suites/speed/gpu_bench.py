"""The table of what is measured on a device, and the bench that fills it through the harness's own stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from suites.speed import gpu_loops
from tools import engines
from tools.deployment.compile import loadable
from tools.deployment.weights import checkpoints
from tools.errors import on_one_line
from tools.judging.kinds import judge_of
from tools.judging.rows import word
from tools.judging.verdict import Judgement, failed, worst
from tools.machine import events
from tools.measuring import kinds
from tools.measuring.cell import Cell
from tools.measuring.launch import find, jobs, launch, once
from tools.spec.case import Case, Device, EngineName, Precision
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage import runs
from tools.storage.context import Context

CELL_S, LOOP_S, PASS_S = 4.0, 30.0, 8.0  # for the times of a cell, for blocks of calls, and for a scoring pass
HEADER = ("case", "clips/s", "spread", "scored at", "device busy", "waited for", "told", "accuracy", "fidelity", "speed")


@dataclass(frozen=True, slots=True)
class Asked:
    """A cell to be measured."""

    model: str
    batch: int
    precision: Precision = ""
    engine: EngineName = ""

    @property
    def words(self) -> str:
        return " ".join(filter(None, (self.model, f"bs{self.batch}", self.engine, self.precision)))


class Sheet:
    """The table, as far as it has come; *lines* stand below it."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._rows: list[Sequence[str]] = []
        self.lines: list[str] = []

    def add(self, row: Sequence[str]) -> None:
        self._rows.append(row)

    @property
    def text(self) -> str:
        rows = (HEADER, ["---"] * len(HEADER), *self._rows)
        shown = [f"| {' | '.join(on_one_line(cell).replace('|', '/') for cell in row)} |" for row in rows]
        return "\n".join([f"# {self._title}", "", *shown, "", *(f"* {on_one_line(line)}" for line in self.lines), ""])


class Bench:
    """What is measured on *device*, into a run of its own below *artifacts*."""

    def __init__(self, device: Device, artifacts: str, sheet: Sheet) -> None:
        self._device, self._artifacts, self._sheet = device, artifacts, sheet
        settings = self._settings(Asked("tsm", 1))
        self._run = settings.artifacts / runs.FOLDER / runs.fresh_name(settings.artifacts)

    def _settings(self, asked: Asked) -> Settings:
        given = {"data": "mini", "budget_s": str(CELL_S), "precision": asked.precision or "auto", "engine": asked.engine or "auto"}
        return Settings.parse({**given, **({"artifacts": self._artifacts} if self._artifacts else {})})

    def _context(self, asked: Asked) -> tuple[Context[Spec], Case]:
        settings = self._settings(asked)
        context = Context(settings, load_spec(settings.models, asked.model), events.forward)
        return context, Case(asked.model, asked.batch, self._device, engines.mode(self._device, settings))

    def fill(self, asked: Asked) -> None:
        """Make what the cell needs, as far as that takes no device."""
        context, case = self._context(asked)
        weights = checkpoints(context)
        for one in weights:
            loadable(context, one, case)
        kinds.of(context.spec).torch_reference(context, weights, kinds.of(context.spec).dataset(context, weights))

    def cell(self, asked: Asked) -> None:
        """Measure and judge it, and give it a row."""
        context, case = self._context(asked)
        found = find(context, case)
        measured = launch(context, case, found, self._run, resume=False)
        judge = judge_of(context, found.checkpoints, found.dataset)
        speed = [failed("throughput", measured.untimed)] if measured.untimed else judge.throughput(measured)
        self._sheet.add([str(case), *_numbers(measured), *(_word(measured, one) for one in (
            judge.accuracy(measured), judge.fidelity(measured), speed))])

    def loop(self, asked: Asked) -> None:
        """What a cell reports, over a bare loop."""
        folder = self._aside(asked, gpu_loops.bare_beside, "bare", LOOP_S)
        self._sheet.lines.append(f"reported over a bare loop of calls, {asked.words}: {gpu_loops.read_blocks(folder).sentence}")

    def feeding(self, asked: Asked, *, decoded: bool) -> None:
        """How near scoring comes to the device's own rate."""
        work, how = (gpu_loops.decoded, "clips decoded") if decoded else (gpu_loops.at_hand, "clips at hand")
        folder = self._aside(asked, work, "decoded" if decoded else "at-hand", PASS_S)
        self._sheet.lines.append(f"scoring over the device's own rate, {how}, {asked.words}: {gpu_loops.read_fed(folder).sentence}")

    def _aside(self, asked: Asked, work: Callable[..., None], name: str, budget_s: float) -> Path:
        context, case = self._context(asked)
        [job] = jobs(context, case, find(context, case), self._run)
        job = replace(job, folder=self._run / f"{case}-{name}", budget_s=budget_s)
        once(context, job, work, self._run)
        return job.folder


def _numbers(measured: Cell) -> list[str]:
    """Of a cell: its rate, its spread, how it was scored, and what the device told."""
    records, last = [part.record for part in measured.parts], measured.parts[-1]
    spreads = [f"{part.times.summary().variation:.1%}" for part in measured.parts if part.times]
    waits = [f"{what} {seconds:.2f} s" for record in records for what, seconds in record.waited_s.items()]
    rate = "-" if measured.untimed else f"{measured.rate():.2f} {measured.statistic}"
    return [rate, ", ".join(spreads), ", ".join(f"{one.clips / one.scoring_s:.1f}" for one in records),
            ", ".join("-" if one.busy is None else f"{one.busy:.0%}" for one in records), ", ".join(waits) or "-",
            (last.idle.told if last.idle else "") or "-"]


def _word(measured: Cell, judged: Sequence[Judgement]) -> str:
    verdict = worst(judged)
    why = [one.reason for one in judged if one.verdict is verdict and verdict.value in ("FAIL", "ERROR", "NO VERDICT")]
    return ": ".join([word(verdict, measured.record.weights, simulated=measured.record.simulated), *why[:1]])
