"""Rows of results: one judged number each, or why there is none, shown as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tools.judging.numbers import Numbers, Pairs, Timing
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell

RESULTS = "results.jsonl"
Exit = Literal["judged", "error", "xfail", "xpass", "skipped"]


@dataclass(frozen=True, slots=True)
class Row:
    """One judged number of one case; or that nothing was judged, and why.

    measured, reference: as tables show them; *numbers* has them for programs.
    data, weights: as reports name them.
    exit_reason: how the test ended; error: the class of what ended it, if something did.
    digests: of the weights, the graph and the clips of each network. date (UTC), commit: of the run.
    graph: of a given one, its file and how it was read.
    learning: of the first nights of a history, how many there are. within: the metric that is judged in its
    place.
    attempt: which try of the test it is of; superseded: a later try has rows too, and those count.
    """

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
    model: str = ""
    batch: int = 0
    device: str = ""
    precision: str = ""
    digests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    numbers: Numbers | None = None
    exit_reason: Exit = "judged"
    error: str = ""
    date: str = ""
    commit: str = ""
    attempt: int = 1
    superseded: bool = False
    graph: str = ""
    learning: str = ""
    within: str = ""

    @property
    def shown(self) -> str:
        """The verdict as tables show it.

        What was recorded says so if its timing was too short to be judged, or if a history is learning. What
        a later try has replaced says that.
        """
        word = self.verdict or self.exit_reason
        word = f"{word}: learning ({self.learning})" if self.learning and self.verdict == Verdict.RECORDED.value else word
        word = f"{word}: within {self.within}" if self.within and self.verdict == Verdict.RECORDED.value else word
        word = f"{word} (short)" if self.short and self.verdict == Verdict.RECORDED.value else word
        return f"{word}, try {self.attempt}, superseded" if self.superseded else word

    @classmethod
    def of(cls, cell: Cell, question: str, judged: Judgement) -> Row:
        record, case = cell.record, cell.case
        return cls(str(case), question, record.data, record.weights, judged.metric, judged.measured, judged.reference,
                   word(judged.verdict, record.weights, simulated=record.simulated), "; ".join([judged.reason, *cell.notes]),
                   record.chip, record.simulated, judged.short, case.model, case.batch, case.device.label, record.precision,
                   {part.record.network: dict(part.record.digests) for part in cell.parts}, judged.numbers,
                   graph="; ".join(cell.given), learning=judged.learning,
                   within=judged.within)

    @classmethod
    def revived(cls, fields: Mapping[str, Any]) -> Row:
        """The row whose `dataclasses.asdict` these are, as they come from another process."""
        row = cls(**fields)
        if not fields["numbers"]:
            return row
        timing, pairs = fields["numbers"]["timing"], fields["numbers"]["pairs"]
        return replace(row, numbers=Numbers(**{**fields["numbers"], "timing": Timing(**timing) if timing else None,
                                               "pairs": Pairs(**pairs) if pairs else None}))


def word(verdict: Verdict, weights: str, *, simulated: bool = False) -> str:
    """The verdict as it is shown; a pass on mini weights or on a simulated device says that it is one."""
    but = [*(["mini"] if weights == "mini" else []), *(["simulated"] if simulated else [])]
    return f"{verdict.value} ({', '.join(but)})" if verdict is Verdict.PASS and but else verdict.value


def table(rows: Sequence[Row]) -> list[str]:
    """The rows as aligned lines: case, data, metric, measured, reference, verdict."""
    header = ("case", "data", "metric", "measured", "reference", "verdict")
    return align([header, *((row.case, row.data, row.metric, row.measured, row.reference, row.shown) for row in rows)])


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines with aligned columns; rich would shorten names to fit a log of 80 columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
