"""Single-iteration times: the loop that takes them, and their statistics."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

MIN_SECONDS = 3.0
MIN_ITERATIONS = 20
FLOOR_ITERATIONS = 3
WARM_UP = 1  # the scoring pass ran the same graph on the same shape just before
HEARTBEAT_S = 5.0
Statistic = Literal["median", "mean"]  # of a series, what a rate is computed from


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of a series in seconds. *variation*: deviation over mean. *short*: not enough was timed.

    *clips_per_s*: the clips of an iteration that count, over its typical time: the median, or the mean if the
    device itself took the times, as in ais_bench's throughput. *statistic* says which of the two.
    """

    iterations: int
    total_s: float
    mean_s: float
    median_s: float
    iqr_s: float
    p95_s: float
    p99_s: float
    variation: float
    clips_per_s: float
    short: bool
    statistic: Statistic = "median"


def time_series(step: Callable[[], object], budget_s: float, beat: Callable[[int], None],
                clock: Callable[[], float] = perf_counter, *, whole: bool = False) -> list[float]:
    """Time *step* one call at a time, after WARM_UP calls that are not kept.

    It stops at MIN_SECONDS and MIN_ITERATIONS, or when *budget_s* is spent, but not before FLOOR_ITERATIONS.
    *whole*: only when it is spent, for a number whose uncertainty more times make smaller.
    Every few seconds, between two calls, *beat* is told how many were made.
    """
    for _ in range(WARM_UP):
        step()
    series: list[float] = []
    total = beaten = 0.0
    collecting = gc.isenabled()
    gc.disable()
    try:
        while not _enough(len(series), total, budget_s, whole=whole):
            start = clock()
            step()
            taken = clock() - start
            series.append(taken)
            total += taken
            if total - beaten > HEARTBEAT_S:
                beaten = total
                beat(len(series))
    finally:
        if collecting:
            gc.enable()
    return series


def _enough(count: int, total_s: float, budget_s: float, *, whole: bool) -> bool:
    return (not whole and count >= MIN_ITERATIONS and total_s >= MIN_SECONDS) or (count >= FLOOR_ITERATIONS and total_s >= budget_s)


def summarise(series: Sequence[float], valid: int, statistic: Statistic = "median") -> Summary:
    """The statistics of a series; in every iteration *valid* clips count."""
    import numpy as np

    times = np.asarray(series)
    q25, median, q75, p95, p99 = (float(value) for value in np.percentile(times, [25, 50, 75, 95, 99]))
    spread = float(times.std(ddof=1) / times.mean()) if len(times) > 1 else 0.0
    mean = float(times.mean())
    clips_per_s = valid / (mean if statistic == "mean" else median)
    return Summary(len(times), float(times.sum()), mean, median, q75 - q25, p95, p99, spread, clips_per_s,
                   short=len(times) < MIN_ITERATIONS or float(times.sum()) < MIN_SECONDS, statistic=statistic)
