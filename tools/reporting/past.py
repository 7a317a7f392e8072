"""The nights of a case: its speeds, how it was measured then, where its level moved, whether it creeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import on_one_line
from tools.judging.likelihood import Noise
from tools.judging.spread import noise_of_cases
from tools.judging.trend import ANCHOR, LEAST
from tools.nights import comparable, record, steps, views
from tools.nights.baseline import creep
from tools.nights.history import History
from tools.nights.nights import Nights
from tools.nights.record import Fingerprint, Night, Subject
from tools.reporting.facts import NightPoint, Past, Step, Word
from tools.reporting.lacking import Lacking, add, told

WORDS: Mapping[record.Word, Word] = {  # what a night found of a speed, as reports name it
    "": "RECORDED", "learning": "RECORDED", "fine": "PASS", "suspect": "SUSPECT", "slow": "FAIL", "bad day": "NO VERDICT", "trend": "FAIL"}


@dataclass(frozen=True, slots=True)
class Pasts:
    """A history as pages show it, read once. run: of which the pages are."""

    nights: Nights | None = None
    run: str = ""
    steps: Mapping[tuple[str, str], list[Step]] = field(default_factory=dict)
    _noises: dict[tuple[str, ...], Noise] = field(default_factory=dict)

    def of(self, case: str, lacking: Lacking) -> Past | None:
        """The nights of a case on the chip that this run measured it on; None where there are none."""
        nights = self.nights
        if nights is None:
            return None
        subjects = [one for one in nights.subjects if one.case == case and _timed(nights, one)]
        here = [one for one in subjects if any(night.run == self.run for night in nights.of(one))]
        if not here:
            if subjects:
                add(lacking, f"{case}: the history has nights of it but none of this run, so its past is not shown; it was not timed, "
                             "or the history is another one")
            return None
        own = sorted((one for one in subjects if one.unit == here[-1].unit), key=lambda one: _timed(nights, one)[0].number)
        points = [_point(night, setup, self.run) for setup, subject in enumerate(own) for night in _timed(nights, subject)]
        made = comparable.centre_of(nights, here[-1])
        return Past(tuple(sorted(points, key=lambda point: (point.number, point.began))),
                    tuple(on_one_line(views.described(subject.fingerprint)) for subject in own),
                    math.exp(-comparable.centre(made)) if made else None, self._drift(here[-1]),
                    tuple(self.steps.get((case, here[-1].unit), [])))

    def _drift(self, subject: Subject) -> str:
        """How a case creeps, in words; empty where it does not, or nobody can tell yet."""
        assert self.nights is not None
        course = comparable.before(self.nights, subject).course
        found = creep(course, self._noise(subject.fingerprint)) if len(course) >= ANCHOR + LEAST else None
        if found is None:
            return ""
        since = f" since {course[found.began].began[:10]}" if found.began < len(course) else ""
        return f"slower night by night{since}: {math.expm1(found.risen):+.1%} time a clip by now"

    def _noise(self, fingerprint: Fingerprint) -> Noise:
        """The noise of all cases on chips of a kind with one software, which is told once for all of them."""
        assert self.nights is not None
        key = (fingerprint.chip, fingerprint.driver, fingerprint.toolkit, fingerprint.runtime, str(fingerprint.protocol))
        if key not in self._noises:
            self._noises[key] = noise_of_cases(comparable.nights_of_chip(self.nights, fingerprint))
        return self._noises[key]


def pasts(folder: Path | None, run: str, lacking: Lacking) -> Pasts:
    """The history in *folder*; nothing where there is none or it cannot be read, which is said."""
    if folder is None:
        return Pasts()
    with told(lacking, "the nights before are missing"):
        nights = History.open(folder).nights()
        for words in nights.skipped.words:
            add(lacking, f"history: {words}")
        found: dict[tuple[str, str], list[Step]] = {}
        for step in steps.steps(nights):
            found.setdefault((step.case, step.unit), []).append(Step(step.night.number, step.kind, on_one_line(step.sentence)))
        return Pasts(nights, run, found)
    return Pasts()


def _timed(nights: Nights, subject: Subject) -> list[Night]:
    return [night for night in nights.of(subject) if night.log_s is not None]


def _point(night: Night, setup: int, run: str) -> NightPoint:
    return NightPoint(night.number, night.began, night.clips_per_s, WORDS[night.word], on_one_line(night.run), setup,
                      is_this_run=night.run == run)
