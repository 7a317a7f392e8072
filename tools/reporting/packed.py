"""What scripts read of a run, made small: columns instead of rows, bins instead of series, compressed."""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise

import numpy as np

from tools.errors import visible
from tools.reporting.charts import WORDS, Json, Spec, history_chart, latency_chart, speed_chart
from tools.reporting.facts import CaseFacts, Latency, NightPoint, Past, Report, Speeds

BINS = 48
NEVER = 0.0


@lru_cache(maxsize=2)  # what draws charts takes a second, and is the same for every page
def packed(text: str) -> str:
    """*text* compressed, in letters that no page has to escape; the same text gives the same letters."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()


def charts_data(report: Report, most_nights: int | None) -> str:
    """What the charts of a page show, as JSON; of each case at most *most_nights* nights."""
    runs = sorted({night.run for case in report.cases if case.past for night in case.past.nights})
    place = {run: index for index, run in enumerate(runs)}
    data: Spec = {
        "specs": {"latency": latency_chart(), "history": history_chart()},
        "speed": [speed_chart(lines) for lines in speed_groups(report.speeds)],
        "latency": {f"{index}.{at}": _bars(latency) for index, case in enumerate(report.cases)
                    for at, latency in enumerate(case.latencies) if latency.series_ms},
        "history": {str(index): _nights(case.past, most_nights, place) for index, case in enumerate(report.cases)
                    if case.past and case.past.nights},
        "runs": [visible(run) for run in runs], "words": list(WORDS)}
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def speed_groups(speeds: Iterable[Speeds]) -> list[list[Speeds]]:
    """The lines of each chart: of one model's one network, in their order, what was measured first."""
    charts: dict[tuple[str, str], list[Speeds]] = {}
    for line in speeds:
        charts.setdefault((line.model, line.network), []).append(line)
    return [sorted(lines, key=lambda line: not line.measured) for lines in charts.values()]


def thinned(past: Past, most: int | None) -> tuple[NightPoint, ...]:
    """About *most* nights: every step's, those that are not good, and this run's; of the others each k-th."""
    if most is None or len(past.nights) <= most:
        return past.nights
    kept = {step.night for step in past.steps} | {night.number for night in past.nights if night.is_this_run}
    kept |= {night.number for night in past.nights if night.word not in ("PASS", "RECORDED")}
    every = math.ceil(len(past.nights) / max(1, most - min(len(kept), most // 2)))
    return tuple(night for index, night in enumerate(past.nights) if index % every == 0 or night.number in kept)


def _bars(latency: Latency) -> Spec:
    """A histogram: where it begins, how wide a bin is, and how many iterations fell into each."""
    low, high = min(latency.series_ms), max(latency.series_ms)
    bins = max(1, min(BINS, 2 * math.isqrt(len(latency.series_ms)) + 1))
    width = (high - low) / bins or max(high * 1e-3, 1e-9)
    place = np.minimum((np.array(latency.series_ms) - low) / width, bins - 1).astype(int)  # the largest lies in the last one
    counts: list[Json] = np.bincount(place, minlength=bins).tolist()
    return {"low": _digits(low), "width": _digits(width), "counts": counts, "warm": [_digits(value) for value in latency.warm_up_ms],
            "median": _digits(float(np.median(latency.series_ms)))}


def _nights(past: Past, most: int | None, place: dict[str, int]) -> Spec:
    """The nights in columns; numbers and minutes as differences, which compress well."""
    nights = [night for night in thinned(past, most) if math.isfinite(night.clips_per_s)]
    minutes = [round(_epoch_s(night.began) / 60) for night in nights]
    return {"night": _differences([night.number for night in nights]), "minute": _differences(minutes),
            "rate": [_digits(night.clips_per_s) for night in nights], "word": [WORDS.index(night.word) for night in nights],
            "run": [place[night.run] for night in nights], "setup": [night.setup for night in nights],
            "now": [index for index, night in enumerate(nights) if night.is_this_run], "setups": [visible(setup) for setup in past.setups],
            "steps": [[step.night, step.mark, visible(step.sentence)] for step in past.steps],
            "centre": None if past.centre is None else _digits(past.centre)}


def _epoch_s(began: str) -> float:
    """Seconds since 1970 of a time in UTC; a text that is no time has none."""
    try:
        when = datetime.fromisoformat(began)
    except ValueError:
        return NEVER
    return when.replace(tzinfo=when.tzinfo or UTC).timestamp()


def _differences(numbers: list[int]) -> list[Json]:
    return [*numbers[:1], *(after - before for before, after in pairwise(numbers))]


def _digits(number: float) -> float:
    return float(f"{number:.4g}")


def shown_nights(cases: Iterable[CaseFacts], most: int | None) -> int:
    """How many nights all charts show together."""
    return sum(len(thinned(case.past, most)) for case in cases if case.past)
