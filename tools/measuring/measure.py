"""Measures one network in a process of its own: scores every clip, then times single iterations."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from tools import engines
from tools.deployment.specialise import Given, Graph
from tools.deployment.weights import Weights
from tools.engines import Engine
from tools.engines.fit import Fit
from tools.errors import MeasureError, naming
from tools.machine import device_locks, events, memory, versions
from tools.machine.files import writing
from tools.measuring import cell, inputs, kinds
from tools.measuring.answers import Counted, Kept, doubt
from tools.measuring.cell import Record, Times
from tools.measuring.host_quiet import Turns
from tools.measuring.kinds import Dataset
from tools.measuring.metrics import mean_of_views
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.measuring.scales import Scales
from tools.measuring.timing import time_series
from tools.media.batches import SLOTS, Batch, BatchStream
from tools.media.preprocess import Floats
from tools.spec.case import Case
from tools.spec.chips import ChipKind
from tools.spec.model import Network, Spec


@dataclass(frozen=True, slots=True)
class Job:
    """What a process needs to measure one network of a case; its parent has found or built it all.

    data: as reports name it. budget_s: how long timing may take; None: nobody asks for times.
    before: the folder with the scores of the network before this one, if there is one. locks: the folder of
    the devices' locks; empty for this user's own. others: what of it other code made, in words.
    flags: a person's own for the compiler. whole: whether timing takes all of its budget.
    """

    case: Case
    spec: Spec
    checkpoint: Weights
    graph: Graph
    dataset: Dataset
    data: str
    budget_s: float | None
    folder: Path
    before: Path | None = None
    locks: str = ""
    others: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    whole: bool = False

    @property
    def network(self) -> Network:
        return self.checkpoint.network

    @property
    def last(self) -> Path:
        """What it leaves last."""
        return self.folder / (cell.RECORD if self.budget_s is None else cell.TIMES)


def measure(job: Job) -> None:
    """Score and time a network while holding its device; write scores, record and times to its folder.

    Raises:
        MeasureError: too little memory, or the disk is full. DataError: a clip cannot be read.
        DeviceError: its lock cannot be taken. EngineError: the device fails.
    """
    with writing("what this cell leaves", job.folder, MeasureError):
        _measure(job)


def _measure(job: Job) -> None:
    case, network, folder, kind = job.case, job.network, job.folder, kinds.of(job.spec)
    before = load(job.before / FILE) if job.before else None
    feed = kind.feed(job.dataset, job.spec, network, before)
    need = memory.need_bytes(job.graph.peak_bytes, job.graph.weights_bytes, 4 * case.batch * math.prod(feed.shape), SLOTS)
    memory.require(need, str(case))
    job.graph.require_unchanged()
    job.dataset.require_unchanged()
    driver = engines.family(case.device)
    fed: dict[str, str] = {}
    chip, stack, watch = driver.describe(case.device), driver.versions(), driver.watch(case.device)
    turns = Turns.of(job.locks, case.device)
    with device_locks.hold(job.locks, case.device.label, partial(_waiting, case)), watch or nullcontext():
        started = time.monotonic()
        job.dataset.require_unchanged()  # again: another cell may have held the device for hours
        with BatchStream(feed, case.batch, turns.unit) as stream, turns.seen(), naming(job.graph.path):
            engine = engines.open_engine(case.device, job.graph.path, network, case.batch,
                                         job.graph.given.asked if job.graph.given else None)
            job.graph.require_unchanged()  # what was loaded is what was found
            passing = stream if before else inputs.noted(stream, inputs.compared(feed.ids), fed)
            scales = _scales(job)
            predictions, kept = score(turns.scoring(engine), passing, len(feed.ids), network.rows, scales)
        job.graph.require_unchanged()  # weights beside a graph may be read as they are used
        save(predictions, folder / FILE)
        kind.finish(job.dataset, job.spec, before, predictions, folder)
        told = _record(job, engine.precision, chip, stack, len(feed.ids), time.monotonic() - started, need)
        cell.write(replace(_of_given(told, job, engine.fit, scales), inputs=fed), folder / cell.RECORD)
        times = None if job.budget_s is None else turns.timing(partial(timed, engine, kept, job.budget_s, whole=job.whole))
        engine.close()
    if watch:
        cell.write(watch.idle(), folder / cell.IDLE)
    if times:
        cell.write(times, folder / cell.TIMES)


def _waiting(case: Case, holder: str) -> None:
    events.say(f"waiting: {holder} holds {case.device}")


def timed(engine: Engine, kept: Kept, budget_s: float, *, whole: bool = False) -> Times:
    """The times of single iterations of a batch, and whether these ran the network on it."""
    calls = Counted(engine.bind(kept.batch))
    series = time_series(calls, budget_s, lambda count: events.progress("timing", count, count), whole=whole)
    by_device = engine.device_times()[-len(series) :]  # asked now, since another run follows
    return Times(tuple(series), kept.valid, tuple(by_device), doubt(calls, series, kept, engine.precision, by_device))


def score(engine: Engine, stream: Iterable[Batch], total: int, views: int = 1,
          scales: Scales | None = None) -> tuple[Predictions, Kept]:
    """Run every batch; its scores, and for timing a copy of the first batch with what it gave.

    The score of an item is the mean of its *views* rows of output, or what *scales* makes of a given graph's.
    """
    read = partial(mean_of_views, rows=views) if scales is None else scales.of
    ids: list[str] = []
    rows: list[Floats] = []
    kept: Kept | None = None
    for batch in stream:
        found = engine.infer(batch.array)
        kept = kept or Kept(batch.array.copy(), batch.valid, found.copy())
        rows.append(read(found)[: batch.valid])
        ids.extend(batch.ids)
        events.progress("scoring", len(ids), total)
    assert kept is not None
    return Predictions(tuple(ids), np.concatenate(rows)), kept


def _scales(job: Job) -> Scales | None:
    """What reads a recogniser's given graph; the scores of any other are on the network's own scale."""
    given = job.graph.given
    if given is None or len(job.network.output.shape) > 1:
        return None
    return Scales(job.case.batch, job.network.softmax, given.asked.output)


def _of_given(record: Record, job: Job, fit: Fit, scales: Scales | None) -> Record:
    """The record, with what a reader must know where the graph is a person's own."""
    given = job.graph.given
    if given is None:
        return record
    what = "the model" if given.own else "graph given"
    told = ", ".join([f"{what}: {given.name}", f"input {fit.input.name} {fit.layout} {fit.input.dtype}",
                      *([f"output {scales.sentence}"] if scales else [])])
    precision = record.precision if record.precision != cell.EXACT else given.precision
    record = replace(record, own=told) if given.own else replace(record, given=told)
    return replace(record, shifted=scales is not None and scales.shifted, precision=precision, itself=_is_itself(job, given))


def _is_itself(job: Job, given: Given) -> bool:
    """Whether the graph is the model's own or computes the same, in ONNX Runtime as the reference does."""
    same = given.same or {sha for _, sha in given.files} == {sha for _, sha in job.checkpoint.files}
    return engines.family(job.case.device).LOADS == "onnx" and bool(job.checkpoint.files) and (given.own or same)


def _record(job: Job, precision: str, chip: ChipKind, stack: Iterable[tuple[str, str]], clips: int, scoring_s: float,
            need: int) -> Record:
    return Record(
        case=str(job.case), network=job.network.name, data=job.data, weights=job.checkpoint.origin, precision=precision,
        chip=chip.name, simulated=chip.simulated, clips=clips, scoring_s=scoring_s,
        peak_bytes=memory.peak_resident_bytes(), estimated_bytes=need,
        others=job.others, digests={"weights": job.checkpoint.sha256, "graph": job.graph.digest, "clips": job.dataset.digest},
        versions=dict((*versions.of("onnxruntime", "onnx", "onnxsim", "torch", "mmaction2", "numpy", "av"), *stack)),
        machine=dict(versions.machine()), surgery=" ".join(job.graph.surgery),
        flags=" ".join(job.flags) if job.graph.is_compiled_here else "")
