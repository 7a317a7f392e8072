"""One network of a cell, in a process of its own: every clip scored first, then single iterations timed; saved before anybody judges."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools import engines
from tools.datasets import clips
from tools.deployment import compile as deploy
from tools.deployment import weights
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.engines import Engine
from tools.errors import MeasureError
from tools.machine import events, memory, versions
from tools.machine.locks import hold
from tools.measuring import cell, kinds
from tools.measuring.cell import Record, Times
from tools.measuring.metrics import mean_of_views
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.measuring.timing import time_series
from tools.media.batches import SLOTS, Batch, BatchStream, Source
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.chips import ChipKind
from tools.spec.model import Network, Spec
from tools.spec.settings import Settings

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
    return Inputs(checkpoints[number], graph, source, found.digest, clips.word(settings, spec), kinds.finish(spec, found, before))


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
