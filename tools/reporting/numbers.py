"""A row of results as a page shows it: its texts, its word, and where number and reference are kept."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import get_args

from tools.judging.floors import header, limits_name
from tools.judging.numbers import Numbers
from tools.judging.rows import RESULTS, Row
from tools.reporting.facts import Number, Paired, Word
from tools.spec.settings import ROOT
from tools.spec.truth import Truth

WORDS: tuple[Word, ...] = get_args(Word)
FORMATS: Mapping[str, str] = {"share": ".4f", "cosine": ".6f", "ratio": ".3f", "clips_per_s": ".3f", "ms": ".3f"}
LIMITS = {"difference": "max_relative_difference", "cosine": "min_cosine"}
EXPECTED = " expected"  # ends the metric of what --expect asks
NO_LINE = "-"
SMALL = 0.002  # shares below it are differences, of which four places tell nothing


def word_of(row: Row) -> Word:
    """The word of a row; a known issue that passes is as red as a failure."""
    if row.exit_reason == "xpass":
        return "FAIL"
    text = row.verdict.partition(" (")[0] if row.verdict else row.exit_reason.upper()
    return next((word for word in WORDS if word == text), "ERROR")


def number(row: Row, truth: Truth | None, *, red: bool = False) -> Number:
    """The row with where its number is kept. truth: its model's stored numbers, if they can be read.

    red: whether its run ends badly for it.
    """
    key = f"{row.case}, {row.question}, {row.metric}{f': measured_{row.numbers.unit}' if row.numbers else ''}"
    shown = f"{row.shown}, a known issue that passes" if row.exit_reason == "xpass" else row.shown
    ours, theirs = row.measured or _text(row.numbers, measured=True), row.reference or _text(row.numbers, measured=False)
    return Number(row.question, row.metric, ours, theirs, word_of(row), shown, row.reason, RESULTS, key,
                  stored(row, truth) if truth else "", row.superseded, row.numbers.measured if row.numbers else None,
                  row.numbers.unit if row.numbers else "", red, row.within)


def _text(numbers: Numbers | None, *, measured: bool) -> str:
    """A number of an older file, which has no texts, as tables show such numbers."""
    if numbers is None:
        return NO_LINE
    value = numbers.measured if measured else numbers.reference
    if value is None or not math.isfinite(value):
        return NO_LINE
    side = {"at least": ">= ", "at most": "<= "}.get(numbers.limit, "") if not measured else ""
    form = ".1e" if numbers.unit == "share" and abs(value) < SMALL and (numbers.limit or value) else FORMATS.get(numbers.unit, "g")
    return f"{side}{value:{form}}"


def stored(row: Row, truth: Truth) -> str:
    """Where the reference of a row is stored; empty where it is not, or where another number is there now."""
    found = next((place for place, value in _places(row, truth) if row.numbers and _is_same(row.numbers.reference, value)), "")
    return f"{_toml(truth)}: {found}" if found else ""


def _is_same(reference: float | None, value: float) -> bool:
    return reference is not None and math.isclose(reference, value, rel_tol=1e-9)


def _places(row: Row, truth: Truth) -> Iterator[tuple[str, float]]:
    """Where the reference of a row may be stored, and the value that is there."""
    numbers = row.numbers
    if numbers is None or row.metric.endswith(EXPECTED) or numbers.pairs:
        return
    gates = truth.throughput
    if row.question == "throughput" and numbers.unit == "ratio":
        yield from ((f"[gates.throughput] min_t4_ratio {name}", least) for name, least in gates.min_t4_ratio.items())
    if row.question == "throughput" and numbers.unit == "clips_per_s":
        network = row.metric.removesuffix("clips/s").rstrip()
        yield from ((one.id, one.right) for one in truth.figures
                    if (one.metric, one.batch, one.network) == ("throughput", row.batch, network))
    if row.question == "accuracy" and row.metric in truth.references:
        figure = truth.figure(truth.references[row.metric])
        yield figure.id, figure.fraction
    precision = limits_name(row.precision, row.chip)
    key = LIMITS.get(row.metric.rpartition(" ")[2])
    if row.question == "fidelity" and key and precision in truth.fidelity:
        yield f"{header(precision)} {key}", getattr(truth.fidelity[precision], key)


def _toml(truth: Truth) -> str:
    """The toml of a model, from the folder of clipgate where it is below that."""
    path = truth.path.absolute()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def paired(row: Row) -> Paired | None:
    """A row that was measured on the same clips as its reference; None for any other."""
    numbers = row.numbers
    if numbers is None or numbers.pairs is None or numbers.reference is None or row.superseded:
        return None
    pairs = numbers.pairs
    return Paired(row.metric, numbers.measured, numbers.reference, pairs.low, pairs.high, pairs.clips, pairs.lost, pairs.won)
