"""The interval of a difference of recall: what videos tell, and what a row says of it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from tools.judging.interval import Interval
from tools.judging.localiser import paired_recall
from tools.judging.resampled import recall_difference
from tools.judging.verdict import Verdict
from tools.localisation.recall import THRESHOLDS, Recall

SEGMENTS = [2, 0, 1, 3] * 25  # of each of a hundred videos


def recall(hit: NDArray[np.bool_]) -> Recall:
    """One that found these segments; its curve is not looked at."""
    return Recall(np.zeros((len(THRESHOLDS), 100)), np.zeros(100), 0.0, hit)


def hits(seed: int, share: float, segments: int = sum(SEGMENTS)) -> NDArray[np.bool_]:
    return np.random.default_rng(seed).random((segments, len(THRESHOLDS))) < share


def test_equal_answers_differ_by_nothing_in_any_draw() -> None:
    assert Interval(0.0, 0.0, 0.0) == recall_difference(recall(hits(1, 0.7)), recall(hits(1, 0.7)), SEGMENTS)


def test_the_difference_is_that_of_the_shares_that_are_found() -> None:
    """With an interval around it, the same every time."""
    ours, theirs = hits(1, 0.6), hits(2, 0.7)
    found = recall_difference(recall(ours), recall(theirs), SEGMENTS)

    assert pytest.approx(ours.mean() - theirs.mean()) == found.measured
    assert -0.2 < found.low < found.measured < found.high < 0
    assert found == recall_difference(recall(ours), recall(theirs), SEGMENTS)


def test_a_videos_segments_are_drawn_together() -> None:
    """Where whole videos are lost the interval is that of videos, and wider than that of as many segments."""
    segments = [10] * 40
    theirs, together, apart = (np.ones((400, len(THRESHOLDS)), bool) for _ in range(3))
    together[:80] = False  # all of eight videos
    apart[np.arange(400) % 5 == 0] = False  # two of each video
    wide, narrow = (recall_difference(recall(lost), recall(theirs), segments) for lost in (together, apart))

    assert wide.measured == pytest.approx(-0.2) == narrow.measured
    assert narrow.high - narrow.low == pytest.approx(0, abs=1e-9)
    deviation = np.sqrt(0.2 * 0.8 / 40)
    assert 1.7 * 2 * deviation < wide.high - wide.low < 2.2 * 2 * deviation


def test_the_interval_holds_the_true_difference() -> None:
    """In about 95 % of made lists of videos whose recall is lower by a tenth."""
    held = 0
    for seed in range(60):
        theirs = hits(seed, 0.7, 100)
        ours = theirs & (np.random.default_rng(seed + 1000).random(theirs.shape) < 1 - 0.1 / 0.7)
        found = recall_difference(recall(ours), recall(theirs), [1, 3, 2, 2, 2] * 10)
        held += found.low <= -0.1 <= found.high

    assert 50 <= held < 60


def test_all_of_activitynet_is_quick() -> None:
    segments = [1, 2, 1] * 1576
    ours, theirs = (recall(hits(seed, 0.7, sum(segments))) for seed in (1, 2))
    started = time.process_time()
    recall_difference(ours, theirs, segments)

    assert time.process_time() - started < 3


@pytest.mark.parametrize(("apart", "spread", "verdict", "words"), [
    (-0.005, Interval(-0.009, -0.005, -0.001), Verdict.PASS, "that is lower, by more than these videos leave to chance"),
    (-0.005, Interval(-0.011, -0.005, 0.0), Verdict.PASS, "it lies from -0.0110 to +0.0000 (95 %)"),
    (-0.011, Interval(-0.02, -0.011, 0.01), Verdict.FAIL, "it lies from -0.0200 to +0.0100 (95 %)"),
    (-0.009, Interval(-0.02, -0.015, -0.0101), Verdict.FAIL, "that is lower"),
    (0.009, Interval(0.0101, 0.015, 0.02), Verdict.FAIL, "from +0.0101 to +0.0200"),
    (0.009, Interval(0.001, 0.009, 0.02), Verdict.PASS, "from +0.0010"),
])
def test_a_difference_fails_if_it_or_all_of_its_interval_is_beyond_the_limit(apart: float, spread: Interval, verdict: Verdict,
                                                                            words: str) -> None:
    """A loss that the limit allows, and chance does not, is told; AR@1 has no interval."""
    at_1, at_100 = paired_recall({"AR@1": 0.5, "AR@100": 0.75 + apart}, {"AR@1": 0.5, "AR@100": 0.75}, 0.01, spread)

    assert (verdict, Verdict.PASS) == (at_100.verdict, at_1.verdict)
    assert words in at_100.reason
    assert ("that is lower" in at_100.reason) is (spread.high < 0)
    assert "95 %" not in at_1.reason
