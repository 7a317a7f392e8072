"""From a measured recogniser to judgements: which truth applies to which data; and the rates of any cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import numpy as np

from tools import verdict, verdict_speed
from tools.cell import Cell, Part
from tools.chips import ChipKind, kind
from tools.expectations import NOTHING, Expectations
from tools.manifest import Manifest
from tools.metrics import Labels, hits
from tools.predictions import Predictions
from tools.report import Comparison, comparisons
from tools.shortfall import Shortfall
from tools.spec import ModelSpec
from tools.timing import Summary, summarise
from tools.truth import FidelityGate, Truth
from tools.verdict import Judgement, Verdict

EXACT = "fp32"


class Judge(Protocol):
    """What a cell is judged against, and how: one a kind of model."""

    @property
    def truth(self) -> Truth:
        """The model's stored numbers."""

    def accuracy(self, cell: Cell) -> list[Judgement]:
        """Whether the device is right as often as the reference."""

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """Whether the device computes what torch computes."""


@dataclass(frozen=True, slots=True)
class Basis:
    """A recogniser's judge. *reference* is None where torch has not run on these clips; *remake* is the command that runs it."""

    spec: ModelSpec
    truth: Truth
    clips: Manifest
    reference: Predictions | None
    remake: str = "python -m tools.reference MODEL"
    expect: Expectations = NOTHING

    @property
    def ids(self) -> list[str]:
        return [clip.id for clip in self.clips.clips]

    @property
    def labels(self) -> Labels:
        return np.array([clip.label for clip in self.clips.clips], np.int64)

    def accuracy(self, cell: Cell) -> list[Judgement]:
        """The stored figures judge the published weights on the complete data set; everything else is judged in pairs.

        What is expected by `--expect` is judged beside either, on any weights and data.
        """
        found = cell.parts[0].predictions
        wrong = unusable(found, self.ids)
        if wrong:
            return [wrong]
        judged = []
        if is_official(cell) and len(self.ids) == self.spec.clips:
            judged = verdict.stored_accuracy(found.scores, self.labels, self.truth, self.truth.accuracy)
        if self.reference is None:
            judged = judged + self._alone(found, judged)
        else:
            assert self.truth.pairs is not None, "a recogniser's toml has [gates.pairs]"
            judged = judged + verdict.paired_accuracy(found.scores, self.reference.scores, self.labels, self.truth.pairs)
        if self.clips.shortfall is not None:
            judged = partial_data(judged, self.clips.shortfall)
        return [*judged, *verdict.expected_accuracy(found.scores, self.labels, self.expect)]

    def _alone(self, found: Predictions, judged: Sequence[Judgement]) -> list[Judgement]:
        """What is measured and has no torch beside it: the pairs only, where the stored figures have judged the rest."""
        if judged:
            return [no_reference(self.remake, "pairs", len(self.ids))]
        return [no_reference(self.remake, metric, len(self.ids), f"{hits(found.scores, self.labels, k).mean():.4f}")
                for metric, k in verdict.TOP.items()]

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """The device's scores against torch's on the same clips, within the limits of the device's precision."""
        found = cell.parts[0].predictions
        wrong = unusable(found, self.ids)
        if wrong:
            return [wrong]
        if self.reference is None:
            return [no_reference(self.remake, "difference", len(self.ids))]
        gate, limited = fidelity_gate(cell, self.truth)
        judged = verdict.fidelity(found.scores, self.reference.scores, self.ids, gate, softmax=self.spec.network.softmax)
        return judged if limited else without_limits(cell, judged)


def unusable(found: Predictions, ids: Sequence[str]) -> Judgement | None:
    """A judgement that ends the question: rows that are not one a clip, or scores that are not numbers."""
    return verdict.unpaired(found, ids) or verdict.not_finite(found.scores, found.ids)


def is_official(cell: Cell) -> bool:
    """Whether the published weights ran on the whole data set, as far as the cell knows."""
    return (cell.record.weights, cell.record.data) == ("published", "full")


def partial_data(judged: Sequence[Judgement], shortfall: Shortfall) -> list[Judgement]:
    """What was measured on a part of the data set: no acceptance, however good; a loss on that part stays one."""
    return [replace(one, verdict=max(one.verdict, Verdict.NO_VERDICT, key=list(Verdict).index),
                    reason=f"{shortfall.sentence}; {one.reason}") for one in judged]


def no_reference(remake: str, metric: str, count: int, measured: str = "-", items: str = "clips") -> Judgement:
    """RECORDED, with the command that makes what is missing."""
    return Judgement(metric, measured, "-", Verdict.RECORDED,
                     f"torch has not run on these {count:,} {items}, which takes too long to begin unasked; once, on any machine: {remake}")


def fidelity_gate(cell: Cell, truth: Truth) -> tuple[FidelityGate, bool]:
    """The limits of this precision, on this kind of chip where it is not float32, since every chip rounds in its own way.

    Where none are stored, those of float32 as a yardstick, and False.
    """
    precision = _precision(cell)
    return truth.fidelity.get(precision, truth.fidelity[EXACT]), precision in truth.fidelity


def without_limits(cell: Cell, judged: Sequence[Judgement]) -> list[Judgement]:
    """What was measured, beside no limits."""
    return [replace(one, reference="-", verdict=Verdict.RECORDED, reason=f"{one.reason.partition(', limit')[0]}; no limits are stored for "
                    f"{_precision(cell)} ([gates.fidelity.{_precision(cell)}])") for one in judged]


def _precision(cell: Cell) -> str:
    record = cell.record
    return EXACT if record.precision == EXACT else f"{record.precision}-{record.chip}"


def throughput(cell: Cell, truth: Truth) -> list[Judgement]:
    """Clips per second of each network, and of all one after the other, against what is stored for this kind of device."""
    judged = [*_rates(cell, truth, _chip(cell)), *verdict_speed.against_t4(cell.rate(), truth, _chip(cell), cell.case.batch)]
    seen = [part.idle.sentence for part in cell.parts if part.idle is not None and part.idle.state != "idle"]
    return [verdict_speed.not_idle(one, seen[0]) for one in judged] if seen else judged


def _rates(cell: Cell, truth: Truth, chip: ChipKind) -> list[Judgement]:
    batch = cell.case.batch
    if len(cell.parts) == 1:
        return [verdict_speed.throughput(_summary(cell.parts[0]), truth, chip, batch)]
    judged = [verdict_speed.throughput(_summary(part), truth, chip, batch, part.record.network) for part in cell.parts]
    return [*judged, verdict_speed.combined_throughput(cell.rate(), truth, chip, batch, judged)]


def _chip(cell: Cell) -> ChipKind:
    return kind(cell.record.chip)


def _summary(part: Part) -> Summary:
    assert part.times is not None
    return part.times.summary()


def compared(cell: Cell, truth: Truth) -> dict[str, list[Comparison]]:
    """The case's rate, and that of each of its networks where it has several, against every stored device."""
    batch, chip = cell.case.batch, _chip(cell)
    found = {str(cell.case): comparisons(truth, batch, chip, cell.rate())}
    for part in cell.parts if len(cell.parts) > 1 else ():
        found[f"{cell.case} {part.record.network}"] = comparisons(truth, batch, chip, part.rate(), part.record.network)
    return found


def extra_info(cell: Cell, compared: Sequence[Comparison]) -> dict[str, object]:
    """What travels with a throughput in pytest-benchmark's JSON: numbers, digests, environment, stored figures and ratios."""
    record = cell.record
    parts = {part.record.network: _numbers(part) for part in cell.parts}
    return {
        "case": record.case, "data": record.data, "weights": record.weights, "precision": record.precision,
        "chip": record.chip, "simulated": record.simulated,
        **(parts[record.network] if len(parts) == 1 else {"networks": parts, "clips_per_s": cell.rate()}),
        "compared": {found.device: asdict(found) for found in compared},
        "versions": dict(record.versions), "machine": dict(record.machine),
    }


def _numbers(part: Part) -> dict[str, object]:
    assert part.times is not None
    record = part.record
    return {"valid_rows": part.times.valid, **_summary(part).numbers(),
            "host_clock": summarise(part.times.series, part.times.valid).numbers() if part.times.device_series else {},
            "end_to_end_clips_per_s": record.clips / record.scoring_s, "digests": dict(record.digests), "surgery": record.surgery}
