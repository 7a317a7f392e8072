"""What a page lays out beside the facts themselves: matrix, counts, anchors, intervals, what is open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import quote

import numpy as np

from tools.reporting.facts import CaseFacts, Number, Paired, Report, Word
from tools.reporting.verdict import ORDER, worst

MEANING: dict[Word, str] = {
    "ERROR": "could not be measured", "FAIL": "measured, judged, not good enough",
    "NO VERDICT": "measured, but the measurement cannot carry a judgement",
    "SUSPECT": "a speed that the history doubts", "RECORDED": "nothing is wrong, and some number has nothing stored to judge it by",
    "XFAIL": "fails as its model's page says", "SKIPPED": "not measured here", "PASS": "measured, judged, good"}
QUIET = ("PASS", "RECORDED", "SKIPPED", "XFAIL")
OPEN_AT_MOST = 3  # cases that are open when the page opens
MOST_REASONS = 6  # that are seen at once; the others open
PRINTED_AT_MOST = 12  # cases that are printed whole, good or not
MOST_ACCURACIES = 12  # in the overview, the worst; each case has all of its own
HALF_PLOT = 88.0  # half the width of an interval's drawing, in its own units


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """A model on a device: a case for each batch size, None where this run has none.

    rows: how many rows the model has, in its first; else 0.
    """

    model: str
    device: str
    chip: str
    rows: int
    cells: tuple[CaseFacts | None, ...]


@dataclass(frozen=True, slots=True)
class Interval:
    """An accuracy beside torch's, with where its dot and the ends of its line are drawn."""

    case: CaseFacts
    paired: Paired
    dot: float
    low: float | None
    high: float | None

    @property
    def difference(self) -> float:
        return self.paired.ours - self.paired.reference


@dataclass(frozen=True, slots=True)
class Times:
    """A network's times in words: how many count, and where they lie, in milliseconds of a batch."""

    count: int
    median: float
    low: float
    high: float
    largest: float


def anchor(name: str) -> str:
    """The id of a case's part of the page, and what a deep link to it ends in."""
    return f"case={quote(name, safe='', errors='backslashreplace')}"


def batches(report: Report) -> list[int]:
    return sorted({case.batch for case in report.cases})


def matrix(report: Report) -> list[MatrixRow]:
    """The rows of the heat map: models in their order in the run, and of each its devices."""
    columns = batches(report)
    models = list(dict.fromkeys(case.model for case in report.cases))
    rows: list[MatrixRow] = []
    for model in models:
        of_model = [case for case in report.cases if case.model == model]
        devices = list(dict.fromkeys((case.device, case.chip) for case in of_model))
        for index, (device, chip) in enumerate(devices):
            cells = {case.batch: case for case in of_model if (case.device, case.chip) == (device, chip)}
            rows.append(MatrixRow(model, device, chip, 0 if index else len(devices), tuple(cells.get(batch) for batch in columns)))
    return rows


def worst_first(cases: Sequence[CaseFacts]) -> list[CaseFacts]:
    return sorted(cases, key=lambda case: ORDER.index(case.word))


def opened(report: Report) -> set[str]:
    """The cases that are open at once: all of a small run, else the worst that are not good."""
    if len(report.cases) <= OPEN_AT_MOST:
        return {case.name for case in report.cases}
    return {case.name for case in worst_first(report.cases)[:OPEN_AT_MOST] if case.word not in QUIET}


def printed(report: Report) -> set[str]:
    """The cases that are printed whole: all of a run that is not large, else those that are not good."""
    return {case.name for case in report.cases if len(report.cases) <= PRINTED_AT_MOST or case.word not in QUIET}


def intervals(cases: Iterable[CaseFacts]) -> list[Interval]:
    """Every accuracy beside torch's, the worst first, all drawn to one scale."""
    pairs = [(case, paired) for case in cases for paired in case.accuracies]
    ends = [abs(end) for _, paired in pairs for end in (paired.ours - paired.reference, paired.low, paired.high) if end is not None]
    unit = HALF_PLOT / max([*ends, 1e-4])

    def place(share: float | None) -> float | None:
        return None if share is None else round(share * unit, 1)

    drawn = [Interval(case, paired, round((paired.ours - paired.reference) * unit, 1), place(paired.low), place(paired.high))
             for case, paired in pairs]
    return sorted(drawn, key=lambda interval: interval.difference)


def questions(case: CaseFacts) -> list[tuple[str, list[Number]]]:
    """The numbers of a case by the question they answer, in their order."""
    return [(question, list(numbers)) for question, numbers in groupby(case.numbers, key=lambda number: number.question)]


def answers(case: CaseFacts) -> list[tuple[str, Number]]:
    """Of each question the number that answers it: the worst that counts."""
    return [(question, worst(numbers)) for question, numbers in questions(case)]


def times(series: Sequence[float]) -> Times | None:
    """Where a series lies, or None where there is none."""
    if not series:
        return None
    median, low, high = np.quantile(series, [0.5, 0.05, 0.95]).tolist()
    return Times(len(series), median, low, high, max(series))
