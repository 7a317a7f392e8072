"""Which truth applies to which measurement; and the rates of any cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from tools.datasets.survey import Shortfall
from tools.judging import speed, verdict
from tools.judging.verdict import Judgement, Verdict, recorded
from tools.measuring.cell import Cell, Part
from tools.measuring.predictions import Predictions
from tools.measuring.timing import Summary
from tools.spec.chips import ChipKind, kind
from tools.spec.truth import FidelityGate, Truth

EXACT = "fp32"


class Judge(Protocol):
    """What a cell is judged against, and how: one a kind of model."""

    truth: Truth

    def accuracy(self, cell: Cell) -> list[Judgement]:
        """Whether the device is right as often as the reference."""

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """Whether the device computes what torch computes."""

    def throughput(self, cell: Cell) -> list[Judgement]:
        """Whether the device is as fast as what is stored of its kind."""
        return throughput(cell, self.truth)


def unusable(found: Predictions, ids: Sequence[str]) -> Judgement | None:
    """A judgement that ends the question: rows that are not one a clip, or scores that are not numbers."""
    return verdict.unpaired(found, ids) or verdict.not_finite(found.scores, found.ids)


def is_official(cell: Cell) -> bool:
    """Whether the published weights ran on the whole data set, as far as the cell knows."""
    return (cell.record.weights, cell.record.data) == ("published", "full")


def partial_data(judged: Sequence[Judgement], shortfall: Shortfall) -> list[Judgement]:
    """What was measured on a part of the data set: no acceptance, however good; a loss on that part stays one."""
    return [replace(one, verdict=max(one.verdict, Verdict.NO_VERDICT, key=list(Verdict).index),
                    meaning=f"{shortfall.sentence}; {one.meaning}") for one in judged]


def no_reference(remake: str, count: int, items: str = "clips") -> str:
    """Why nothing is judged beside torch, with the command that makes what is missing."""
    return f"torch has not run on these {count:,} {items}, which takes too long to begin unasked; once, on any machine: {remake}"


def fidelity_gate(cell: Cell, truth: Truth) -> tuple[FidelityGate, bool]:
    """The limits of this precision, on this kind of chip where it is not float32, since every chip rounds in its own way.

    Where none are stored, those of float32 as a yardstick, and False.
    """
    precision = _precision(cell)
    return truth.fidelity.get(precision, truth.fidelity[EXACT]), precision in truth.fidelity


def without_limits(cell: Cell, judged: Sequence[Judgement]) -> list[Judgement]:
    """What was measured, beside no limits."""
    why = f"no limits are stored for {_precision(cell)} ([gates.fidelity.{_precision(cell)}])"
    return [recorded(one.metric, f"{one.meaning}: {one.measured}; {why}", one.measured) for one in judged]


def _precision(cell: Cell) -> str:
    record = cell.record
    return EXACT if record.precision == EXACT else f"{record.precision}-{record.chip}"


def throughput(cell: Cell, truth: Truth) -> list[Judgement]:
    """Clips per second of each network, and of all one after the other, against what is stored for this kind of device."""
    judged = [*_rates(cell, truth, chip_of(cell)), *speed.against_t4(cell.rate(), truth, chip_of(cell), cell.case.batch)]
    seen = [part.idle.sentence for part in cell.parts if part.idle is not None and part.idle.state != "idle"]
    return [speed.not_idle(one, seen[0]) for one in judged] if seen else judged


def _rates(cell: Cell, truth: Truth, chip: ChipKind) -> list[Judgement]:
    batch = cell.case.batch
    if len(cell.parts) == 1:
        return [speed.throughput(summary_of(cell.parts[0]), truth, chip, batch)]
    judged = [speed.throughput(summary_of(part), truth, chip, batch, part.record.network) for part in cell.parts]
    return [*judged, speed.combined_throughput(cell.rate(), truth, chip, batch, judged)]


def chip_of(cell: Cell) -> ChipKind:
    return kind(cell.record.chip)


def summary_of(part: Part) -> Summary:
    assert part.times is not None
    return part.times.summary()
