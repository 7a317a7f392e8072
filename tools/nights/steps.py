"""Where a case's speed has moved for good, and what a person accepts; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from tools.errors import HistoryError
from tools.nights.comparable import centre, centre_of, changed, newest
from tools.nights.nights import Nights
from tools.nights.record import Accepted, Night, Subject
from tools.nights.views import subjects

DOUBTED = ("slow", "suspect", "bad day", "trend")
Shifts = Callable[[Sequence[float]], Sequence[int]]  # logarithms of a clip's seconds night by night -> where another level begins


@dataclass(frozen=True, slots=True)
class Step:
    """That a case has another level from a night on. share: of clips a second, +0.05 is faster by 5 %."""

    case: str
    unit: str
    kind: Literal["accepted", "changed", "shift"]
    night: Night
    share: float
    what: str

    @property
    def sentence(self) -> str:
        return f"{self.case} on {self.unit}: {self.share:+.1%} from {self.night.began[:10]} on (run {self.night.run}): {self.what}"


def steps(nights: Nights, shifts: Shifts | None = None) -> list[Step]:
    """All steps, the oldest first: accepted ones, other fingerprints, and what *shifts* finds in between."""
    found: list[Step] = []
    before: dict[tuple[str, str], Subject] = {}
    for subject, timed in sorted(nights.timed(), key=lambda one: one[1][0].number):
        earlier = before.get((subject.case, subject.unit))
        before[subject.case, subject.unit] = subject
        if earlier and (old := centre_of(nights, earlier)):
            found.append(_step(subject, "changed", timed[0], centre(old), centre(centre_of(nights, subject) or timed),
                               changed(earlier.fingerprint, subject.fingerprint)))
        found += [_accepted(one, timed) for one in nights.accepted if one.subject == subject and timed[-1].number >= one.since]
        found += _shifts(subject, timed, shifts)
    return sorted(found, key=lambda step: step.night.number)


def _step(subject: Subject, kind: Literal["accepted", "changed", "shift"], night: Night, old: float, new: float, what: str) -> Step:
    return Step(subject.case, subject.unit, kind, night, math.expm1(old - new), what)


def _accepted(one: Accepted, timed: Sequence[Night]) -> Step:
    earlier, later = ([night for night in timed if (night.number >= one.since) is after] for after in (False, True))
    new = centre([night for night in later if night.number <= one.at] or later)
    return _step(one.subject, "accepted", later[0], centre(earlier) if earlier else new, new,
                 f"accepted by {one.by} on {one.when[:10]}: {one.why}")


def _shifts(subject: Subject, timed: Sequence[Night], shifts: Shifts | None) -> list[Step]:
    begins = list(shifts([night.log_s for night in timed if night.log_s is not None])) if shifts else []
    edges = [0, *begins, len(timed)]
    return [_step(subject, "shift", timed[at], centre(timed[edges[number]:at]), centre(timed[at:edges[number + 2]]),
                  "nobody has accepted it") for number, at in enumerate(begins)]


def acceptable(nights: Nights, case: str, by: str, why: str, when: str) -> list[Accepted]:
    """What a person accepts of a case: from the first of its last nights that were not found fine.

    Of each chip that ran it, what it was measured with last. A chip whose last night was fine has nothing.

    Raises:
        HistoryError: the history has no such case.
    """
    last = {subject.unit: subject for subject in subjects(nights, case)}
    found = []
    for subject in last.values():
        judged = [night for night in nights.of(subject) if night.log_s is not None and night.word]
        accepted = newest(nights, subject)
        doubted: list[Night] = []
        for night in reversed(judged):
            if night.word not in DOUBTED or (accepted and night.number <= accepted.at):
                break
            doubted.insert(0, night)
        if doubted:
            found.append(Accepted(case, subject.unit, subject.fingerprint, doubted[0].number, doubted[-1].number, doubted[0].run, by, why,
                                  when))
    return found


def accepted_all(nights: Nights, case: str, by: str, why: str, when: str) -> list[Accepted]:
    """The same of a case, or of `all`.

    Raises:
        HistoryError: nothing is to be accepted.
    """
    named = sorted({subject.case for subject in nights.subjects}) if case == "all" else [case]
    found = [one for name in named for one in acceptable(nights, name, by, why, when)]
    if not found:
        raise HistoryError(f"nothing is to be accepted of {case}: its last night was found fine, or nobody judged it", where="accept",
                           remedy="python -m tools.history show tells what was said of each night")
    return found
