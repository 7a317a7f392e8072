"""From a measured cell to judgements: which truth applies to which data, and the three questions asked of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tools import verdict
from tools.case import Device
from tools.cell import Cell
from tools.clips import Clip
from tools.manifest import Manifest
from tools.metrics import Labels
from tools.predictions import Predictions
from tools.report import Comparison
from tools.spec import ModelSpec
from tools.truth import Truth
from tools.verdict import Judgement, Verdict


@dataclass(frozen=True, slots=True)
class Basis:
    """What a cell is judged against. *reference* is None where torch has not run on these clips."""

    spec: ModelSpec
    truth: Truth
    clips: Manifest
    reference: Predictions | None

    @property
    def ids(self) -> list[str]:
        return [clip.id for clip in self.clips.clips]

    @property
    def labels(self) -> Labels:
        return _labels(self.clips.clips)


def accuracy(cell: Cell, basis: Basis) -> list[Judgement]:
    """The stored figures judge the published weights on the complete data set; everything else is judged in pairs."""
    wrong = _unusable(cell, basis)
    if wrong:
        return [wrong]
    scores, judged = cell.predictions.scores, []
    if _is_official(cell, basis):
        judged = verdict.stored_accuracy(scores, basis.labels, basis.truth, basis.truth.accuracy)
    if basis.reference is not None:
        assert basis.truth.pairs is not None, "a recogniser's toml has [gates.pairs]"
        judged += verdict.paired_accuracy(scores, basis.reference.scores, basis.labels, basis.truth.pairs)
    return judged or [_no_reference(basis, "top1")]


def fidelity(cell: Cell, basis: Basis) -> list[Judgement]:
    """The device's scores against torch's on the same clips, within the limits of the device's precision."""
    wrong = _unusable(cell, basis)
    if wrong:
        return [wrong]
    if basis.reference is None:
        return [_no_reference(basis, "difference")]
    gate = basis.truth.fidelity.get(cell.record.precision)
    if gate is None:
        return [Judgement("difference", "-", "-", Verdict.RECORDED, f"no limits are stored for {cell.record.precision}")]
    return verdict.fidelity(cell.predictions.scores, basis.reference.scores, basis.ids, gate, softmax=basis.spec.softmax)


def throughput(cell: Cell, basis: Basis, device: Device, batch: int) -> list[Judgement]:
    """Clips per second against what is stored for this kind of device."""
    assert cell.times is not None
    return [verdict.throughput(cell.times.summary(), basis.truth, device.family, batch)]


def _unusable(cell: Cell, basis: Basis) -> Judgement | None:
    """A judgement that ends the question: rows that are not one a clip, or scores that are not numbers."""
    return (verdict.unpaired(cell.predictions, basis.ids)
            or verdict.not_finite(cell.predictions.scores, cell.predictions.ids))


def _is_official(cell: Cell, basis: Basis) -> bool:
    return (cell.record.weights, cell.record.data) == ("published", "full") and len(basis.clips.clips) == basis.spec.clips


def _no_reference(basis: Basis, metric: str) -> Judgement:
    return Judgement(metric, "-", "-", Verdict.RECORDED,
                     f"torch has not run on these {len(basis.clips.clips)} clips: python -m tools.reference {basis.spec.name} "
                     "with the same --data and --weights makes the reference")


def _labels(clips: tuple[Clip, ...]) -> Labels:
    return np.array([clip.label for clip in clips], np.int64)


def clips_per_s(cell: Cell) -> float:
    """The cell's measured rate: clips that count over the median iteration."""
    assert cell.times is not None
    return cell.times.summary().clips_per_s


def extra_info(cell: Cell, compared: Sequence[Comparison]) -> dict[str, object]:
    """What travels with a throughput in pytest-benchmark's JSON: numbers, digests, environment, stored figures and ratios."""
    assert cell.times is not None
    record = cell.record
    return {
        "case": record.case, "data": record.data, "weights": record.weights, "precision": record.precision,
        "valid_rows": cell.times.valid, **cell.times.summary().numbers(),
        "end_to_end_clips_per_s": record.clips / record.scoring_s,
        "compared": {found.device: asdict(found) for found in compared},
        "digests": dict(record.digests), "versions": dict(record.versions), "machine": dict(record.machine),
    }
