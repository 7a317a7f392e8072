# PYTHON_ARGCOMPLETE_OK
"""Measures one cell and judges it, as pytest would."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tools import engines
from tools.errors import OptionError
from tools.judging import flips
from tools.judging.kinds import judge_of
from tools.judging.otherwise import command, otherwise
from tools.judging.rows import Row, table
from tools.judging.verdict import Judgement, failed, status
from tools.machine import events
from tools.measuring import lack, readiness
from tools.measuring.cell import Cell
from tools.measuring.launch import Found, find, launch
from tools.spec.case import BATCHES, Case
from tools.spec.model import Spec
from tools.storage import runs
from tools.storage.context import Context
from tools.storage.stages import parse


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--batch", type=int, required=True, choices=BATCHES)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", help="one of a model's several networks; all of them without it")
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run's folder; a new one under artifacts/runs without it")
    parser.add_argument("--resume", action="store_true", help="go on from what --run has of this cell; without it all is measured anew")


def main(arguments: Sequence[str]) -> int:
    """Measure and judge one cell; 1 if a verdict is red.

    For example: python -m tools.measure tsm --batch 16 --device cpu.
    """
    options, context = parse("measure", main.__doc__, arguments, _arguments, writable=False, devices=engines.devices)
    settings, spec = context.settings, context.spec
    device = engines.parse(options.device)
    case = Case(options.model, options.batch, device, engines.mode(device, settings))
    run = (options.run or settings.artifacts / runs.FOLDER / runs.fresh_name(settings.artifacts)).resolve()
    names = [network.name for network in spec.networks]
    if options.network not in (None, *names):
        raise OptionError(f"{spec.name} has no network {options.network!r}", where="--network", remedy=f"choose {', '.join(names)}")
    if options.resume and options.run is None:
        raise OptionError("a new run has nothing to go on from", where="--resume", remedy="name the old run's folder with --run DIR")
    lacks = readiness.of_cases(settings, {spec.name: context}, [case])
    lack.require_none([*lacks, *lack.lacks_of(partial(_require_run, run), [case], mistake=True)], [case])
    found = find(context, case)
    measured = launch(context, case, found, run, [options.network] if options.network else [], resume=options.resume)
    if len(measured.parts) < len(names):
        if measured.untimed:
            raise measured.untimed
        _print(settings.expect.unjudged_line([]))
        return 0
    answers = _answers(context, found, measured)
    asked = [(question, case.batch) for question in answers]
    _print([*_told(context, measured, answers), *settings.expect.unjudged_line(asked)])
    return status(one.verdict for judged in answers.values() for one in judged)


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)


def _require_run(run: Path) -> None:
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"the run's folder cannot be made: {error.strerror}", where=str(run),
                          remedy="choose another with --run DIR or --artifacts DIR") from error


def _answers(context: Context[Spec], found: Found, measured: Cell) -> dict[str, list[Judgement]]:
    """The judgements of each question on a cell measured by hand, as pytest would give them."""
    judge = judge_of(context, found.checkpoints, found.dataset)
    flips.keep(judge.flips(measured), measured.folder)
    rate = [failed("throughput", measured.untimed)] if measured.untimed else judge.throughput(measured)
    return {"accuracy": judge.accuracy(measured), "fidelity": judge.fidelity(measured), "throughput": rate}


def _told(context: Context[Spec], measured: Cell, answers: Mapping[str, Sequence[Judgement]]) -> list[str]:
    rows = [Row.of(measured, question, one) for question, judged in answers.items() for one in judged]
    reasons = [f"{row.shown} {row.metric}: {row.reason}" for row in rows]
    apart = any(otherwise(question, one) for question, judged in answers.items() for one in judged)
    return [*table(rows), "", *reasons, f"kept in {measured.folder}",
            *([f"locate: {command(context.settings, measured)}"] if apart else [])]


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
