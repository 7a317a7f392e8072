"""Measured rates beside stored ones: the comparisons of a case, the tables that end a run, and what pytest-benchmark's JSON tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tools.judging.judge import summary_of
from tools.judging.rows import align
from tools.measuring.cell import Cell, Part
from tools.measuring.timing import summarise
from tools.spec.case import BATCHES
from tools.spec.chips import CPU, T4, kind, stored_device
from tools.spec.truth import Truth

HEADING = "measured clips/s over the stored figure of each device (clips/s a card; 1chip: one of a card's four)"
A310, A310P, OURS = "310", "310P", "measured"
RATIOS = ((A310, T4), (A310P, T4), (A310P, A310), (OURS, T4), (OURS, A310), (OURS, A310P))
Column = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Rate:
    """Clips per second of one chip at one batch size, of a model or of one of its networks, measured on a device (`npu0`)."""

    model: str
    network: str
    device: str
    chip: str
    batch: int
    clips_per_s: float

    @property
    def name(self) -> str:
        return f"{self.model}-bs{self.batch}-{self.device} {self.network}".rstrip()

    @property
    def of_card(self) -> float:
        return self.clips_per_s * kind(self.chip).chips_per_card


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured rate beside a stored one of the same batch size. *note* says what speaks against the stored one."""

    device: str
    clips_per_s: float
    ratio: float
    source: str
    note: str


def rates(cell: Cell) -> list[Rate]:
    """The case's rate, and that of each of its networks where it has several."""
    several = [(part.record.network, part.rate()) for part in cell.parts] if len(cell.parts) > 1 else []
    return [Rate(cell.case.model, network, cell.case.device.label, cell.record.chip, cell.case.batch, rate)
            for network, rate in (("", cell.rate()), *several)]


def comparisons(truth: Truth, rate: Rate) -> list[Comparison]:
    """One chip's rate against every stored device at this batch size, the gate's T4 column first (and no other T4).

    A card's rate is the chip's times its chips, and stands beside every figure that is of a card.
    """
    gate = truth.throughput.t4
    figures = [figure for figure in truth.figures
               if (figure.metric, figure.batch, figure.network) == ("throughput", rate.batch, rate.network)
               and (figure.device == gate or T4 not in stored_device(figure.device).stands_for)
               and figure is truth.rate(figure.device, rate.batch, rate.network)]
    figures.sort(key=lambda figure: figure.device != gate)
    ours = {figure.device: rate.of_card if stored_device(figure.device).of_card else rate.clips_per_s for figure in figures}
    return [Comparison(figure.device, figure.right, ours[figure.device] / figure.right, f"{truth.path.name} {figure.id}", figure.doubt)
            for figure in figures]


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
    return {"valid_rows": part.times.valid, **asdict(summary_of(part)),
            "host_clock": asdict(summarise(part.times.series, part.times.valid)) if part.times.device_series else {},
            "end_to_end_clips_per_s": record.clips / record.scoring_s, "digests": dict(record.digests), "surgery": record.surgery}


def tables(measured: Sequence[Rate], truths: Mapping[str, Truth]) -> list[str]:
    """All that a run ends with about its rates, an empty line before each table; *truths* by the name of the model.

    A line a case against every stored device, the doubts about these, and for what an NPU measured the table of the guides.
    """
    compared = [(rate.name, comparisons(truths[rate.model], rate)) for rate in measured]
    ratios = ratio_table(compared)
    lines = ["", HEADING, *ratios, *doubts(compared)] if ratios else []
    groups: dict[tuple[str, str], list[Rate]] = {}
    for rate in measured:
        if rate.chip != CPU.name:
            groups.setdefault((rate.model, rate.network), []).append(rate)
    for (model, _), group in groups.items():
        lines += ["", *guide_table(truths[model], group)]
    return lines


def ratio_table(compared: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line a case: how its rate compares with each stored device; `-` where nothing is stored at that batch.

    The T4 is what everybody asks for, so its column comes first and is there even where no guide has a figure for it.
    """
    found = dict.fromkeys(one.device for _, beside in compared for one in beside)
    if not found:
        return []
    t4s = [device for device in found if T4 in stored_device(device).stands_for] or [T4]
    devices = [*t4s, *(device for device in found if device not in t4s)]
    lines = [("case", *(f"x {device}" for device in devices))]
    for case, beside in compared:
        ratios = {one.device: f"{one.ratio:.3f}" for one in beside}
        lines.append((case, *(ratios.get(device, "-") for device in devices)))
    return align(lines)


def doubts(compared: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line for each stored figure compared with that is not to be trusted: which it is, and why."""
    return list(dict.fromkeys(f"{one.source} ({one.device}, {one.clips_per_s:g}): {one.note}"
                              for _, beside in compared for one in beside if one.note))


def guide_table(truth: Truth, measured: Sequence[Rate]) -> list[str]:
    """The table every guide ends with, once a device: a card's clips/s by batch size, their ratios, and best against best.

    *measured* are rates of one model or network. A row for each batch size that anything is known of.
    """
    lines = []
    for device, chip in dict.fromkeys((rate.device, rate.chip) for rate in measured):
        ours = [rate for rate in measured if (rate.device, rate.chip) == (device, chip)]
        network, chips = ours[0].network, kind(chip).chips_per_card
        columns = {A310: _of_card(truth, A310, network), A310P: _of_card(truth, A310P, network), T4: _of_t4(truth, network),
                   OURS: {rate.batch: rate.of_card for rate in ours}}
        derived = f", derived: {chips} x one chip" if chips > 1 else ""
        lines.append(f"{' '.join([ours[0].model, network]).strip()}: clips/s of a card; measured on {device} ({chip}{derived})")
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


def _of_card(truth: Truth, name: str, network: str) -> Column:
    """The stored rates of a chip's card; its chips times one chip's where only that is stored."""
    chip = kind(name)
    return {batch: figure.right * chip.chips_per_card / device.chips for batch in BATCHES for device in chip.stored_under
            if (figure := truth.rate(device.name, batch, network)) is not None}  # the card's own comes last, and stands


def _of_t4(truth: Truth, network: str) -> Column:
    t4 = truth.throughput.t4
    return {batch: figure.right for batch in BATCHES if t4 and (figure := truth.rate(t4, batch, network)) is not None}
