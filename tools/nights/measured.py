"""What a measured cell leaves of a night, as a record."""

from __future__ import annotations

import hashlib
import math
import re
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tools.judging.interval import total, typical_time
from tools.machine.versions import ABSENT
from tools.measuring.cell import Cell, Times
from tools.measuring.predictions import Predictions
from tools.nights.record import Fingerprint, Record, Role, Series, Word
from tools.spec.chips import CPU, is_gpu

CONFIDENCE = 0.95
RUNTIMES = ("onnxruntime", "nvidia-cudnn", "tensorrt")  # how the names of packages begin that a GPU computes with
_NUMBER = re.compile(r"\d{1,6}(?:\.\d{1,6})?")


def record_of(measured: Cell, *, run: str, wall_s: float, word: Word = "", ratio: float = 0.0, series: Sequence[Series] | None = None,
              accuracy: Mapping[str, float] | None = None, flips: str = "", commit: str = "") -> Record:
    """The record of a cell that ends now.

    word, ratio: what the sequential test said of its speed. series: all of the night, `series_of` of the
    cell's own times without it. accuracy: share by metric. flips: digest of the flipped clips.
    commit: of this checkout.
    """
    told, machine = measured.record, measured.record.machine
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(max(0.0, time.time() - wall_s)))
    return Record(
        case=str(measured.case), model=measured.case.model, device=str(measured.case.device), unit=unit_of(measured),
        fingerprint=fingerprint_of(measured), data=told.data, weights=told.weights, digests=_digests(measured),
        series=tuple(own(measured) if series is None else series), word=word, ratio=ratio, accuracy=dict(accuracy or {}), flips=flips,
        scores=scores_digest(measured), run=run, commit=commit, began=began, wall_s=round(wall_s, 1),
        simulated=told.simulated or measured.case.device.simulated, clock_mhz=_number(machine.get("clock_mhz")),
        temperature_c=_number(machine.get("temperature_c")), versions=dict(told.versions))


def own(measured: Cell) -> list[Series]:
    """The cell's first series; none where a network of it has no times."""
    times = [part.times for part in measured.parts if part.times is not None]
    return [series_of(times, "own")] if len(times) == len(measured.parts) else []


def series_of(times: Sequence[Times], role: Role) -> Series:
    """One series through all networks of a cell, from the times of each."""
    summaries = [one.summary() for one in times]
    rate = 1 / math.fsum(1 / one.clips_per_s for one in summaries)
    within = total([typical_time(one.device_series or one.series, summary.statistic, CONFIDENCE).times(1 / one.valid)
                    for one, summary in zip(times, summaries, strict=True)])
    return Series(role, rate, min(one.iterations for one in summaries), round(math.fsum(one.total_s for one in summaries), 3),
                  round(max(one.variation for one in summaries), 6), round((within.high - within.low) / (2 * within.measured), 6))


def fingerprint_of(measured: Cell) -> Fingerprint:
    """What must be equal for two nights of a case to compare."""
    return replace(_of_software(measured), alone=measured.record.alone)


def _of_software(measured: Cell) -> Fingerprint:
    """The fingerprint, but for what else ran.

    The batch is the clips of it that count: a list may be shorter. A processor is a chip of its kind by its
    name and how many cores of it may be used; its driver is the system. A GPU has several engines: its
    runtime is the one that computed. Graphs and precisions of several networks count together.
    """
    told, parts = measured.record, [part.record for part in measured.parts]
    installed, machine = told.versions, told.machine
    graphs = [part.digests.get("graph", "") for part in parts]
    graph = graphs[0] if len(graphs) == 1 else hashlib.sha256(" ".join(graphs).encode()).hexdigest()
    precision = " ".join(dict.fromkeys(part.precision for part in parts))
    batch = min((part.times.valid for part in measured.parts if part.times), default=measured.case.batch)
    if told.chip == CPU.name:
        chip = f"{CPU.name} {machine.get('cpu', '')}, {machine.get('cores', '?')} cores"
        return Fingerprint(chip, machine.get("system", ""), "", f"onnxruntime {installed.get('onnxruntime', '')}", graph[:16],
                           batch, precision)
    if is_gpu(told.chip):
        return Fingerprint(told.chip, installed.get("driver", ""), f"CUDA {installed['cuda']}" if installed.get("cuda") else "",
                           _runtime(measured), graph[:16], batch, precision)
    return Fingerprint(told.chip, installed.get("driver", ""), installed.get("cann", ""), f"aclruntime {installed.get('aclruntime', '')}",
                       graph[:16], batch, precision)


def _runtime(measured: Cell) -> str:
    """What ran the graph on a GPU: its packages, and the provider that computed."""
    record = measured.record
    packages = [f"{name} {version}" for name, version in record.versions.items() if name.startswith(RUNTIMES) and version != ABSENT]
    return ", ".join([*packages, *filter(None, [record.engine.get("provider") or measured.case.mode.engine])])


def unit_of(measured: Cell) -> str:
    """Which chip it was: the host and the device, since no tool tells more."""
    return measured.record.place or f"{socket.gethostname()}/{measured.case.device.label}"


def scores_digest(measured: Cell) -> str:
    """Of the scores of all networks, to the bit."""
    return digest_of([part.predictions for part in measured.parts])


def digest_of(predictions: Sequence[Predictions]) -> str:
    """Of the scores of each network in turn, to the bit."""
    found = hashlib.sha256()
    for one in predictions:
        found.update(one.scores.tobytes())
    return found.hexdigest()


def _digests(measured: Cell) -> dict[str, str]:
    """The digests of a cell's record, of several networks each under its name."""
    if len(measured.parts) == 1:
        return dict(measured.record.digests)
    return {f"{part.record.network} {name}": value for part in measured.parts for name, value in part.record.digests.items()}


def _number(text: str | None) -> float | None:
    return float(text) if text and _NUMBER.fullmatch(text) else None


