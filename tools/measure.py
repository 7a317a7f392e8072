"""Measures one cell and judges it, as pytest would."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tools import engines
from tools.deployment import weights
from tools.engines import devices
from tools.errors import OptionError
from tools.judging import judge, kinds
from tools.judging.rows import Row, table
from tools.machine import events
from tools.measuring import cell
from tools.measuring import kinds as measuring_kinds
from tools.measuring.cell import Cell
from tools.measuring.launch import launch
from tools.measuring.measure import measure, prepare
from tools.spec.case import BATCHES, Case
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.stages import parse


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=int, required=True, choices=BATCHES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", help="one of a model's several networks; all of them without it")
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run's folder; a new one under artifacts/runs without it")


def main() -> int:
    """Measure one cell: python -m tools.measure tsm --batch 16 --device cpu."""
    options, settings, spec = parse("measure", main.__doc__, _arguments)
    case = Case(options.model, options.batch, devices.parse(options.device))
    run = (options.run or settings.artifacts / "runs" / time.strftime("%Y%m%d-%H%M%S")).resolve()
    names = [network.name for network in spec.networks]
    if options.network not in (None, *names):
        raise OptionError(f"{spec.name} has no network {options.network!r}", where="--network", remedy=f"choose {', '.join(names)}")
    if events.has_parent():
        network = options.network or names[0]
        measure(case, settings, prepare(case, settings, spec, network, run), cell.part_folder(case, spec, network, run))
        return 0
    kinds.expected(settings, spec)
    engines.family(case.device).require(settings.artifacts)
    _require_run(run)
    measured = launch(case, settings, spec, run, events.forward, [options.network] if options.network else [])
    if len(measured.parts) == len(names):
        print("\n".join(_judged(measured, settings, spec)))
    return 0


def _require_run(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"the run's folder cannot be made: {error.strerror}", where=str(run),
                          remedy="choose another with --run DIR or --artifacts DIR") from error


def _judged(measured: Cell, settings: Settings, spec: Spec) -> list[str]:
    """The verdicts on a cell measured by hand, as pytest would give them."""
    checkpoints = weights.resolve(settings, spec, events.forward)
    found = measuring_kinds.dataset(settings, spec, checkpoints, events.forward)
    basis = kinds.judge_of(settings, spec, checkpoints, found, events.forward)
    answers = {"accuracy": basis.accuracy(measured), "fidelity": basis.fidelity(measured),
               "throughput": judge.throughput(measured, basis.truth)}
    rows = [Row.of(measured, question, one)
            for question, judged in answers.items() for one in judged]
    reasons = [f"{row.verdict} {row.metric}: {row.reason}" for row in rows]
    return [*table(rows), "", *reasons, f"kept in {measured.folder}"]


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
