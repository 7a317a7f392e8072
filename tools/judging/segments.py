"""Final detections, one by one: against the scored proposals that they come from, and against torch's; pure.

Soft-NMS cannot be judged by torch's detections alone. Where two scores nearly tie, rounding decides which is
picked first, and lowers the other and what overlaps it: a right device differs there. So torch's are compared
with a share that may differ. What the device's own scores must give has no such ties, and is held exactly.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from tools.localisation.detections import Detections, Doubles
from tools.localisation.proposals import Proposals, bins
from tools.media.preprocess import Floats
from tools.spec.model import ProposalSpec

TIME_S = 1e-3  # mmaction2's float32 seconds are right to 1e-5; a length 0.05 s off moves what ends behind a fiftieth of it
ROUNDING = 1e-9  # of the best score: float64 in another order of multiplication
BINS = 1000  # more than a video has
Picks: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Video:
    """One video's detections, ours and torch's; ours are made of these *proposals* and PEM's *scores*."""

    name: str
    duration_s: float
    ours: Detections
    theirs: Detections
    proposals: Proposals
    scores: Floats


@dataclass(frozen=True, slots=True)
class Fault:
    """How many detections of a video are wrong, and in which way."""

    count: int
    sentence: str


def faults(video: Video, how: ProposalSpec) -> list[Fault]:
    """What cannot be right of a video's detections, whatever a device rounds."""
    found, due = video.ours, min(how.keep, len(video.proposals))
    picks = _picks(video)
    known = picks[picks >= 0]
    shared_ours, shared_theirs = _shared(video)
    apart = np.abs(found.segments[shared_ours] - video.theirs.segments[shared_theirs]).max(axis=1, initial=0)
    seen = [
        (abs(len(found) - due), f"{len(found)} detections where {due} are due"),
        (int((picks < 0).sum()), "detections at times that no proposal has"),
        (len(known) - len(np.unique(known)), "detections twice"),
        (int((apart > TIME_S).sum()), f"detections more than {1000 * TIME_S:g} ms from torch's times"),
    ]
    if not any(count for count, _ in seen):
        seen = [(_out_of_order(video, picks, how), "detections out of order, or with scores that are not theirs")]
    return [Fault(count, f"{video.name}: {words}") for count, words in seen if count]


def unlike(video: Video, bound: float) -> int:
    """How many detections only one side has, or have scores more than *bound* from torch's.

    Two lists of the same scored segments, each from the best down, can differ in order only by such scores.
    """
    mine, torchs = _shared(video)
    alone = len(video.ours) + len(video.theirs) - 2 * len(mine)
    return alone + int((np.abs(video.ours.scores[mine] - video.theirs.scores[torchs]) > bound).sum())


def _keys(starts: Doubles, ends: Doubles) -> Doubles:
    """One number for each pair of bins, by which segments are told apart."""
    return bins(starts) * BINS + bins(ends)


def _shared(video: Video) -> tuple[Picks, Picks]:
    """The places in both lists of what both sides have, one to one."""
    ours, theirs = (_keys(*(found.segments.T / video.duration_s)) for found in (video.ours, video.theirs))
    _, mine, torchs = np.intersect1d(ours, theirs, return_indices=True)
    return mine, torchs


def _picks(video: Video) -> Picks:
    """The proposal that each detection is, -1 where it is none at these very times."""
    made, segments = video.proposals, video.ours.segments
    place = {key: number for number, key in enumerate(_keys(made.start, made.end).tolist())}
    picks = np.array([place.get(key, -1) for key in _keys(*(segments.T / video.duration_s)).tolist()], np.intp)
    times = np.stack([made.start, made.end], axis=1)[picks] * video.duration_s
    return np.where(np.abs(times - segments).max(axis=1, initial=0) > TIME_S, -1, picks)


def _out_of_order(video: Video, picks: Picks, how: ProposalSpec) -> int:
    """How many picks have another score than soft-NMS gives in this order, or left a better proposal."""
    made = video.proposals
    fused = video.scores.reshape(-1)[: len(made)].astype(np.float64) * made.start_score * made.end_score
    first, last = made.start[picks, None], made.end[picks, None]
    common = np.minimum(last, made.end) - np.maximum(first, made.start)
    overlap = common / ((last - first) - common + made.end - made.start)  # in soft-NMS's order: ties fall its way
    near = overlap > how.low + (how.high - how.low) * (last - first)
    decay = np.where(near, np.exp(overlap**2 / -how.alpha), 1.0)
    left = fused * np.cumprod(np.vstack([np.ones((1, len(made))), decay[:-1]]), axis=0)  # before each turn
    due = left[np.arange(len(picks)), picks]
    taken = left[:, picks]
    taken[np.tri(len(picks), k=-1, dtype=bool)] = -np.inf
    left[:, picks] = taken
    most = ROUNDING * fused.max()
    return int(((np.abs(video.ours.scores - due) > most) | (left.max(axis=1) > due + most)).sum())


def first_sentence(found: Iterable[Fault]) -> str:
    """What the first fault is, to be added to a reason; empty where there is none."""
    return next((f", first {fault.sentence}" for fault in found), "")
