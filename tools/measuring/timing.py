"""Single-iteration times: the loop that takes them, and their statistics."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

from tools.measuring.steady import drift, settling

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
    drift: by which share calls became slower from the first to the last, where chance does not explain it.
    spent_s: by our clock, with the calls that were cut as warm-up; 0 where nobody says.
    half_width: of the 95 % interval of the typical time, as a share of it; None where too few calls tell it,
    or nobody has looked.
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
    drift: float = 0.0
    spent_s: float = 0.0
    half_width: float | None = None


def time_series(step: Callable[[], object], budget_s: float, beat: Callable[[int], None],
                clock: Callable[[], float] = perf_counter, *, whole: bool = False) -> list[float]:
    """Time *step* one call at a time, after WARM_UP calls that are not kept.

    It stops at MIN_SECONDS and MIN_ITERATIONS, or when *budget_s* is spent, but not before FLOOR_ITERATIONS.
    The calls before it settles (`settling`) are in what comes back, and do not count among those wanted.
    *whole*: only when it is spent, for a number whose uncertainty more times make smaller.
    Every few seconds, between two calls, *beat* is told how many were made.
    """
    for _ in range(WARM_UP):
        step()
    series: list[float] = []
    total = beaten = 0.0
    wanted = _Wanted(budget_s, whole=whole)
    collecting = gc.isenabled()
    gc.disable()
    try:
        while not wanted.are_there(series, total):
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


class _Wanted:
    """The times that a series needs; it looks for warm-up only where the others would be enough without."""

    def __init__(self, budget_s: float, *, whole: bool) -> None:
        self._budget_s, self._whole = budget_s, whole
        self._warm_up, self._warm_up_s = 0, 0.0

    def are_there(self, series: list[float], total_s: float) -> bool:
        if len(series) >= FLOOR_ITERATIONS and total_s >= self._budget_s:
            return True
        if self._whole or not self._enough(len(series), total_s):
            return False
        self._warm_up = settling(series)
        self._warm_up_s = sum(series[: self._warm_up])
        return self._enough(len(series), total_s)

    def _enough(self, count: int, total_s: float) -> bool:
        return count - self._warm_up >= MIN_ITERATIONS and total_s - self._warm_up_s >= MIN_SECONDS


def summarise(series: Sequence[float], valid: int, statistic: Statistic = "median") -> Summary:
    """The statistics of a series; in every iteration *valid* clips count."""
    import numpy as np

    times = np.asarray(series)
    q25, median, q75, p95, p99 = (float(value) for value in np.percentile(times, [25, 50, 75, 95, 99]))
    spread = float(times.std(ddof=1) / times.mean()) if len(times) > 1 else 0.0
    mean = float(times.mean())
    clips_per_s = valid / (mean if statistic == "mean" else median)
    return Summary(len(times), float(times.sum()), mean, median, q75 - q25, p95, p99, spread, clips_per_s,
                   short=len(times) < MIN_ITERATIONS or float(times.sum()) < MIN_SECONDS, statistic=statistic, drift=drift(series))
