"""What tonight's speed is judged beside: nights before or a centre from elsewhere, and the noise; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tools.judging.likelihood import Nights as Series
from tools.judging.likelihood import Noise
from tools.judging.slower import LEARNING, Before, Lean, lean_on
from tools.judging.spread import noise_of_cases
from tools.judging.trend import Trend, trend
from tools.nights import comparable
from tools.nights.comparable import Comparable
from tools.nights.nights import Nights
from tools.nights.record import Night, Record, Subject

LONGEST = 20  # nights that a case may be learning


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a case is judged beside tonight.

    nights: how many of this chip there are, whatever was said of them and however often it changed.
    changed: what is another than on those that judge, in words; empty where nothing is.
    """

    subject: Subject
    beside: Comparable
    before: Before
    noise: Noise
    nights: int
    changed: str = ""

    @property
    def learning(self) -> str:
        """Of the first nights, how many there are with tonight; empty once it has taken too long."""
        return f"{len(self.beside.nights) + 1} of {LEARNING}" if self.nights < LONGEST else ""

    def creep(self, logs: Sequence[float]) -> Trend | None:
        """How the case has become slower night by night, with tonight's series *logs* as the last night."""
        return creep(self.beside.course, self.noise, logs)


def creep(nights: Sequence[Night], noise: Noise, logs: Sequence[float] = ()) -> Trend | None:
    """How a case has become slower over these nights; *logs*: the series of one more, as the last."""
    course = [night for night in nights if night.log_s is not None]
    mean = math.fsum(logs) / len(logs) if logs else 0.0
    last = [(mean, len(logs), math.fsum((one - mean) ** 2 for one in logs))] if logs else []
    table = [*((night.log_s, night.series, night.apart) for night in course), *last]
    return trend(Series(*(np.array(row, float) for row in zip(*table, strict=True))), noise) if table else None


def baseline(nights: Nights, tonight: Record) -> Baseline:
    """What *tonight* is judged beside: the nights of its own chip, else a centre from elsewhere."""
    beside = comparable.before(nights, tonight)
    same = [one for one in nights.subjects if (one.case, one.unit) == (tonight.case, tonight.unit)]
    noise = noise_of_cases(comparable.nights_of_chip(nights, tonight.fingerprint))
    count, seen = len(beside.nights), sum(len(nights.of(one)) for one in same)
    if beside.old:
        lean: Lean | None = Lean(beside.old.log_s, math.hypot(noise.between, noise.within) / math.sqrt(beside.old.weight))
        told = replace(beside.before, lean=lean, against=f"the centre of {beside.old.nights} nights before the change")
        return Baseline(tonight.subject, beside, told, noise, seen, beside.old.changed)
    if beside.accepted and 0 < count < LEARNING:
        lean = Lean(comparable.centre(beside.nights), math.hypot(noise.between, noise.within) / math.sqrt(count))
        told = replace(beside.before, lean=lean, against=f"the centre of {count} nights since what was accepted")
        return Baseline(tonight.subject, beside, told, noise, seen)
    if beside.whose == "kind":
        lean = lean_on(beside.before, noise, beside.apart)
        told = Before((), (), (), (), beside.before.carried, lean, f"the centre of {count} nights of other chips of its kind")
        return Baseline(tonight.subject, beside, told, noise, seen)
    return Baseline(tonight.subject, beside, beside.before, noise, seen)
