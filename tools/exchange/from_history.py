"""Figures that the nights of a history propose, and how often they would be red without a reason."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from tools.errors import RecordError
from tools.exchange.recordable import device_of_chip
from tools.exchange.toml_edit import NewFigure
from tools.nights.comparable import ENOUGH, centre, centre_of
from tools.nights.nights import Nights
from tools.nights.record import Night, Subject
from tools.nights.views import spread
from tools.spec import toolchain
from tools.spec.case import USUAL, Case
from tools.spec.chips import CPU, is_simulated, stored_device
from tools.spec.model import Spec
from tools.spec.toolchain import Toolchain

Found = dict[Subject, tuple[Night, ...]]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A figure out of nights. slow: how many of them are slower than it by the step.

    expected: the share that would be if their logarithms were normal.
    """

    figure: NewFigure
    nights: int
    chips: int
    low: float
    high: float
    spread: float
    slow: int
    expected: float
    step: float

    @property
    def words(self) -> list[str]:
        """What a person reads before the figure becomes a truth."""
        return [(f"{self.nights} nights of {self.chips} chip{'s' * (self.chips > 1)}: median {self.figure.value:g} clips/s, "
                f"from {self.low:g} to {self.high:g}, spread {self.spread:.2%}"),
                (f"false alarms: {self.slow} of these nights are slower than the figure by {self.step:.0%}, {self.slow / self.nights:.2%}; "
                f"a normal spread would make it {self.expected:.2%} of all nights")]


def proposed(nights: Nights, spec: Spec, device: str, step: float) -> tuple[list[Proposed], list[str]]:
    """A figure for each batch size of the model on that kind of chip, and why other batch sizes have none.

    Of a GPU, or where cases say how their device computes, one for each way of it.

    Each is the median of the nights that make the centre, under the fingerprint that was measured last.

    Raises:
        RecordError: the chip is simulated, or no batch size has nights enough.
    """
    if is_simulated(device):
        device_of_chip(device)
    batches: dict[tuple[int, Toolchain], Found] = {}
    for subject in nights.subjects:
        if _is_of(subject, spec, device) and (found := centre_of(nights, subject)):
            batches.setdefault((subject.fingerprint.batch, _way(subject, spec)), {})[subject] = found
    told: list[Proposed] = []
    left: list[str] = []
    for (batch, by), of_batch in sorted(batches.items(), key=lambda one: (one[0][0], str(one[0][1]))):
        newest = max(of_batch, key=lambda subject: of_batch[subject][-1].number).fingerprint
        chosen = {subject: found for subject, found in of_batch.items() if subject.fingerprint == newest}
        count = sum(map(len, chosen.values()))
        if count < ENOUGH:
            left.append(f"bs{batch}: {count} nights that were found fine under {newest.driver}, and {ENOUGH} are wanted")
        else:
            told.append(_proposed(chosen, step, by))
    if not told:
        raise RecordError(f"the history proposes no figure of {spec.name} on {device}", where="--from-history",
                          remedy="\n    ".join(left) or "python -m tools.history show tells what it holds; --device takes a chip's name")
    return told, left


def _is_of(subject: Subject, spec: Spec, device: str) -> bool:
    """Whether nights are the model's on chips of that name, as npu-smi gives it or as figures are stored."""
    chip = _chip(subject)
    stored = stored_device(device)
    names = (device, *(stored.stands_for if stored.maker == "GPU" else stored.stands_for[:1]))
    return subject.cell == f"{spec.name}-bs{subject.fingerprint.batch}" and not is_simulated(chip) and chip in names


def _way(subject: Subject, spec: Spec) -> Toolchain:
    """How the nights were measured."""
    case = Case.parse(subject.case, spec.name)
    return toolchain.of(_chip(subject), case.mode if case else USUAL, subject.fingerprint.precision)


def _chip(subject: Subject) -> str:
    """The chip by its own name; a history tells of a processor which one it is."""
    chip = subject.fingerprint.chip
    return CPU.name if chip.startswith(f"{CPU.name} ") else chip


def _proposed(chosen: Found, step: float, by: Toolchain) -> Proposed:
    subject = next(iter(chosen))
    fingerprint = subject.fingerprint
    nights: Sequence[Night] = sorted((night for found in chosen.values() for night in found), key=lambda night: night.number)
    rates = [night.clips_per_s for night in nights]
    value, apart = float(f"{math.exp(-centre(nights)):.6g}"), spread(nights)
    software = ", ".join(text for text in (f"driver {fingerprint.driver}", fingerprint.toolkit, fingerprint.runtime) if text)
    figure = NewFigure(
        device=device_of_chip(_chip(subject)), network="", batch=fingerprint.batch, metric="throughput", value=value, unit="samples/s",
        section=f"clipgate, {nights[0].began[:10]} to {nights[-1].began[:10]}, {len(nights)} nights of a history",
        note=f"median, spread {apart:.2%}, {fingerprint.precision}, {software}, graph {fingerprint.graph}, {len(chosen)} chips",
        engine=by.engine, precision=by.precision)
    expected = NormalDist(0.0, apart).cdf(math.log1p(-step)) if apart else 0.0
    return Proposed(figure, len(nights), len(chosen), round(min(rates), 4), round(max(rates), 4), apart,
                    sum(rate < value * (1 - step) for rate in rates), expected, step)
