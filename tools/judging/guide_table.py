"""The table every guide ends with: clips/s of a 310 card, a 310P and a T4 by batch size, their ratios, and best against best.

What was measured on an NPU stands beside it, a card's rate like theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tools.judging.rows import align
from tools.measuring.cell import Cell
from tools.spec.case import BATCHES
from tools.spec.chips import kind
from tools.spec.truth import Truth

A310, A310P, T4, OURS = "310", "310P", "T4", "measured"
RATIOS = ((A310, T4), (A310P, T4), (A310P, A310), (OURS, T4), (OURS, A310), (OURS, A310P))
CARDS = {A310: (("Ascend310", 1), ("Ascend310-1chip", 4)), A310P: (("Ascend310P", 1), ("Ascend310P3", 1))}
Column = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Rate:
    """Clips per second of one chip at one batch size, of a model or of one of its networks."""

    model: str
    network: str
    device: str
    chip: str
    batch: int
    clips_per_s: float

    @property
    def of_card(self) -> float:
        return self.clips_per_s * kind(self.chip).chips_per_card


def rates(cell: Cell) -> list[Rate]:
    """What a cell of an NPU adds to the table; nothing for any other device."""
    if cell.case.device.family != "npu":
        return []
    several = [(part.record.network, part.rate()) for part in cell.parts] if len(cell.parts) > 1 else []
    return [Rate(cell.case.model, network, cell.case.device.label, cell.record.chip, cell.case.batch, rate)
            for network, rate in (("", cell.rate()), *several)]


def by_model(found: Sequence[Rate]) -> dict[tuple[str, str], list[Rate]]:
    """The rates of each model and network, in the order they came."""
    grouped: dict[tuple[str, str], list[Rate]] = {}
    for rate in found:
        grouped.setdefault((rate.model, rate.network), []).append(rate)
    return grouped


def table(truth: Truth, model: str, network: str, measured: Sequence[Rate]) -> list[str]:
    """Lines of the table: a row for each batch size that anything is known of, and the best of each column."""
    lines = []
    for device in dict.fromkeys((rate.device, rate.chip) for rate in measured):
        ours = {rate.batch: rate.of_card for rate in measured if (rate.device, rate.chip) == device}
        columns = {A310: _stored(truth, A310, network), A310P: _stored(truth, A310P, network), T4: _t4(truth, network), OURS: ours}
        chips = kind(device[1]).chips_per_card
        derived = f", derived: {chips} x one chip" if chips > 1 else ""
        lines.append(f"{' '.join([model, network]).strip()}: clips/s of a card; measured on {device[0]} ({device[1]}{derived})")
        lines += align([("batch", *columns, *(f"{over}/{under}" for over, under in RATIOS)), *_rows(columns)])
    return lines


def _rows(columns: Mapping[str, Column]) -> list[tuple[str, ...]]:
    known = [batch for batch in BATCHES if any(batch in column for column in columns.values())]
    rows = [_row(str(batch), {name: column.get(batch) for name, column in columns.items()}) for batch in known]
    return [*rows, _row("best", {name: max(column.values(), default=None) for name, column in columns.items()})]


def _row(name: str, rates_of: Mapping[str, float | None]) -> tuple[str, ...]:
    def ratio(over: float | None, under: float | None) -> str:
        return "-" if over is None or under is None else f"{over / under:.3f}"

    return (name, *("-" if rate is None else f"{rate:.2f}" for rate in rates_of.values()),
            *(ratio(rates_of[over], rates_of[under]) for over, under in RATIOS))


def _stored(truth: Truth, card: str, network: str) -> Column:
    """A card's stored rates; four times one chip's where only that is stored."""
    return _column(lambda batch: next((figure.right * chips for device, chips in CARDS[card]
                                       if (figure := truth.rate(device, batch, network)) is not None), None))


def _t4(truth: Truth, network: str) -> Column:
    t4 = truth.throughput.t4
    return _column(lambda batch: figure.right if t4 and (figure := truth.rate(t4, batch, network)) is not None else None)


def _column(rate: Callable[[int], float | None]) -> Column:
    return {batch: found for batch in BATCHES if (found := rate(batch)) is not None}
