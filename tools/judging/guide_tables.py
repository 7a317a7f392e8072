"""The tables that end a run: ratios to what is stored, and clips/s by batch size as the guides print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tools.judging.comparisons import Grid, Rate, comparisons, doubts, heading_of, ratio_table
from tools.spec.case import BATCHES
from tools.spec.chips import CPU, T4, kind, stored_device
from tools.spec.figures import RECORDED
from tools.spec.truth import Truth

A310, A310P, OURS = "310", "310P", "measured"
RATIOS = ((A310, T4), (A310P, T4), (A310P, A310), (OURS, T4), (OURS, A310), (OURS, A310P))
Column = Mapping[int, float]
Ratios = Sequence[tuple[str, str]]  # of two columns each


def tables(measured: Sequence[Rate], truths: Mapping[str, Truth]) -> list[str]:
    """What a run ends with about its rates, an empty line before each table; *truths* by the model's name.

    Each case beside every stored device, then the doubts about these, for all but the CPU, the guides'.
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


def guide_table(truth: Truth, measured: Sequence[Rate]) -> list[str]:
    """The table that guides end with, one for each device: a card's clips/s by batch size, and ratios.

    *measured* are rates of one model or network. A batch size has a row if any of its rates
    is known; the last row compares the best ones.
    """
    return [line for grid in guide_grids(truth, measured) for line in (grid.heading, *grid.lines)]


def guide_grids(truth: Truth, measured: Sequence[Rate]) -> list[Grid]:
    """The same as tables."""
    grids = []
    for on, chip in dict.fromkeys((rate.on, rate.chip) for rate in measured):
        ours = [rate for rate in measured if (rate.on, rate.chip) == (on, chip)]
        network, chips = ours[0].network, kind(chip).chips_per_card
        gpus = measured_columns(truth, network)
        columns = {**gpus, **stored_columns(truth, network), OURS: {rate.batch: rate.of_card for rate in ours}}
        derived = [f"derived: {chips} x one chip"] if chips > 1 else []
        measured_on = ", ".join([chip, *filter(None, [ours[0].toolchain]), ours[0].statistic, *derived])
        heading = f"{' '.join([ours[0].model, network]).strip()}: clips/s of a card; measured on {on} ({measured_on})"
        if ours[0].toolchain and (t4 := _way_of_t4(truth, network)):
            heading += f"; {T4}: the guide's, {t4}"
        ratios = (*((OURS, gpu) for gpu in gpus), *RATIOS)
        grids.append(Grid(heading, ("batch", *columns, *(f"{over}/{under}" for over, under in ratios)), tuple(_rows(columns, ratios))))
    return grids


def measured_columns(truth: Truth, network: str) -> dict[str, Column]:
    """The stored clips/s by batch size of GPUs that were measured, for each way of it, T4s first."""
    found: dict[str, dict[int, float]] = {}
    figures = [figure for figure in truth.figures if figure.provenance == RECORDED and stored_device(figure.device).maker == "GPU"]
    for figure in sorted(figures, key=lambda figure: figure.device != T4):
        if (figure.metric, figure.network) == ("throughput", network) and figure.batch in BATCHES:
            found.setdefault(figure.column, {})[figure.batch] = figure.right
    return {**found}


def _way_of_t4(truth: Truth, network: str) -> str:
    """How the rates of the T4 that ratios are taken against were measured."""
    t4 = truth.throughput.t4
    found = [figure for batch in BATCHES if t4 and (figure := truth.rate(t4, batch, network)) is not None]
    return str(found[0].toolchain) if found else ""


def stored_columns(truth: Truth, network: str) -> dict[str, Column]:
    """The stored clips/s of a card by batch size: of a 310, a 310P and a T4."""
    return {A310: _of_card(truth, A310, network), A310P: _of_card(truth, A310P, network), T4: _of_t4(truth, network)}


def _rows(columns: Mapping[str, Column], ratios: Ratios) -> list[tuple[str, ...]]:
    known = [batch for batch in BATCHES if any(batch in column for column in columns.values())]
    rows = [_row(str(batch), {name: column.get(batch) for name, column in columns.items()}, ratios) for batch in known]
    return [*rows, _row("best", {name: max(column.values(), default=None) for name, column in columns.items()}, ratios)]


def _row(name: str, rates_of: Mapping[str, float | None], ratios: Ratios) -> tuple[str, ...]:
    def ratio(over: float | None, under: float | None) -> str:
        return "-" if over is None or under is None else f"{over / under:.3f}"

    return (name, *("-" if rate is None else f"{rate:.2f}" for rate in rates_of.values()),
            *(ratio(rates_of[over], rates_of[under]) for over, under in ratios))


def _of_card(truth: Truth, name: str, network: str) -> Column:
    """The stored rates of a chip's card; of one chip, times the card's chips, where only that is stored."""
    chip = kind(name)
    return {batch: figure.right * chip.chips_per_card / device.chips for batch in BATCHES for device in chip.stored_under
            if (figure := truth.rate(device.name, batch, network)) is not None}  # the card's own comes last, and stands


def _of_t4(truth: Truth, network: str) -> Column:
    t4 = truth.throughput.t4
    return {batch: figure.right for batch in BATCHES if t4 and (figure := truth.rate(t4, batch, network)) is not None}
