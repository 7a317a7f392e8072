"""Measured rates beside stored ones: of a case, in the tables that end a run, in pytest-benchmark's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from tools.judging.judge import summary_of
from tools.judging.rows import align
from tools.measuring.cell import Cell, Part
from tools.measuring.timing import Statistic, summarise
from tools.spec.case import BATCHES
from tools.spec.chips import CPU, T4, kind, stored_device
from tools.spec.truth import Truth

HEADING = "over the stored figure of each device (clips/s a card; 1chip: one of a card's four)"
A310, A310P, OURS = "310", "310P", "measured"
RATIOS = ((A310, T4), (A310P, T4), (A310P, A310), (OURS, T4), (OURS, A310), (OURS, A310P))
Column = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Rate:
    """Clips per second of one chip, of a model or of one of its networks; *device* is its label, `npu0`.

    statistic: of which times it is computed.
    """

    model: str
    network: str
    device: str
    chip: str
    batch: int
    clips_per_s: float
    statistic: Statistic = "median"

    @property
    def name(self) -> str:
        return f"{self.model}-bs{self.batch}-{self.device} {self.network}".rstrip()

    @property
    def of_card(self) -> float:
        return self.clips_per_s * kind(self.chip).chips_per_card


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured rate beside a stored one of its batch size; *note* says why the stored one is doubtful."""

    device: str
    clips_per_s: float
    ratio: float
    source: str
    note: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: a line above it, the words of its columns, and rows of texts."""

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    @property
    def lines(self) -> list[str]:
        """The table as text, without the line above it."""
        return align([self.columns, *self.rows])


def rates(cell: Cell) -> list[Rate]:
    """The case's rate, and that of each of its networks where it has several."""
    several = [(part.record.network, part.rate()) for part in cell.parts] if len(cell.parts) > 1 else []
    return [Rate(cell.case.model, network, cell.case.device.label, cell.record.chip, cell.case.batch, rate,
                 cell.statistic)
            for network, rate in (("", cell.rate()), *several)]


def comparisons(truth: Truth, rate: Rate) -> list[Comparison]:
    """The rate beside every stored device's at its batch size, the gate's T4 first; other T4s are left out.

    The figure of a card is compared with the chip's rate times the card's chips.
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
    """What pytest-benchmark's JSON keeps with a rate: numbers, digests, environment, figures, ratios."""
    record = cell.record
    parts = {part.record.network: _numbers(part) for part in cell.parts}
    return {
        "case": record.case, "data": record.data, "weights": record.weights, "precision": record.precision,
        "chip": record.chip, "simulated": record.simulated,
        **(parts[record.network] if len(parts) == 1 else {"networks": parts, "clips_per_s": cell.rate(), "statistic": cell.statistic}),
        "compared": {found.device: asdict(found) for found in compared},
        "versions": dict(record.versions), "machine": dict(record.machine),
    }


def _numbers(part: Part) -> dict[str, object]:
    assert part.times is not None
    record = part.record
    return {"valid_rows": part.times.valid, **asdict(summary_of(part)),
            "host_clock": asdict(summarise(part.times.series, part.times.valid)) if part.times.device_series else {},
            "end_to_end_clips_per_s": record.clips / record.scoring_s, "end_to_end_statistic": "mean",
            "digests": dict(record.digests), "surgery": record.surgery,
            "waited_s": part.times.waited_s, "worked_beside": list(part.times.beside)}


def tables(measured: Sequence[Rate], truths: Mapping[str, Truth]) -> list[str]:
    """What a run ends with about its rates, an empty line before each table; *truths* by the model's name.

    Each case beside every stored device, then the doubts about these, then, for NPUs, the guides' table.
    """
    compared = [(rate.name, comparisons(truths[rate.model], rate)) for rate in measured]
    ratios = ratio_table(compared)
    lines = ["", heading_of(measured), *ratios, *doubts(compared)] if ratios else []
    groups: dict[tuple[str, str], list[Rate]] = {}
    for rate in measured:
        if rate.chip != CPU.name:
            groups.setdefault((rate.model, rate.network), []).append(rate)
    for (model, _), group in groups.items():
        lines += ["", *guide_table(truths[model], group)]
    return lines


def heading_of(measured: Sequence[Rate]) -> str:
    """The line above a table of ratios."""
    return f"measured clips/s ({_statistics(measured)}) {HEADING}"


def _statistics(measured: Sequence[Rate]) -> str:
    """Of which times the rates are; where it differs, of which devices."""
    of: dict[str, list[str]] = {}
    for rate in measured:
        of.setdefault(rate.statistic, []).append(rate.device)
    return ", ".join(statistic if len(of) == 1 else f"{statistic} on {', '.join(dict.fromkeys(devices))}"
                     for statistic, devices in of.items())


def ratio_table(compared: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line for each case: its rate over that of each stored device; `-` where nothing is stored.

    Everybody asks for the T4: its column comes first, and is there even where no guide has a figure for it.
    """
    found = ratio_grid(compared)
    return found.lines if found else []


def ratio_grid(compared: Sequence[tuple[str, Sequence[Comparison]]], heading: str = "") -> Grid | None:
    """The same as a table; None where nothing is stored of any case."""
    found = dict.fromkeys(one.device for _, beside in compared for one in beside)
    if not found:
        return None
    t4s = [device for device in found if T4 in stored_device(device).stands_for] or [T4]
    devices = [*t4s, *(device for device in found if device not in t4s)]
    rows = []
    for case, beside in compared:
        ratios = {one.device: f"{one.ratio:.3f}" for one in beside}
        rows.append((case, *(ratios.get(device, "-") for device in devices)))
    return Grid(heading, ("case", *(f"x {device}" for device in devices)), tuple(rows))


def doubts(compared: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line for each stored figure that was compared with and is doubtful, with the reason."""
    return list(dict.fromkeys(f"{one.source} ({one.device}, {one.clips_per_s:g}): {one.note}"
                              for _, beside in compared for one in beside if one.note))


def guide_table(truth: Truth, measured: Sequence[Rate]) -> list[str]:
    """The table that guides end with, one for each device: a card's clips/s by batch size, and ratios.

    *measured* are rates of one model or network. A batch size has a row if any of its rates
    is known; the last row compares the best ones.
    """
    return [line for grid in guide_grids(truth, measured) for line in (grid.heading, *grid.lines)]


def guide_grids(truth: Truth, measured: Sequence[Rate]) -> list[Grid]:
    """The same as tables."""
    grids = []
    for device, chip in dict.fromkeys((rate.device, rate.chip) for rate in measured):
        ours = [rate for rate in measured if (rate.device, rate.chip) == (device, chip)]
        network, chips = ours[0].network, kind(chip).chips_per_card
        columns = {**stored_columns(truth, network), OURS: {rate.batch: rate.of_card for rate in ours}}
        derived = f", derived: {chips} x one chip" if chips > 1 else ""
        measured_on = f"{device} ({chip}, {ours[0].statistic}{derived})"
        heading = f"{' '.join([ours[0].model, network]).strip()}: clips/s of a card; measured on {measured_on}"
        grids.append(Grid(heading, ("batch", *columns, *(f"{over}/{under}" for over, under in RATIOS)), tuple(_rows(columns))))
    return grids


def stored_columns(truth: Truth, network: str) -> dict[str, Column]:
    """The stored clips/s of a card by batch size: of a 310, a 310P and a T4."""
    return {A310: _of_card(truth, A310, network), A310P: _of_card(truth, A310P, network), T4: _of_t4(truth, network)}


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
    """The stored rates of a chip's card; of one chip, times the card's chips, where only that is stored."""
    chip = kind(name)
    return {batch: figure.right * chip.chips_per_card / device.chips for batch in BATCHES for device in chip.stored_under
            if (figure := truth.rate(device.name, batch, network)) is not None}  # the card's own comes last, and stands


def _of_t4(truth: Truth, network: str) -> Column:
    t4 = truth.throughput.t4
    return {batch: figure.right for batch in BATCHES if t4 and (figure := truth.rate(t4, batch, network)) is not None}
