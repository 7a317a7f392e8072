"""BSN's host chain, from TEM's curves to AR@AN, beside mmaction2's own functions on the same arrays.

mmaction2 works on files between its steps; here it gets the arrays, so that no ratio counts its reading.
Its proposals come with their overlaps with the truth, which it computes in tests as in training.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from suites.selftest.curves import curves_of, scores_of
from suites.speed.conftest import Find, Paired, Replay, alternate
from tools.localisation.detections import Detections, Doubles
from tools.localisation.proposals import Proposals, features, propose
from tools.localisation.recall import average_recall
from tools.localisation.soft_nms import detect
from tools.media.preprocess import Floats
from tools.pytorch import bsn_steps

VALIDATION = 4728
SAMPLE = 24
BLOCKS = 5
AT_LEAST = 50
DURATION_S = 64.0  # of peer.INFO
Arrays = list[NDArray[np.floating]]


@dataclass(frozen=True)
class Video:
    """What the two networks said of a video, what is true of it, and our and mmaction2's proposals."""

    curves: Floats
    scores: Floats
    truth: Doubles
    proposals: Proposals
    table: Doubles


def video(number: int, table: Callable[[Floats], Doubles]) -> Video:
    """Curves of three roughnesses, which lead to hundreds and to thousands of proposals.

    There are 1.5 true segments on average.
    """
    rng = np.random.default_rng(number)
    curves = curves_of(number, (0.0, 0.1, 0.4)[number % 3])
    truth = np.sort(rng.random((1 + number % 2, 2)) * DURATION_S, axis=1)
    return Video(curves, scores_of(number, 1000), truth, propose(curves), table(curves))


def our_detections(each: Video, proposals: Proposals) -> Detections:
    return detect(proposals, each.scores, DURATION_S)


def their_detections(each: Video, table: Doubles) -> Detections:
    return bsn_steps.detections(table[:1000], each.scores[:len(table)].astype(np.float64))


def our_chain(videos: Sequence[Video]) -> Arrays:
    """Every step of every video, then recall."""
    seen, found = [], []
    for each in videos:
        proposals = propose(each.curves)
        seen.append(features(each.curves, proposals))
        found.append(our_detections(each, proposals))
    recall = average_recall([each.truth for each in videos], found)
    return [*seen, *(each.segments for each in found), *(each.scores for each in found), recall.by_threshold, np.array(recall.auc)]


def their_chain(videos: Sequence[Video]) -> Arrays:
    """The same steps by mmaction2."""
    seen, found = [], []
    for each in videos:
        table = bsn_steps.proposals(each.curves)
        seen.append(bsn_steps.features(each.curves, table, wide=True))
        found.append(their_detections(each, table))
    recall = bsn_steps.recall([each.truth for each in videos], found)
    return [*seen, *(each.segments for each in found), *(each.scores for each in found), recall[0], np.array(recall[3])]


Side = Callable[[Sequence[Video]], Arrays]
STEPS: dict[str, tuple[Side, Side]] = {
    "proposals": (lambda videos: [propose(each.curves).start for each in videos],
                  lambda videos: [bsn_steps.proposals(each.curves)[:, 0] for each in videos]),
    "features": (lambda videos: [features(each.curves, each.proposals) for each in videos],
                 lambda videos: [bsn_steps.features(each.curves, each.table, wide=True) for each in videos]),
    "soft-NMS": (lambda videos: [our_detections(each, each.proposals).segments for each in videos],
                 lambda videos: [their_detections(each, each.table).segments for each in videos]),
    "whole chain": (our_chain, their_chain),
}
GROUPED = [pytest.param(name, marks=pytest.mark.benchmark(group=f"localisation, {name} of {SAMPLE} videos")) for name in STEPS]


@pytest.fixture(scope="module")
def sample() -> list[Video]:
    return [video(number, bsn_steps.proposals) for number in range(SAMPLE)]


@pytest.fixture(scope="module")
def validation() -> list[Video]:
    """As many videos as ActivityNet's validation subset has; mmaction2's proposals are left out."""
    return [video(number, lambda _: np.empty((0, 7))) for number in range(VALIDATION)]


@pytest.fixture(scope="module")
def paired(request: pytest.FixtureRequest, sample: list[Video]) -> tuple[str, Paired]:
    """Seconds of a step for the whole sample, with equal results."""
    seen: dict[int, Arrays] = {}

    def timed(side: int) -> Callable[[], float]:
        def once() -> float:
            start = time.perf_counter()
            seen[side] = STEPS[request.param][side](sample)
            return time.perf_counter() - start

        return once

    timed_both = alternate(timed(0), timed(1), BLOCKS)
    assert all(np.allclose(ours, theirs, rtol=0, atol=1e-6) for ours, theirs in zip(seen[0], seen[1], strict=True))
    return request.param, timed_both


@pytest.mark.parametrize("paired", GROUPED, indirect=True)
def test_ours(paired: tuple[str, Paired], replay: Replay, find: Find) -> None:
    """Whole arrays at a time."""
    name, seconds = paired
    replay(seconds.ours)
    ours_ms, theirs_ms = (1000 * float(np.median(series)) / SAMPLE for series in (seconds.ours, seconds.theirs))
    find(f"{ours_ms:.3f} ms a video, mmaction2 {theirs_ms:.1f} ms; mmaction2 over ours: {seconds.ratio()}")
    if name == "whole chain":
        assert np.median(np.array(seconds.theirs) / np.array(seconds.ours)) >= AT_LEAST


@pytest.mark.parametrize("paired", GROUPED, indirect=True)
def test_mmaction2(paired: tuple[str, Paired], replay: Replay) -> None:
    """Python loops over bins, proposals and pairs."""
    replay(paired[1].theirs)


@pytest.mark.benchmark(group=f"localisation, whole chain of {VALIDATION} videos")
def test_all_of_validation(validation: list[Video], replay: Replay, find: Find) -> None:
    """Our chain on as many videos as are judged."""
    start = time.perf_counter()
    our_chain(validation)
    replay([time.perf_counter() - start])
    counts = [len(each.proposals) for each in validation]
    find(f"{time.perf_counter() - start:.1f} s for {min(counts)} to {max(counts)} proposals a video, median {np.median(counts):.0f}")


@pytest.fixture(scope="module")
def paired_recall(validation: list[Video]) -> Paired:
    """Seconds of AR@AN over all videos, with equal results."""
    truths = [each.truth for each in validation]
    found = [our_detections(each, each.proposals) for each in validation]
    seen: dict[str, NDArray[np.float64]] = {}

    def ours() -> float:
        start = time.perf_counter()
        seen["ours"] = average_recall(truths, found).by_threshold
        return time.perf_counter() - start

    def theirs() -> float:
        start = time.perf_counter()
        seen["theirs"] = bsn_steps.recall(truths, found)[0]
        return time.perf_counter() - start

    timed = alternate(ours, theirs, 3)
    assert np.allclose(seen["ours"], seen["theirs"], rtol=0, atol=1e-9)
    return timed


@pytest.mark.benchmark(group=f"localisation, AR@AN of {VALIDATION} videos")
def test_recall_ours(paired_recall: Paired, replay: Replay, find: Find) -> None:
    """All true segments at once."""
    replay(paired_recall.ours)
    find(f"mmaction2 over ours: {paired_recall.ratio()}")


@pytest.mark.benchmark(group=f"localisation, AR@AN of {VALIDATION} videos")
def test_recall_mmaction2(paired_recall: Paired, replay: Replay) -> None:
    """A loop over thresholds, videos and points."""
    replay(paired_recall.theirs)
