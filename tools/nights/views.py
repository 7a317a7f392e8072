"""A history as people read it: tables of cases, of nights, of two runs; and a file for other programs."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median

from tools.errors import HistoryError
from tools.nights.comparable import centre, centre_of, changed
from tools.nights.nights import Nights
from tools.nights.record import Fingerprint, Night, Subject

DATE = re.compile(r"\d{4}-\d\d-\d\d")
NAMED = 5  # of what there is, a message names so many
COLUMNS = ("case", "unit", *(one.name for one in fields(Fingerprint)), "night", "began", "run", "word", "ratio", "clips_per_s", "series")


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as what is in it."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def cases(nights: Nights) -> list[str]:
    """A line for each case of each chip: its nights, their median and spread, what was said of the last."""
    rows = [("case", "chip", "nights", "counted", "clips/s", "spread", "last night", "word")]
    for subject, found in sorted(nights.timed(), key=lambda one: (one[0].cell, one[0].case, one[0].unit, one[1][-1].number)):
        fine = centre_of(nights, subject) or found
        rows.append((subject.case, f"{subject.unit} {subject.fingerprint.chip}", str(len(found)), str(len(centre_of(nights, subject))),
                     f"{math.exp(-centre(fine)):.3f}", f"{spread(fine):.1%}", found[-1].began[:10], found[-1].word or "not judged"))
    return table(rows) if len(rows) > 1 else ["no night was timed yet"]


def spread(nights: Sequence[Night]) -> float:
    """The standard deviation of the nights' logarithms, which is that of their rates as a share of them."""
    logs = [night.log_s for night in nights if night.log_s is not None]
    mean = math.fsum(logs) / len(logs)
    return math.sqrt(math.fsum((one - mean) ** 2 for one in logs) / (len(logs) - 1)) if len(logs) > 1 else 0.0


def of_case(nights: Nights, case: str) -> list[str]:
    """Every night of a case, beside the median of those that count; a HistoryError where it has none."""
    told: list[str] = []
    for subject in subjects(nights, case):
        found = [night for night in nights.of(subject) if night.log_s is not None]
        if not found:
            continue
        middle = centre(centre_of(nights, subject) or found)
        rows = [("night", "began", "run", "clips/s", "to median", "series", "word")]
        rows += [(str(night.number), night.began, night.run, f"{night.clips_per_s:.3f}",
                  f"{night.clips_per_s * math.exp(middle) - 1:+.1%}", str(night.series), night.word or "not judged") for night in found]
        told += [f"{case} on {subject.unit}: {described(subject.fingerprint)}", *table(rows), ""]
    return told[:-1] or [f"{case} was never timed"]


def described(fingerprint: Fingerprint) -> str:
    """A fingerprint in words: `chip 310P3, driver 24.1.0, ...`."""
    return ", ".join(f"{name} {value}" for name, value in asdict(fingerprint).items() if value not in ("", False))


def subjects(nights: Nights, case: str) -> list[Subject]:
    """The subjects of a case, the one that was measured last at the end.

    Raises:
        HistoryError: the history has no such case.
    """
    found = [subject for subject in nights.subjects if subject.case == case and nights.of(subject)]
    if not found:
        there = sorted({subject.case for subject in nights.subjects})
        named = ", ".join(there[:NAMED]) + (f" and {len(there) - NAMED} more" if len(there) > NAMED else "")
        raise HistoryError(f"the history has no night of {case!r}", where="CASE", remedy=f"it has {named}" if there
                           else "run pytest with --history first")
    return sorted(found, key=lambda subject: nights.of(subject)[-1].number)


def compared(nights: Nights, first: str, second: str) -> list[str]:
    """Two runs, or two dates, case by case; a HistoryError where one of them measured nothing."""
    sides = [_side(nights, name) for name in (first, second)]
    rows = [("case", "chip", f"A: {first}", f"B: {second}", "B to A", "what changed")]
    for key in sorted(set(sides[0]) | set(sides[1])):
        (one, before), (two, now) = (side.get(key, (math.nan, None)) for side in sides)
        rows.append((*key, _rate(one), _rate(two), "-" if math.isnan(one) or math.isnan(two) else f"{two / one - 1:+.1%}",
                     changed(before, now) if before and now else "measured once only"))
    return table(rows)


def _rate(clips_per_s: float) -> str:
    return "-" if math.isnan(clips_per_s) else f"{clips_per_s:.3f}/s"


def _side(nights: Nights, name: str) -> dict[tuple[str, str], tuple[float, Fingerprint]]:
    """Of a run, or of a date in UTC: each case's rate by case and chip, and how it was measured."""
    dated = DATE.fullmatch(name) is not None
    found: dict[tuple[str, str], tuple[float, Fingerprint]] = {}
    runs: dict[str, None] = {}
    for subject, all_nights in nights.timed():
        runs |= dict.fromkeys(night.run for night in all_nights[-NAMED:])
        chosen = [night for night in all_nights if (night.began[:10] if dated else night.run) == name]
        if chosen:
            found[subject.case, subject.unit] = (median(night.clips_per_s for night in chosen), subject.fingerprint)
    if not found:
        raise HistoryError(f"nothing was timed in {name!r}", where="compare A B", remedy="give the name of a folder of artifacts/runs, or "
                           f"a date: {', '.join([*sorted(runs)[-NAMED:], '2026-11-27'])}")
    return found


def export(nights: Nights, path: Path) -> int:
    """Write a line of comma-separated values for every night of every case; how many there are.

    Raises:
        HistoryError: the file is there already, or cannot be written.
    """
    count = 0
    try:
        with path.open("x", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for subject, found in nights.timed():
                for night in found:
                    writer.writerow([subject.case, subject.unit, *asdict(subject.fingerprint).values(), night.number, night.began,
                                     night.run, night.word, night.ratio, f"{night.clips_per_s:.6g}", night.series])
                    count += 1
    except OSError as error:
        raise HistoryError(f"the file cannot be written: {error.strerror}", where=str(path),
                           remedy="name a new file in a folder that is there") from error
    return count
