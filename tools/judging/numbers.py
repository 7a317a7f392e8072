"""What a judgement says in numbers, for programs; its texts are for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.measuring.timing import Statistic, Summary

Unit = Literal["share", "cosine", "ratio", "clips", "inputs", "proposals", "detections", "clips_per_s", "ms"]
Limit = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Timing:
    """The times of one network's iterations; *clips_per_s* is one chip's, by that *statistic* of them."""

    statistic: Statistic
    clips_per_s: float
    iterations: int
    timed_s: float
    median_ms: float
    mean_ms: float
    iqr_ms: float
    p95_ms: float
    p99_ms: float
    spread_share: float

    @classmethod
    def of(cls, summary: Summary) -> Timing:
        return cls(summary.statistic, summary.clips_per_s, summary.iterations, summary.total_s, 1000 * summary.median_s,
                   1000 * summary.mean_s, 1000 * summary.iqr_s, 1000 * summary.p95_s, 1000 * summary.p99_s, summary.variation)


@dataclass(frozen=True, slots=True)
class Pairs:
    """How the measured number and its reference lie apart, that are of the same *clips*, or videos.

    low, high: where the measured one less the reference lies with 95 % confidence; None where nobody knows.
    lost, won: clips that the reference alone, or the device alone has right; None where none are counted.
    """

    clips: int
    low: float | None = None
    high: float | None = None
    lost: int | None = None
    won: int | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """A judged number, in *unit*, and the number that it is held against, if there is one.

    statistic: of which times a rate is; empty for what is no rate. timing: those times, of a single network.
    limit: on which side of *reference* the number must be; empty where that is no limit.
    pairs: how both lie apart, where the reference was measured on the same clips.
    """

    unit: Unit
    measured: float
    reference: float | None = None
    statistic: Statistic | Literal[""] = ""
    timing: Timing | None = None
    limit: Limit | Literal[""] = ""
    pairs: Pairs | None = None
