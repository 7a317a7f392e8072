"""Measures one cell: scores of every clip first, then single-iteration times; saved before anybody judges them."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools import cell, data, deploy, devices, engines, events, judge, kinds, memory, versions, weights
from tools.batches import SLOTS, Batch, BatchStream, Source
from tools.case import BATCHES, Case, Device
from tools.cell import Cell, Record, Times
from tools.chips import ChipKind
from tools.commandline import parse
from tools.engines import Engine
from tools.errors import MeasureError, OptionError
from tools.launch import launch
from tools.locks import hold
from tools.metrics import mean_of_views
from tools.predictions import FILE, Predictions, load, save
from tools.preprocess import Floats
from tools.report import Row, table
from tools.settings import Settings
from tools.spec import Network, Spec
from tools.specialise import Graph
from tools.timing import time_series
from tools.weights import Weights

LOCKS = Path("/tmp/clipgate-locks")  # noqa: S108 - one place for every run and every user of this machine, whatever their TMPDIR


Versions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything a network of a cell needs, found or built before it starts.

    *digest* stands for the data behind *source*; *finish* makes the case's answer of the last network's scores and keeps
    it beside them.
    """

    checkpoint: Weights
    graph: Graph
    source: Source
    digest: str
    data: str
    finish: Callable[[Predictions, Path], object] | None = None

    @property
    def network(self) -> Network:
        return self.checkpoint.network


def prepare(case: Case, settings: Settings, spec: Spec, network: str, run: Path) -> Inputs:
    """Find or build the weights, the data's digests and the graph of a network of *case*.

    A second network is fed what the first one left below *run*.
    """
    checkpoints = weights.resolve(settings, spec, events.forward)
    found = kinds.dataset(settings, spec, checkpoints, events.forward)
    number = [one.name for one in spec.networks].index(network)
    before = _left_by(spec.networks[number - 1], cell.part_folder(case, spec, spec.networks[number - 1].name, run)) if number else None
    graph = deploy.resolve(settings, spec, checkpoints[number], case, events.forward)
    source = kinds.source(spec, found, spec.networks[number], before)
    return Inputs(checkpoints[number], graph, source, found.digest, data.word(settings, spec), kinds.finish(spec, found, before))


def _left_by(network: Network, folder: Path) -> Predictions:
    if not (folder / FILE).is_file():
        raise MeasureError(f"{network.name} comes first, and has left no predictions", where=str(folder / FILE),
                           remedy="measure it into the same --run, or leave --network out to measure all")
    return load(folder / FILE)


def measure(case: Case, settings: Settings, given: Inputs, folder: Path) -> None:
    """Score and time a network of *case* while holding its device; leaves predictions, record and times in *folder*.

    Raises:
        MeasureError: there is too little memory; DataError: naming a clip; EngineError: the device fails.
    """
    batch_bytes = 4 * case.batch * math.prod(given.source.shape)
    need = memory.need_bytes(given.graph.peak_bytes, given.graph.weights_bytes, batch_bytes, SLOTS)
    memory.require(need, str(case))
    driver = engines.family(case.device)
    chip, stack, watch = driver.describe(case.device), driver.versions(), driver.watch(case.device)
    with hold(device_lock(case.device), lambda holder: events.say(f"waiting: {holder} holds {case.device}")), watch or nullcontext():
        started = time.monotonic()
        with BatchStream(given.source, case.batch) as stream:
            engine = engines.open_engine(case.device, given.graph.path, given.network, case.batch)
            predictions, (kept, valid) = score(engine, stream, len(given.source.ids), given.network.rows)
        save(predictions, folder / FILE)
        if given.finish:
            given.finish(predictions, folder)
        cell.write(_record(case, given, engine.precision, chip, stack, time.monotonic() - started, need), folder / cell.RECORD)
        series = time_series(engine.bind(kept), settings.budget_s,
                             lambda count: events.progress("timing", count, count))
        own_times = engine.device_times()[-len(series) :]
        engine.close()
    if watch:
        cell.write(watch.idle(), folder / cell.IDLE)
    cell.write(Times(tuple(series), valid, tuple(own_times)), folder / cell.TIMES)


def device_lock(device: Device) -> Path:
    """The lock file of a device, in a folder of every user's: kernels refuse other users' files in /tmp itself."""
    if not LOCKS.is_dir():
        LOCKS.mkdir(exist_ok=True)
        LOCKS.chmod(0o777)
    return LOCKS / f"{device.label}.lock"


def score(engine: Engine, stream: Iterable[Batch], total: int, views: int = 1) -> tuple[Predictions, tuple[Floats, int]]:
    """Run every batch; the scores of the rows that count, each the mean of its *views* rows of output, and a copy of the
    first batch with its valid rows, for timing.
    """
    ids: list[str] = []
    rows: list[Floats] = []
    kept: tuple[Floats, int] | None = None
    for batch in stream:
        kept = kept or (batch.array.copy(), batch.valid)
        rows.append(mean_of_views(engine.infer(batch.array), views)[: batch.valid])
        ids.extend(batch.ids)
        events.progress("scoring", len(ids), total)
    assert kept is not None
    return Predictions(tuple(ids), np.concatenate(rows)), kept


def _record(case: Case, given: Inputs, precision: str, chip: ChipKind, stack: Versions, scoring_s: float, need: int) -> Record:
    return Record(
        case=str(case), network=given.network.name, data=given.data, weights=given.checkpoint.origin, precision=precision,
        chip=chip.name, simulated=chip.simulated,
        clips=len(given.source.ids), scoring_s=scoring_s, estimated_bytes=need,
        peak_bytes=memory.peak_resident_bytes(),
        digests={"weights": given.checkpoint.sha256, "graph": given.graph.digest, "clips": given.digest},
        versions=dict((*versions.of("onnxruntime", "onnx", "onnxsim", "torch", "mmaction2", "numpy", "decord", "av"),
                       *stack)),
        machine=dict(versions.machine()), surgery=" ".join(given.graph.surgery))


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
    found = kinds.dataset(settings, spec, checkpoints, events.forward)
    basis = kinds.judge_of(settings, spec, checkpoints, found, events.forward)
    answers = {"accuracy": basis.accuracy(measured), "fidelity": basis.fidelity(measured),
               "throughput": judge.throughput(measured, basis.truth)}
    rows = [Row.of(measured, question, one)
            for question, judged in answers.items() for one in judged]
    reasons = [f"{row.verdict} {row.metric}: {row.reason}" for row in rows]
    return [*table(rows), "", *reasons, f"kept in {measured.folder}"]


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
