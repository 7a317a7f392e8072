# PYTHON_ARGCOMPLETE_OK
"""Stores a measurement as a number that judges; shows the difference first."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tools.errors import ClipgateError, OptionError, RecordError
from tools.exchange import from_history, recordable, runs, speeds, toml_edit
from tools.exchange import limits as measured_limits
from tools.exchange.recordable import told
from tools.exchange.toml_edit import Limits, NewFigure
from tools.machine import events
from tools.machine.files import write_whole
from tools.measuring import stored_reference
from tools.nights.history import DEFAULT, History
from tools.spec.catalog import load_truth
from tools.spec.model import Spec, recogniser
from tools.spec.truth import Truth
from tools.storage.context import Context
from tools.storage.stages import Options, parse

FROM_HISTORY = "--from-history"
WHAT = ("throughput", "accuracy", "fidelity")


def figures(options: Options, spec: Spec, truth: Truth) -> tuple[list[NewFigure], list[ClipgateError]]:
    """The figures of the logs and runs on the command line, and why cases of the runs have none.

    Raises:
        RecordError: one must not become a stored number, or two have the same name.
        ScoreError: a log has no measurement.
    """
    found: list[NewFigure] = []
    left: list[ClipgateError] = []
    for source in options.sources:
        if not source.exists():
            raise RecordError("there is no such log or run", where=str(source), remedy="runs are the folders of artifacts/runs")
        if options.what == "accuracy":
            found += recordable.accuracies_of_run(source, spec)
        elif runs.is_run(source):
            rates, others = recordable.rates_of_run(source, spec, truth)
            found, left = found + rates, left + others
        else:
            found.append(_of_log(options, source, spec))
    names = [figure.name for figure in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise RecordError(f"two of the sources are of {twice}", where=", ".join(map(str, options.sources)),
                          remedy="give the one that is to be stored")
    return found, left


def _of_log(options: Options, source: Path, spec: Spec) -> NewFigure:
    names = [network.name for network in spec.networks]
    if options.network and (options.network not in names or len(names) == 1):
        raise OptionError(f"{spec.name} has no network {options.network!r} of several", where="--network", remedy="leave it out, or "
                          f"choose {', '.join(names)}")
    if len(names) > 1 and not options.network:
        raise OptionError(f"a tool measures one graph, and {spec.name} has {len(names)}", where="--network",
                          remedy=f"choose {' or '.join(names)}")
    speed = speeds.read(source, options.batch)
    if not options.device:
        raise OptionError(f"a log of {speed.tool} does not say on which kind of device it was made", where="--device",
                          remedy="for example --device T4, --device 310P3")
    return recordable.of_log(speed, options.device, options.network)


def limits(options: Options, context: Context[Spec], truth: Truth) -> list[Limits]:
    """The fidelity limits of the runs given on the command line."""
    spec = recogniser(context.spec, "has networks that are judged each in its own way: its limits are not recorded",
                      remedy=f"write [gates.fidelity] of {truth.path.name} by hand")
    listed = stored_reference.listed(context.of(spec), spec.classes)
    reference = stored_reference.find(context.of(spec), listed) if listed else None
    return measured_limits.of_runs(options.sources, spec, truth, reference, options.margin)


def of_nights(options: Options, context: Context[Spec], truth: Truth) -> tuple[list[NewFigure], list[str]]:
    """The figures that the nights of a history propose, and what a person must know of them.

    Raises:
        OptionError: a log or a run is given as well, or no device.
        HistoryError: there is no such history.
        RecordError: it proposes none.
    """
    if options.what not in (None, "throughput") or options.sources:
        raise OptionError("a history is all that --from-history takes", where=FROM_HISTORY, remedy="leave the logs and runs out")
    if not options.device:
        raise OptionError("a history may hold several kinds of chips", where="--device", remedy="for example --device 310P3, --device cpu")
    folder = Path(context.settings.history or context.settings.artifacts / DEFAULT)
    nights = History.open(folder).nights()
    found, left = from_history.proposed(nights, context.spec, options.device, truth.throughput.step)
    told = [f"{one.figure.id}: {line}" for one in found for line in one.words]
    return [one.figure for one in found], [*told, *(f"left out: {why}" for why in left), *nights.skipped.words]


def _arguments(parser: argparse.ArgumentParser, *, of_history: bool = False) -> None:
    """The command's own words; *of_history*: without logs and runs."""
    parser.add_argument("what", nargs="?" if of_history else None, choices=WHAT,
                        help="throughput: of logs or runs; accuracy: of runs on the complete data set; fidelity: limits of a "
                             "precision other than float32, from runs")
    parser.add_argument("sources", type=Path, nargs="*" if of_history else "+", metavar="LOG|RUN",
                        help="a log of ais_bench, benchmark, msame or trtexec, "
                        "ais_bench's summary or result folder; or a folder of artifacts/runs")
    parser.add_argument(FROM_HISTORY, action="store_true", help="throughput: of the nights in --history, as their median")
    parser.add_argument("--device", default="", metavar="NAME", help="what a log was made on: T4, or the name npu-smi gives a chip, 310P3")
    parser.add_argument("--batch", type=int, metavar="N", help="the batch size of a log that does not say it")
    parser.add_argument("--network", default="", metavar="NAME", help="the network of a log, for a model of several")
    parser.add_argument("--margin", type=float, default=2.0, help="how much farther from torch than measured a limit is")
    parser.add_argument("--write", action="store_true", help="write it; without this the difference is only shown")


def main(arguments: Sequence[str]) -> int:
    """Store a measurement of a log or a run as a number that judges.

    For example: python -m tools.record tsm throughput t4.log --device T4 --batch 16 --write.
    """
    options, context = parse("record", main.__doc__, arguments, partial(_arguments, of_history=FROM_HISTORY in arguments))
    spec = context.spec
    truth = load_truth(context.settings.models, spec.name)
    before = text = truth.path.read_bytes().decode()
    fidelity = options.what == "fidelity"
    new, said = _asked(options, context, truth)
    tables = limits(options, context, truth) if fidelity else []
    for figure in new:
        text = toml_edit.with_figure(text, figure)
    for table in tables:
        text = toml_edit.with_limits(text, table)
    changed = toml_edit.checked(truth.path, text, [figure.id for figure in new], [table.name for table in tables])
    lines = [line for figure in new for line in told(figure, truth, changed)] + said
    lines += [f"[gates.fidelity.{table.name}]: {truth.fidelity.get(table.name, '-')} -> {table.gate}" for table in tables]
    changes = difflib.unified_diff(before.splitlines(), text.splitlines(), f"{truth.path.name} as it is",
                                   f"{truth.path.name} as recorded", lineterm="", n=1)
    print("\n".join([*changes, *lines]))
    if before == text:
        print("nothing changes")
    elif not options.write:
        print("nothing is written; add --write")
    else:
        _write(truth.path, before, text)
        print(f"written: {truth.path}")
    return 0


def _asked(options: Options, context: Context[Spec], truth: Truth) -> tuple[list[NewFigure], list[str]]:
    """The figures of what the command line names, and what is to be said beside them."""
    if options.from_history:
        return of_nights(options, context, truth)
    if options.what == "fidelity":
        return [], []
    new, left = figures(options, context.spec, truth)
    return new, [f"left out: {error.what}" for error in left]


def _write(path: Path, before: str, text: str) -> None:
    try:
        if path.read_bytes().decode() != before:
            raise RecordError("somebody has changed the file meanwhile", where=str(path), remedy="run the command again")
        write_whole(path, lambda file: file.write(text.encode()))
    except OSError as error:
        raise RecordError(f"the file cannot be written: {error.strerror}", where=str(path), remedy="nothing was changed") from error


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
