"""Rows of results, the tables that show them, and what travels with a throughput in pytest-benchmark's JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.judging.judge import chip_of, summary_of
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell, Part
from tools.measuring.timing import summarise
from tools.spec.chips import ChipKind
from tools.spec.truth import Truth


def compared(cell: Cell, truth: Truth) -> dict[str, list[Comparison]]:
    """The case's rate, and that of each of its networks where it has several, against every stored device."""
    batch, chip = cell.case.batch, chip_of(cell)
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
    return {"valid_rows": part.times.valid, **summary_of(part).numbers(),
            "host_clock": summarise(part.times.series, part.times.valid).numbers() if part.times.device_series else {},
            "end_to_end_clips_per_s": record.clips / record.scoring_s, "digests": dict(record.digests), "surgery": record.surgery}


RESULTS = "results.jsonl"
T4 = "T4"
ONE_CHIP = "-1chip"


@dataclass(frozen=True, slots=True)
class Row:
    """One judged number of one case, as it stands in results.jsonl."""

    case: str
    question: str
    data: str
    weights: str
    metric: str
    measured: str
    reference: str
    verdict: str
    reason: str
    chip: str = ""
    simulated: bool = False

    @classmethod
    def of(cls, cell: Cell, question: str, judged: Judgement) -> Row:
        record = cell.record
        return cls(str(cell.case), question, record.data, record.weights, judged.metric, judged.measured, judged.reference,
                   word(judged.verdict, record.weights, simulated=record.simulated), "; ".join([judged.reason, *cell.notes]),
                   record.chip, record.simulated)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured rate beside a stored one of the same batch size. *note* says what speaks against the stored one."""

    device: str
    clips_per_s: float
    ratio: float
    source: str
    note: str


def word(verdict: Verdict, weights: str, *, simulated: bool = False) -> str:
    """The verdict as it is shown: a pass on weights the harness made itself, or on no real device, is not an acceptance, and says so."""
    but = [*(["mini"] if weights == "mini" else []), *(["simulated"] if simulated else [])]
    return f"{verdict.value} ({', '.join(but)})" if verdict is Verdict.PASS and but else verdict.value


def comparisons(truth: Truth, batch: int, chip: ChipKind, clips_per_s: float, network: str = "") -> list[Comparison]:
    """One chip's rate against every stored device at this batch size, the gate's T4 column first (and no other T4).

    A card's rate is the chip's times its chips, and stands beside every figure that is not of one chip.
    *network* is empty where the rate is the whole model's.
    """
    gate = truth.throughput.t4
    rates = [figure for figure in truth.figures if (figure.metric, figure.batch, figure.network) == ("throughput", batch, network)
             and (figure.device == gate or not figure.device.startswith(T4)) and figure is truth.rate(figure.device, batch, network)]
    rates.sort(key=lambda figure: figure.device != gate)
    chips = {figure.device: 1 if figure.device.endswith(ONE_CHIP) else chip.chips_per_card for figure in rates}
    return [Comparison(figure.device, figure.right, clips_per_s * chips[figure.device] / figure.right, f"{truth.path.name} {figure.id}",
                       figure.doubt) for figure in rates]


def append(rows: Sequence[Row], run: Path) -> None:
    """Add rows to the run's results.jsonl and flush them to disk."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / RESULTS).open("a") as file:
        for row in rows:
            file.write(json.dumps(asdict(row)) + "\n")
        file.flush()
        os.fsync(file.fileno())


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as aligned lines: case, data, metric, measured, reference, verdict."""
    header = ("case", "data", "metric", "measured", "reference", "verdict")
    return align([header, *((row.case, row.data, row.metric, row.measured, row.reference, row.verdict) for row in rows)])


def ratio_table(rates: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line a case: how its rate compares with each stored device; `-` where nothing is stored at that batch.

    The T4 is what everybody asks for, so its column comes first and is there even where no guide has a figure for it.
    """
    devices = list(dict.fromkeys(found.device for _, compared in rates for found in compared))
    if not devices:
        return []
    devices.sort(key=lambda device: not device.startswith(T4))
    if not devices[0].startswith(T4):
        devices.insert(0, T4)
    lines = [("case", *(f"x {device}" for device in devices))]
    for case, compared in rates:
        ratios = {found.device: f"{found.ratio:.3f}" for found in compared}
        lines.append((case, *(ratios.get(device, "-") for device in devices)))
    return align(lines)


def doubts(rates: Sequence[tuple[str, Sequence[Comparison]]]) -> list[str]:
    """A line for each stored figure compared with that is not to be trusted: which it is, and why."""
    return list(dict.fromkeys(f"{found.source} ({found.device}, {found.clips_per_s:g}): {found.note}"
                              for _, compared in rates for found in compared if found.note))


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines with aligned columns: rich's tables would shorten names to fit 80 columns of a log."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
