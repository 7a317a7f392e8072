"""Measures one network in a process of its own: scores every clip, then times single iterations."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial

import numpy as np

from tools import engines
from tools.deployment.specialise import Given
from tools.engines import Engine
from tools.engines.fit import Fit
from tools.errors import MeasureError, naming
from tools.machine import device_locks, events, memory, versions
from tools.machine.files import writing
from tools.machine.telling import TIMING
from tools.measuring import cell, inputs, kinds
from tools.measuring.answers import Counted, Kept, doubt, of_another_graph, repeated
from tools.measuring.cell import Record, Times
from tools.measuring.feeding import LANES, Spent, answered
from tools.measuring.host_quiet import Turns
from tools.measuring.job import Job
from tools.measuring.metrics import mean_of_views
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.measuring.repeats import Repeat, second_pass
from tools.measuring.saved import Saved
from tools.measuring.scales import Scales
from tools.measuring.steady import settling
from tools.measuring.timing import time_series
from tools.media.batches import SLOTS, Batch, BatchStream
from tools.media.preprocess import Floats
from tools.spec.case import USUAL, Case
from tools.spec.chips import ChipKind
from tools.storage.shards import Ranges

CHECKING = "checking what the timed calls gave"  # which takes a few calls more, of a slow network minutes
PACKAGES = ("onnxruntime", "onnx", "onnxsim", "torch", "mmaction2", "numpy", "av")  # whose versions a record tells


def measure(job: Job) -> None:
    """Score and time a network while holding its device; write scores, record and times to its folder.

    Where the folder has all scores and their record, it only times. Where a process that measured the same
    was killed, it goes on after the scores that are saved. A network that is timed once more keeps its own.
    Of a span of the list it leaves the scores alone.

    Raises:
        MeasureError: too little memory, or the disk is full; or what is timed once more has no scores, or
            gives others. DataError: a clip cannot be read.
        DeviceError: its lock cannot be taken. EngineError: the device fails.
    """
    with writing("what this cell leaves", job.folder, MeasureError):
        _measure(job)


def _measure(job: Job) -> None:
    case, network, folder = job.case, job.network, job.folder
    before = load(job.before / FILE) if job.before else None
    listed = kinds.of(job.spec).feed(job.dataset, job.spec, network, before)
    feed = listed.part(*job.span) if job.span else listed
    need = memory.need_bytes(job.graph.peak_bytes, job.graph.weights_bytes, 4 * case.batch * math.prod(feed.shape), SLOTS)
    memory.require(need, str(case))
    job.graph.require_unchanged()
    job.read.require_unchanged()
    driver = engines.family(case.device)
    chip, stack = driver.describe(case.device), driver.versions()
    watch = None if job.budget_s is None else driver.watch(case.device)  # who else uses it matters to times only
    saved = Saved(folder, job.same, feed.ids, frozenset() if before else inputs.compared(listed.ids))
    turns = Turns.of(job.locks, case.device)
    with device_locks.hold(job.locks, case.device.label, partial(waiting, case)), watch or nullcontext():
        job.read.require_unchanged()  # again: another cell may have held the device for hours
        with BatchStream(feed, case.batch, turns.unit, turns.workers) as stream, turns.seen(), naming(job.graph.path):
            engine = engines.open_engine(case.device, job.graph.path, network, case.batch,
                                         job.graph.given.asked if job.graph.given else None, case.mode)
            job.graph.require_unchanged()  # what was loaded is what was found
            scales = _scales(job)
            in_turns = turns.scoring(engine)
            saved.begin()  # now, since opening is no scoring
            kept = _scored(job, in_turns, stream, scales, saved)
            again = None if saved.are_whole or job.span else second_pass(in_turns, kept, network.rows)
        job.graph.require_unchanged()  # weights beside a graph may be read as they are used
        if job.span:
            saved.leave(Ranges(folder, len(listed.ids)), job.span[0])
        if again is not None:
            _keep(partial(_record, job, engine, scales, chip, stack, saved, need, again), job, before, saved)
        times = None if job.budget_s is None else turns.timing(partial(timed, engine, kept, job.budget_s, whole=job.whole))
        times = times and replace(times, doubt=times.doubt or of_another_graph(job.graph))
        engine.close()
    if watch:
        cell.write(watch.idle(), job.place / cell.IDLE)
    if times:
        cell.write(times, job.place / cell.TIMES)


def _scored(job: Job, engine: Engine, stream: BatchStream, scales: Scales | None, saved: Saved) -> Kept:
    """Run what *saved* lacks; the first batch as it is kept for timing.

    That one is always run: its scores tell whether the saved ones are those of this device.
    """
    total, rows, item = len(saved.ids), job.network.rows, "video" if job.spec.kind == "localiser" else "clip"
    first: Kept | None = None
    if job.again and not saved.are_whole:
        raise MeasureError("it has no scores yet, so that it cannot be timed once more", where=str(job.folder))
    if saved.count:
        again, first = score(engine, stream.batches(count=1), total, rows, scales, unit=f"{item}s", spent=saved.spent)
        if not repeated(again.scores, saved.scores[: len(again.ids)], engine.precision):
            if job.again:
                raise MeasureError("timed once more, its first batch has other scores than those saved", where=str(job.folder / FILE))
            events.say(f"{job.title}: scored again from the first {item} on, since its first batch has other scores than those saved")
            saved.forget()
        elif saved.count < total:
            events.say(f"resuming at {item} {saved.count + 1:,} of {total:,}")
    if saved.count < total:
        _, kept = score(engine, saved.noting(stream.batches(saved.count)), total, rows, scales, saved, f"{item}s", saved.spent)
    saved.end()
    return first or kept


def _keep(told: Callable[[], Record], job: Job, before: Predictions | None, saved: Saved) -> None:
    """Save all scores, what the case's answer is made of, and the record, in this order."""
    predictions = Predictions(saved.ids, saved.scores)
    save(predictions, job.folder / FILE)
    kinds.of(job.spec).finish(job.dataset, job.spec, before, predictions, job.folder)
    cell.write(told(), job.folder / cell.RECORD)
    saved.finish()


def waiting(case: Case, holder: str) -> None:
    """Say who holds the device of *case*."""
    events.say(f"waiting: {holder} holds {case.device}")


def timed(engine: Engine, kept: Kept, budget_s: float, *, whole: bool = False) -> Times:
    """The times of single iterations of a batch, and whether these ran the network on it."""
    calls = Counted(engine.bind(kept.batch))
    series = time_series(calls, budget_s, lambda count: events.progress(TIMING, count, count, unit="calls"), whole=whole)
    events.progress(CHECKING, 0, 1)
    by_device = engine.device_times()[-len(series) :]  # asked now, since another run follows
    why, warm_up = doubt(calls, series, kept, engine.precision, by_device, budget_s), settling(series)
    return Times(tuple(series[warm_up:]), kept.valid, tuple(by_device[warm_up:]), why, warm_up=tuple(series[:warm_up]))


def score(engine: Engine, stream: Iterable[Batch], total: int, views: int = 1,
          scales: Scales | None = None, saved: Saved | None = None, unit: str = "clips",
          spent: Spent | None = None) -> tuple[Predictions, Kept]:
    """Run every batch; its scores, and for timing a copy of the first batch with what it gave.

    The score of an item is the mean of its *views* rows of output, or what *scales* makes of a given graph's.
    saved: what keeps the scores as they come, behind those that it has. unit: what the items are called.
    spent: what the times of the device are added to.
    """
    read = partial(mean_of_views, rows=views) if scales is None else scales.of
    ids: list[str] = []
    rows: list[Floats] = []
    kept: Kept | None = None
    before = saved.count if saved else 0
    spent, began = spent or Spent(), time.monotonic()
    for batch, found in answered(engine, stream, spent):
        kept = kept or Kept(batch.array.copy(), batch.valid, found.copy())
        rows.append(read(found)[: batch.valid])
        ids.extend(batch.ids)
        if saved:
            saved.keep(rows[-1])
        passed_s = saved.seconds if saved else time.monotonic() - began
        events.progress("scoring", before + len(ids), total, unit=unit, busy=spent.share(passed_s))
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
    """Whether the graph is the model's own or computes the same, in ONNX Runtime as the reference does.

    What computes on another device, in another precision or by another engine is not the reference itself.
    """
    if job.case.mode != USUAL or not engines.family(job.case.device).ON_HOST:
        return False
    same = given.same or {sha for _, sha in given.files} == {sha for _, sha in job.checkpoint.files}
    return bool(job.checkpoint.files) and (given.own or same)


def _record(job: Job, engine: Engine, scales: Scales | None, chip: ChipKind, stack: Iterable[tuple[str, str]], saved: Saved,
            need: int, again: Repeat) -> Record:
    told = Record(
        case=str(job.case), network=job.network.name, data=job.data, weights=job.checkpoint.origin, precision=engine.precision,
        chip=chip.name, simulated=chip.simulated, clips=len(saved.ids), scoring_s=saved.seconds,
        peak_bytes=memory.peak_resident_bytes(), estimated_bytes=need,
        others=job.others, digests=job.digests,
        versions=dict((*versions.of(*PACKAGES), *stack)),
        machine=dict((*versions.machine(), *engines.family(job.case.device).condition(job.case.device))),
        surgery=" ".join(job.graph.surgery), flags=" ".join(job.flags) if job.graph.is_compiled_here else "", inputs=saved.fed,
        repeat=again.apart, repeat_flipped=again.flipped, engine=dict(engine.told), busy=round(saved.spent.share(saved.seconds), 4),
        waited_s=_waited_s(engine, saved.spent), place=job.place_name, scored_by=saved.by, alone=job.alone)
    return _of_given(told, job, engine.fit, scales)


def _waited_s(engine: Engine, spent: Spent) -> dict[str, float]:
    """What the device waited for. Nobody knows of copying where it is part of the call that computes."""
    copy = {"copy": round(spent.copy_s, 3)} if engine.lanes >= LANES else {}
    return {"decode": round(spent.decode_s, 3), **copy}
