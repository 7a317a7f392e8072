"""Which truth applies to which measurement, and the rates of any cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from tools.datasets.clips import ClipSet
from tools.datasets.survey import Shortfall
from tools.datasets.videos import VideoSet
from tools.judging import asked, speed, verdict
from tools.judging.flips import Flips
from tools.judging.floors import floor_of, header, limits_name
from tools.judging.numbers import Numbers
from tools.judging.repeatable import beside_night, repeatable, second_passes
from tools.judging.same_inputs import same_inputs
from tools.judging.verdict import Judgement, Verdict, recorded
from tools.measuring.cell import Cell, Part
from tools.measuring.doubts import doubts
from tools.measuring.inputs import TorchInputs
from tools.measuring.predictions import Predictions
from tools.measuring.timing import Summary
from tools.spec import toolchain
from tools.spec.chips import ChipKind, kind
from tools.spec.expectations import NOTHING, Expectations
from tools.spec.given import reference_name
from tools.spec.model import Spec
from tools.spec.toolchain import Toolchain
from tools.spec.truth import FidelityGate, Truth

S = TypeVar("S", bound=Spec)
Data = TypeVar("Data", bound=ClipSet | VideoSet)
Reference = TypeVar("Reference")


@dataclass(frozen=True, slots=True)
class JudgeOf(ABC, Generic[S, Data, Reference]):
    """What the cells of a model are judged against, and how: a subclass for each kind of model.

    reference: torch's answers; None where torch has not run on this data. remake: the command that runs it.
    inputs: finds or makes what torch's pipeline makes of a few items, once somebody asks whether a device
    computes what torch does; None for scores that nobody measured here.
    others: what other code made of all that judges, in words.
    """

    spec: S
    truth: Truth
    dataset: Data
    reference: Reference | None
    remake: str = "python -m tools.reference MODEL"
    expect: Expectations = NOTHING
    inputs: Callable[[], TorchInputs] | None = None
    others: Sequence[str] = ()

    def accuracy(self, cell: Cell) -> list[Judgement]:
        """Whether the device is right as often as the reference.

        The stored figures judge the published weights on the complete data set, torch judges everything else.
        The floors of `--expect` judge any weights and data.
        """
        wrong = self._unusable(cell)
        official = (cell.record.weights, cell.record.data) == ("published", "full") and len(self.dataset.ids) == self.spec.clips
        if wrong:
            return by_other_code([wrong], cell, self.others)
        judged = repeatable(self.usable_accuracy(cell, official=official), second_passes(cell), fidelity_gate(cell, self.truth)[0])
        return by_other_code(judged, cell, self.others)

    def beside_night(self, judged: Sequence[Judgement], cell: Cell, theirs: Sequence[Predictions], what: str) -> list[Judgement]:
        """What `accuracy` gave, and whether an earlier night with equal digests had the same scores.

        theirs: that night's, of each network in turn. what: names them, as "the night of 3 May".
        """
        if self._unusable(cell):
            return [*judged]
        smallest = floor_of(cell.record.precision).smallest
        seen = [beside_night(part.predictions, before, what, softmax=network.softmax, smallest=smallest)
                for network, part, before in zip(self.spec.networks, cell.parts, theirs, strict=True)]
        return repeatable(judged, [one for one in seen if one], fidelity_gate(cell, self.truth)[0])

    def flips(self, cell: Cell) -> Flips:
        """The clips that the device and the reference do not agree on, as far as its scores are usable."""
        return Flips() if self._unusable(cell) else self.usable_flips(cell)

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """Whether the device is fed what torch is and computes what torch does, within its precision."""
        return by_other_code(self._fidelity(cell), cell, self.others)

    def _fidelity(self, cell: Cell) -> list[Judgement]:
        wrong = self._unusable(cell)
        if wrong:
            return [wrong]
        fed = [] if self.inputs is None else [same_inputs(cell.parts[0].record.inputs, self.inputs(), self.spec.items, self.remake)]
        if self.reference is None:
            return [*fed, recorded("difference", self.no_reference)]
        gate, limited = fidelity_gate(cell, self.truth)
        judged = self.usable_fidelity(cell, self.reference, gate)
        return [*fed, *(judged if limited else without_limits(cell, judged))]

    def throughput(self, cell: Cell) -> list[Judgement]:
        """Whether the device is as fast as what is stored of its kind, and as what `--expect` asks."""
        return throughput(cell, self.truth, self.expect)

    @abstractmethod
    def usable_accuracy(self, cell: Cell, *, official: bool) -> list[Judgement]:
        """`accuracy` of usable scores; official: they are of the published weights on all data."""

    @abstractmethod
    def usable_flips(self, cell: Cell) -> Flips:
        """`flips` of usable scores."""

    @abstractmethod
    def usable_fidelity(self, cell: Cell, torch: Reference, gate: FidelityGate) -> list[Judgement]:
        """`fidelity` of usable scores."""

    @property
    def no_reference(self) -> str:
        """Why nothing is judged beside torch, with the command that makes what is missing."""
        return (f"{reference_name(self.spec)} has not run on these {len(self.dataset.ids):,} {self.spec.items}, which takes too long "
                f"to begin unasked; once, on any machine: {self.remake}")

    def _unusable(self, cell: Cell) -> Judgement | None:
        """FAIL where an item has no row of scores or several, or a score is not a number."""
        for found in (part.predictions for part in cell.parts):
            wrong = (verdict.unpaired(found, self.dataset.ids)
                     or verdict.not_finite(found.scores.reshape(len(found.scores), -1), found.ids))
            if wrong:
                return wrong
        return None


Judge = JudgeOf[Any, Any, Any]  # of whichever kind of model


def partial_data(judged: Sequence[Judgement], shortfall: Shortfall) -> list[Judgement]:
    """Judgements on a part of the data set: none is an acceptance, however good; a loss stays a loss."""
    return [replace(one, verdict=verdict.at_best(one.verdict, Verdict.NO_VERDICT), meaning=f"{shortfall.sentence}; {one.meaning}")
            for one in judged]


def by_other_code(judged: list[Judgement], cell: Cell, others: Sequence[str] = ()) -> list[Judgement]:
    """Judgements of what other code made are no acceptance; a row tells what the notes of *cell* do not."""
    if not cell.others and not others:
        return judged
    more = [other for other in others if other not in cell.others]
    return [replace(one, verdict=verdict.at_best(one.verdict, Verdict.NO_VERDICT), meaning="; ".join([*more, one.meaning]))
            for one in judged]


def fidelity_gate(cell: Cell, truth: Truth) -> tuple[FidelityGate, bool]:
    """The limits of the cell's precision, and True; where none are stored, its floor and False."""
    precision = _precision(cell)
    return truth.fidelity.get(precision, floor_of(cell.record.precision).gate), precision in truth.fidelity


def without_limits(cell: Cell, judged: Sequence[Judgement]) -> list[Judgement]:
    """What was measured, where no limits are stored to judge it by: RECORDED, or FAIL below the floor."""
    why = f"no limits are stored for {_precision(cell)} ({header(_precision(cell))})"
    below = f"{why}, and this is below the floor of every {cell.record.precision} device"
    return [replace(one, meaning=f"{one.meaning}; {below}") if one.verdict is Verdict.FAIL else
            recorded(one.metric, f"{one.meaning}: {one.measured}; {why}", one.measured, _unlimited(one.numbers)) for one in judged]


def _unlimited(numbers: Numbers | None) -> Numbers | None:
    """The numbers without the floor that they were held against: reaching it judges nothing."""
    return replace(numbers, reference=None, limit="") if numbers else None


def _precision(cell: Cell) -> str:
    return limits_name(cell.record.precision, cell.record.chip)


def throughput(cell: Cell, truth: Truth, expect: Expectations = NOTHING) -> list[Judgement]:
    """Clips per second of each network, and of all in turn, against what is stored of this device.

    What *expect* asks of the speed is asked of all networks in turn.
    """
    chip = kind(cell.record.chip)
    summaries = [summary_of(part) for part in cell.parts]
    judged = [*_rates(cell, truth, chip, summaries), *speed.against_t4(cell.rate(), truth, chip, cell.case.batch, summaries),
              *asked.asked_of(cell, truth, chip, expect)]
    why = doubts(cell)
    return by_other_code([speed.unfounded(one, why[0]) for one in judged] if why else judged, cell)


def _rates(cell: Cell, truth: Truth, chip: ChipKind, summaries: Sequence[Summary]) -> list[Judgement]:
    batch = cell.case.batch
    by = toolchain_of(cell)
    if len(cell.parts) == 1:
        return [speed.throughput(summaries[0], truth, chip, batch, by=by)]
    judged = [speed.throughput(summary, truth, chip, batch, part.record.network, by)
              for part, summary in zip(cell.parts, summaries, strict=True)]
    return [*judged, speed.combined_throughput(cell.rate(), truth, chip, batch, summaries, by)]


def toolchain_of(cell: Cell) -> Toolchain:
    """How the rates of a cell were measured."""
    record = cell.record
    return toolchain.of(record.chip, cell.case.mode, record.precision, record.engine.get("provider", ""))


def summary_of(part: Part) -> Summary:
    assert part.times is not None
    return speed.summary_of(part.times)
