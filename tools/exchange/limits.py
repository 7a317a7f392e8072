"""Fidelity limits of a precision on a kind of chip: what a run that was right measured, times a margin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from tools.errors import OptionError, RecordError
from tools.exchange import runs
from tools.exchange.recordable import require_real
from tools.exchange.toml_edit import Limits
from tools.judging.floors import beyond, floor_of, limits_name
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import RED
from tools.measuring import metrics
from tools.measuring.cell import EXACT, Cell
from tools.measuring.metrics import Distance
from tools.measuring.stored_reference import StoredReference
from tools.spec.model import ModelSpec
from tools.spec.truth import FidelityGate, Truth


def of_runs(folders: Sequence[Path], spec: ModelSpec, truth: Truth, reference: StoredReference | None, margin: float) -> list[Limits]:
    """Limits for each precision and kind of chip in these runs, never tighter than those of float32.

    They are the distance of the case that is farthest from torch, times *margin*.

    Raises:
        RecordError: a case was simulated, has other clips or weights than torch, or is less often right.
    """
    if not 1 <= margin < math.inf:
        raise OptionError(f"a margin of {margin:g} would fail what was measured, or nothing", where="--margin",
                          remedy="for example --margin 2")
    if reference is None:
        raise RecordError("no torch reference of these clips and weights is in the store", where="--data, --weights",
                          remedy=f"give those of the run; python -m tools.reference {spec.name} makes it")
    found: dict[str, list[tuple[Cell, Distance]]] = {}
    for cell in (cell for folder in folders for cell in runs.cells(folder, spec)):
        _require_right(cell, spec, truth, reference)
        apart = metrics.distance(cell.parts[0].predictions.scores, reference.predictions.scores, softmax=spec.network.softmax,
                                 smallest=floor_of(cell.record.precision).smallest)
        found.setdefault(limits_name(cell.record.precision, cell.record.chip), []).append((cell, apart))
    return [_limits(name, measured, truth, margin) for name, measured in found.items()]


def _require_right(cell: Cell, spec: ModelSpec, truth: Truth, reference: StoredReference) -> None:
    require_real(cell)
    where = str(cell.folder)
    if cell.record.precision == EXACT:
        raise RecordError(f"{cell.case} is {EXACT}, whose limits are not measured but required", where=where,
                          remedy="record those of a device that computes in another precision")
    if cell.given:
        raise RecordError(f"{cell.case} was measured with a graph that a person gave", where=where,
                          remedy="limits come from clipgate's own export: measure it without --graph")
    wanted = {"clips": reference.clips.digest, "weights": reference.checkpoint.sha256}
    other = [name for name, digest in wanted.items() if cell.record.digests.get(name) != digest]
    if other:
        raise RecordError(f"{cell.case} was measured with other {' and '.join(other)}", where=where,
                          remedy="give the --data and --weights of the run")
    for one in RecogniserJudge(spec, truth, reference.clips, reference.predictions).accuracy(cell):
        if one.verdict in RED:
            raise RecordError(f"{cell.case} is {one.verdict.value} in {one.metric}: {one.reason}", where=where,
                              remedy="limits come from a device that is right; find out what is wrong with this one")


def _limits(name: str, measured: Sequence[tuple[Cell, Distance]], truth: Truth, margin: float) -> Limits:
    exact = truth.fidelity[EXACT]
    relative = max(apart.relative for _, apart in measured)
    cosine = min(apart.cosine for _, apart in measured)
    flipped, clips = max((apart.flipped, cell.record.clips) for cell, apart in measured)
    gate = FidelityGate(max(exact.max_relative_difference, _up(margin * relative)),
                        round(min(exact.min_cosine, 1 - _up(margin * (1 - cosine))), 9),
                        max(exact.max_flipped_share, _up(margin * flipped / clips)))
    record = measured[0][0].record
    _require_above_floor(gate, name, measured, margin)
    note = (f"{margin:g} times what {', '.join(str(cell.case) for cell, _ in measured)} measured, or float32's: {relative:.2g}, "
            f"1 - {1 - cosine:.2g}, {flipped} of {clips} clips; data {record.data}, weights {record.weights}")
    return Limits(name, gate, note)


def _require_above_floor(gate: FidelityGate, name: str, measured: Sequence[tuple[Cell, Distance]], margin: float) -> None:
    """Refuse limits that only a broken deployment needs."""
    floor = floor_of(measured[0][0].record.precision)
    if beyond(gate, floor):
        raise RecordError(
            f"limits of difference <= {gate.max_relative_difference:g}, cosine >= {gate.min_cosine:g}, flipped <= "
            f"{gate.max_flipped_share:.1%} for {name} are beyond the floor of every device: {floor.words}",
            where=", ".join(str(cell.folder) for cell, _ in measured),
            remedy=f"find out what is wrong with the deployment; if it measured well, give a --margin below {margin:g}")


def _up(value: float) -> float:
    """Rounded up to two digits that count."""
    if value <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.2g}")
