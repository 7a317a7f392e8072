"""Which earlier nights tonight's speed is judged beside: of equal fingerprint, the chip's own first; pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Literal

from tools.judging.confirmed import MOST_CARRIED
from tools.judging.slower import Before
from tools.nights.nights import Nights
from tools.nights.record import Accepted, Fingerprint, Night, Record, Subject

ENOUGH = 8  # nights of a chip before they judge, or before those of its old fingerprint are left
LEAN = 4.0  # nights that the old centre counts for beside the first nights of a new fingerprint
CHIP_PRIOR = 0.03  # how far chips of a kind lie apart where their nights do not tell it, as a standard deviation
PRIOR_CHIPS = 4  # how many chips' worth of evidence that is
OF_A_CHIP = 3  # nights that place a chip among those of its kind
STEADY = ("learning", "fine")  # words of nights that make a centre: a slow night never does by itself
GRANTED = (*STEADY, "suspect", "slow", "bad day", "trend")  # of nights that a person has accepted
Whose = Literal["own", "kind", "none"]


@dataclass(frozen=True, slots=True)
class Old:
    """The centre of a subject's nights before its fingerprint changed.

    log_s: of the seconds a clip. weight: as how many nights it counts. nights: how many made it.
    changed: what is another now, in words.
    """

    log_s: float
    weight: float
    nights: int
    changed: str


@dataclass(frozen=True, slots=True)
class Comparable:
    """What tonight is judged beside.

    nights: those that make the centre, the oldest first; before: the same as the test takes them.
    whose: whether they are this chip's own or those of others of its kind, brought to one level.
    apart: how far this chip may lie from that level, as a standard deviation; 0 for its own nights.
    old: the centre under the fingerprint before; None where there is none or it counts no longer.
    course: all nights of this chip that tell its speed, slow ones too, since its first or what was accepted.
    bad_days: how many of its last nights in a row were bad days, suspect ones left out. doubtful: how many of
    its last nights in a row were in grave doubt. last: its last night of all.
    """

    nights: tuple[Night, ...]
    before: Before
    whose: Whose
    apart: float
    old: Old | None
    course: tuple[Night, ...]
    bad_days: int
    doubtful: int
    last: Night | None
    accepted: Accepted | None

    @property
    def judges(self) -> bool:
        """Whether these are enough to judge by; else tonight is for learning."""
        return len(self.nights) >= ENOUGH or self.old is not None


def before(nights: Nights, tonight: Record | Subject) -> Comparable:
    """What *tonight* is judged beside; what its own run has left in the history is no part of it.

    The chip's own nights of equal fingerprint count; while they are fewer than ENOUGH, the centre of its old
    fingerprint beside them, or else those of other chips of the kind.
    """
    subject = tonight if isinstance(tonight, Subject) else tonight.subject
    accepted = newest(nights, subject)
    timed = tuple(night for night in _counted(nights, subject) if not isinstance(tonight, Record) or night.run != tonight.run)
    course = tuple(night for night in timed if not accepted or night.number >= accepted.since)
    own = steady(course, accepted)
    bad_days = in_a_row(timed, lambda night: night.word == "bad day", lambda night: night.word not in ("bad day", "suspect"))
    doubtful = in_a_row(course, lambda night: True, lambda night: night.word != "suspect" or not is_grave(night.ratio))
    last = timed[-1] if timed else None
    carried = last.ratio if last and last.word == "suspect" and last in course else 0.0
    course = tuple(night for night in course if night.word in GRANTED and night.word != "bad day")
    old = None if len(own) >= ENOUGH or accepted else _old(nights, subject)
    if len(own) < ENOUGH and old is None and not accepted:
        kind, apart = of_kind(nights, subject)
        if len(kind) >= ENOUGH:
            return Comparable(kind, _before(kind, carried), "kind", apart, None, course, bad_days, doubtful, last, accepted)
    return Comparable(own, _before(own, carried), "own" if own else "none", 0.0, old, course, bad_days, doubtful, last, accepted)


def _before(nights: Sequence[Night], carried: float = 0.0) -> Before:
    timed = [(night.log_s, night.series, night.apart, night.run) for night in nights if night.log_s is not None]
    log_s, series, squares, runs = zip(*timed, strict=True) if timed else ((), (), (), ())
    return Before(log_s, series, squares, runs, carried)


def _counted(nights: Nights, subject: Subject) -> tuple[Night, ...]:
    return tuple(night for night in nights.of(subject) if night.log_s is not None)


def newest(nights: Nights, subject: Subject) -> Accepted | None:
    """What a person has accepted last of a subject."""
    return next((one for one in reversed(nights.accepted) if one.subject == subject), None)


def steady(nights: Sequence[Night], accepted: Accepted | None) -> tuple[Night, ...]:
    """Those of a subject's nights that make its centre."""
    return tuple(night for night in nights if night.log_s is not None and (
        _is_steady(night) if not accepted else
        night.number >= accepted.since and (_is_steady(night) or (night.number <= accepted.at and night.word in GRANTED))))


def _is_steady(night: Night) -> bool:
    """A suspect night is one too: without those that began slow by chance the centre would be too fast.

    But not if it was so slow that nothing but more series kept it from being called that.
    """
    return night.word in STEADY or (night.word == "suspect" and not is_grave(night.ratio))


def is_grave(carried: float) -> bool:
    """Whether a suspect night that leaves this evidence was more than a slight doubt.

    It leaves most of what may be carried, or nothing because the whole machine seemed slower.
    """
    return carried == 0.0 or carried >= MOST_CARRIED - 1e-6  # a line has nine digits


def in_a_row(nights: Sequence[Night], counts: Callable[[Night], bool], ends: Callable[[Night], bool]) -> int:
    """How many of the last nights count, back to one that ends the row."""
    found = 0
    for night in reversed(nights):
        if ends(night):
            break
        found += counts(night)
    return found


def _old(nights: Nights, subject: Subject) -> Old | None:
    """The centre under the fingerprint that this chip's case had last before, if it had enough nights."""
    others = [(found[-1].number, other, found) for other in nights.subjects
              if (other.cell, other.unit) == (subject.cell, subject.unit) and other != subject
              and other.fingerprint.chip == subject.fingerprint.chip and len(found := centre_of(nights, other)) >= ENOUGH]
    if not others:
        return None
    _, other, found = max(others, key=lambda one: one[0])
    return Old(centre(found), LEAN, len(found), changed(other.fingerprint, subject.fingerprint))


def centre_of(nights: Nights, subject: Subject) -> tuple[Night, ...]:
    """The nights that make a subject's centre."""
    return steady(_counted(nights, subject), newest(nights, subject))


def centre(nights: Sequence[Night]) -> float:
    return median(night.log_s for night in nights if night.log_s is not None)


def changed(before: Fingerprint, now: Fingerprint) -> str:
    """What is another now, in words: `driver 24.1.0 -> 25.0.1, graph 1f2e3d -> 4c5b6a`."""
    old, new = asdict(before), asdict(now)
    return ", ".join(f"{name} {_shown(name, old[name])} -> {_shown(name, new[name])}" for name in old if old[name] != new[name])


def _shown(name: str, value: object) -> str:
    return (str(value)[:12] if name == "graph" else str(value)) or "none"


def of_kind(nights: Nights, subject: Subject) -> tuple[tuple[Night, ...], float]:
    """Nights of other chips of the kind, brought to one level; how far this chip may lie from it.

    The level is the median of the chips' own. How far chips lie apart is estimated from those with OF_A_CHIP
    nights at least, together with CHIP_PRIOR, which counts as PRIOR_CHIPS chips.
    """
    others = [found for other in nights.subjects if other.cell == subject.cell and other.fingerprint == subject.fingerprint
              and other.unit != subject.unit and (found := centre_of(nights, other))]
    levels = [centre(found) for found in others]
    if not levels:
        return (), 0.0
    level = median(levels)
    moved = [replace(night, log_s=night.log_s - own + level) for own, found in zip(levels, others, strict=True) for night in found
             if night.log_s is not None]
    known = [own for own, found in zip(levels, others, strict=True) if len(found) >= OF_A_CHIP]
    apart = math.sqrt((PRIOR_CHIPS * CHIP_PRIOR**2 + _squares(known)) / (PRIOR_CHIPS + max(len(known) - 1, 0)))
    return tuple(sorted(moved, key=lambda night: (night.number, night.began))), apart * math.sqrt(1 + 1 / len(levels))


def _squares(values: Sequence[float]) -> float:
    mean = math.fsum(values) / len(values) if values else 0.0
    return math.fsum((value - mean) ** 2 for value in values)


def nights_of_chip(nights: Nights, fingerprint: Fingerprint) -> list[Before]:
    """The nights of every subject on chips of that kind with that software: what its noise is told by."""
    return [_before(found) for subject in _alike(nights, fingerprint) if (found := centre_of(nights, subject))]


def _alike(nights: Nights, fingerprint: Fingerprint) -> Iterator[Subject]:
    def software(one: Fingerprint) -> tuple[str, str, str, str, int]:
        return one.chip, one.driver, one.toolkit, one.runtime, one.protocol

    return (subject for subject in nights.subjects if software(subject.fingerprint) == software(fingerprint))
