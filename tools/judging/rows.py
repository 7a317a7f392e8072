"""Rows of results: one judged number each, kept in results.jsonl and shown as a table."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell

RESULTS = "results.jsonl"


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
    short: bool = False

    @property
    def shown(self) -> str:
        """The verdict as tables show it: what was recorded of a timing too short to be judged says so."""
        return f"{self.verdict} (short)" if self.short and self.verdict == Verdict.RECORDED.value else self.verdict

    @classmethod
    def of(cls, cell: Cell, question: str, judged: Judgement) -> Row:
        record = cell.record
        return cls(str(cell.case), question, record.data, record.weights, judged.metric, judged.measured, judged.reference,
                   word(judged.verdict, record.weights, simulated=record.simulated), "; ".join([judged.reason, *cell.notes]),
                   record.chip, record.simulated, judged.short)


def word(verdict: Verdict, weights: str, *, simulated: bool = False) -> str:
    """The verdict as it is shown; a pass on mini weights or on a simulated device says that it is one."""
    but = [*(["mini"] if weights == "mini" else []), *(["simulated"] if simulated else [])]
    return f"{verdict.value} ({', '.join(but)})" if verdict is Verdict.PASS and but else verdict.value


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
    return align([header, *((row.case, row.data, row.metric, row.measured, row.reference, row.shown) for row in rows)])


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines with aligned columns; rich would shorten names to fit a log of 80 columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
