"""Throughput against batch size, measured and stored, and the ratio tables as the guides print them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tools.judging import comparisons as beside
from tools.judging import guide_tables
from tools.judging.comparisons import Grid, Rate, comparisons, rates
from tools.judging.guide_tables import A310, A310P
from tools.measuring.cell import Cell, Part
from tools.reporting.facts import RatioTable, SpeedPoint, Speeds
from tools.spec.chips import CPU, T4, kind
from tools.spec.truth import Truth

LOW, HIGH = 5, 95  # percentiles of single iterations, between which most of a measured rate's lie
LINES = (T4, A310, A310P)


def speeds(cells: Sequence[Cell], truths: Mapping[str, Truth]) -> tuple[Speeds, ...]:
    """The lines of every model: each device's measured one, then what is stored.

    cells: those whose times may be compared. A model of several networks has lines of each as well.
    """
    found: list[Speeds] = []
    for (model, network), of_network in _by_network(cells).items():
        for on in dict.fromkeys(rate.on for rate, _ in of_network):
            measured = sorted(((rate, cell) for rate, cell in of_network if rate.on == on), key=lambda one: one[0].batch)
            simulated = " (simulated)" if any(cell.record.simulated for _, cell in measured) else ""
            points = tuple(_point(rate, cell) for rate, cell in measured)
            found.append(Speeds(model, network, f"measured on {on}{simulated}", measured=True, points=points))
        if model in truths:
            found += _stored(model, network, truths[model])
    return tuple(found)


def _by_network(cells: Sequence[Cell]) -> dict[tuple[str, str], list[tuple[Rate, Cell]]]:
    found: dict[tuple[str, str], list[tuple[Rate, Cell]]] = {}
    for cell in cells:
        for rate in rates(cell):
            found.setdefault((rate.model, rate.network), []).append((rate, cell))
    return found


def _point(rate: Rate, cell: Cell) -> SpeedPoint:
    """A rate of a card with the percentiles of its single iterations."""
    parts = [part for part in cell.parts if not rate.network or part.record.network == rate.network]
    chips = kind(rate.chip).chips_per_card
    slow, fast = np.percentile(_seconds_a_clip(parts), [HIGH, LOW])
    return SpeedPoint(rate.batch, rate.of_card, chips / float(slow), chips / float(fast))


def _seconds_a_clip(parts: Sequence[Part]) -> list[float]:
    """Of each iteration through these networks; it ends with the shortest of their series."""
    series = [[one / part.times.valid for one in part.times.device_series or part.times.series] for part in parts if part.times]
    return [sum(together) for together in zip(*series, strict=False)]


def _stored(model: str, network: str, truth: Truth) -> list[Speeds]:
    columns = {**(gpus := guide_tables.measured_columns(truth, network)), **guide_tables.stored_columns(truth, network)}
    return [Speeds(model, network, name, measured=False, source=truth.path.name,
                   points=tuple(SpeedPoint(batch, rate) for batch, rate in sorted(columns[name].items())))
            for name in (*gpus, *LINES) if columns[name]]


def tables(cells: Sequence[Cell], truths: Mapping[str, Truth]) -> tuple[RatioTable, ...]:
    """Each model's cases over what is stored of their batch sizes; for NPUs then the guides' table."""
    found: list[RatioTable] = []
    for model in dict.fromkeys(cell.case.model for cell in cells if cell.case.model in truths):
        measured = [rate for cell in cells if cell.case.model == model for rate in rates(cell)]
        compared = [(rate.name, comparisons(truths[model], rate)) for rate in measured]
        grid = beside.ratio_grid(compared, beside.heading_of(measured))
        found += [_table(model, grid, beside.doubts(compared))] if grid else []
        for network in dict.fromkeys(rate.network for rate in measured):
            group = [rate for rate in measured if rate.network == network and rate.chip != CPU.name]
            found += [_table(model, grid) for grid in guide_tables.guide_grids(truths[model], group)]
    return tuple(found)


def _table(model: str, grid: Grid, notes: Sequence[str] = ()) -> RatioTable:
    return RatioTable(model, grid.heading, grid.columns, grid.rows, tuple(notes))
