"""AR@AN: by hand, in its floating-point corners, and beside mmaction2's on the real annotations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from tools.errors import DataError
from tools.localisation.activitynet import Video, read_ground_truth, read_videos
from tools.localisation.detections import Detections, none_found, read_results
from tools.localisation.recall import THRESHOLDS, Recall, average_recall
from tools.pytorch import bsn_steps
from tools.spec.settings import ROOT

SHARED = ROOT.parent / "shared" / "data" / "activitynet"
Doubles = bsn_steps.Doubles
ONE = np.array([[10.0, 20.0]])


@pytest.fixture(scope="module")
def validation() -> tuple[Video, ...]:
    """The 4,728 validation videos."""
    if not SHARED.is_dir():
        pytest.skip("shared/data/activitynet is not beside this checkout")
    return read_videos(SHARED / "anet_anno_action.json", SHARED / "video_info_new.csv", Path("features"))


def found_of(*segments: tuple[float, float]) -> Detections:
    """Detections in this order, best first."""
    return Detections(np.array(segments, np.float64).reshape(-1, 2), np.linspace(1, 0.5, len(segments)))


def guesses(truth: Doubles, duration_s: float, count: int, rng: np.random.Generator) -> Detections:
    """Segments around the true ones and anywhere, with scores that know a little, in no order."""
    near = truth[rng.integers(0, len(truth), count)] + rng.normal(0, 0.15, (count, 2)) * np.ptp(truth, axis=1).mean()
    anywhere = rng.random((count, 2)) * duration_s
    segments = np.sort(np.clip(np.where(rng.random((count, 1)) < 0.3, near, anywhere), 0, duration_s), axis=1)
    return Detections(segments, rng.permutation(count) / count)


def hit_at(rank: int, count: int = 100) -> Detections:
    """As many detections, of which only the one of this rank, counted from 1, is the segment of ONE."""
    segments = [(30.0, 31.0)] * count
    segments[rank - 1] = (10.0, 20.0)
    return found_of(*segments)


def assert_equal(theirs: tuple[Doubles, Doubles, Doubles, float], ours: Recall) -> None:
    """Recall, its mean, the number of proposals and the area are mmaction2's."""
    assert np.abs(theirs[0] - ours.by_threshold).max() < 1e-9
    assert np.abs(theirs[2] - ours.per_video).max() < 1e-9
    assert theirs[3] == pytest.approx(ours.auc, abs=1e-9)
    assert [theirs[1][k - 1] for k in (1, 5, 10, 100)] == pytest.approx([ours.at(k) for k in (1, 5, 10, 100)], abs=1e-9)


@pytest.mark.parametrize(("seconds", "expected"), [(9.6, 1.0), (9.4, 0.9), (7.9, 0.6), (5.6, 0.2), (5.1, 0.1), (5.0, 0.1),
                                                     (4.9, 0.0), (0.1, 0.0)])
def test_recall_is_the_mean_over_ten_thresholds(seconds: float, expected: float) -> None:
    """Of ten seconds, 5 to 9.5 in steps of a half must be found; each threshold reached counts a tenth."""
    assert expected == pytest.approx(average_recall([np.array([[0.0, 10.0]])], [found_of((0.0, seconds))]).at(100), abs=1e-12)


@pytest.mark.torch
def test_an_overlap_that_equals_a_threshold_counts_as_float32_rounds_it() -> None:
    """As float32, 0.65, 0.7, 0.9 and 0.95 lie below the threshold of that name, the others do not.

    mmaction2 says the same.
    """
    truth = np.array([[0.0, 10.0]])
    reached = []
    for number in range(10):
        found = [found_of((0.0, 5 + number / 2))]
        ours = average_recall([truth], found)
        assert_equal(bsn_steps.recall([truth], found), ours)
        reached.append(bool(ours.hit[0, number]))

    assert [0.65, 0.7, 0.9, 0.95] == [round(threshold, 2) for threshold, hit in zip(THRESHOLDS, reached, strict=True) if not hit]


def test_all_true_segments_of_all_videos_weigh_the_same() -> None:
    """Three segments, two of them found: recall is 2/3, not the mean of the videos' 1/2 and 1."""
    truths = [np.array([[0.0, 5.0], [50.0, 60.0]]), ONE]
    found = average_recall(truths, [found_of((0.0, 5.0)), found_of((10.0, 20.0))])

    assert 2 / 3 == pytest.approx(found.at(100))
    assert [True, False, True] == found.hit.all(axis=1).tolist()
    assert [True, False, True] == found.hit.any(axis=1).tolist()


@pytest.mark.torch
@pytest.mark.parametrize(("rank", "point"), [(1, 1), (2, 2), (10, 10), (27, 27), (28, 28), (29, 30), (30, 30), (56, 56), (57, 58), (58, 59),
                                             (59, 59), (99, 99), (100, 100)])
def test_the_float_error_of_the_points_is_kept(rank: int, point: int) -> None:
    """Where every video has 100 detections, points 29, 57 and 58 count 28, 56 and 57.

    The 29th counts from point 30 on.
    """
    ours = average_recall([ONE, ONE], [hit_at(rank), hit_at(rank)])
    theirs = bsn_steps.recall([ONE, ONE], [hit_at(rank), hit_at(rank)])

    assert point == 1 + int((ours.by_threshold[0] > 0).argmax())
    assert_equal(theirs, ours)


@pytest.mark.torch
@pytest.mark.parametrize("count", [9, 58, 64, 74, 97, 100])
def test_every_point_counts_as_many_as_mmaction2s(count: int) -> None:
    """If every video has this many detections, each rank first counts at mmaction2's point."""
    found = [hit_at(rank, count) for rank in range(1, count + 1)]

    assert_equal(bsn_steps.recall([ONE] * count, found), average_recall([ONE] * count, found))


@pytest.mark.torch
@pytest.mark.parametrize("counts", [(100, 100, 100), (3, 1, 250), (7, 0, 11), (1, 1, 1), (500, 400, 300), (0, 0, 5)])
def test_recall_equals_mmaction2s_on_few_videos(counts: tuple[int, ...]) -> None:
    """Fewer than a hundred a video, more, none at all in one: recall, points and area are mmaction2's."""
    rng = np.random.default_rng(sum(counts))
    truths = [np.sort(rng.random((number, 2)) * 60, axis=1) for number in (1, 4, 2)]
    found = [guesses(truth, 60.0, count, rng) for truth, count in zip(truths, counts, strict=True)]

    assert_equal(bsn_steps.recall(truths, found), average_recall(truths, found))


@pytest.mark.torch
@pytest.mark.parametrize("most", [1, 10, 50])
def test_another_number_of_proposals_is_mmaction2s_too(most: int) -> None:
    """The average number of proposals a video may have is a parameter."""
    rng = np.random.default_rng(most)
    truths = [np.sort(rng.random((3, 2)) * 60, axis=1) for _ in range(5)]
    found = [guesses(truth, 60.0, 80, rng) for truth in truths]

    assert_equal(bsn_steps.recall(truths, found, most), average_recall(truths, found, most=most))


@pytest.mark.torch
@pytest.mark.parametrize(("step", "videos", "segments"), [(12, 394, 604), pytest.param(1, 4728, 7293, marks=pytest.mark.slow)])
def test_recall_equals_mmaction2s_on_validation(validation: tuple[Video, ...], step: int, videos: int, segments: int) -> None:
    """With up to 160 detections a video, every number is mmaction2's: for each twelfth video, and for all."""
    rng = np.random.default_rng(0)
    chosen = validation[::step]
    truths = [video.truth for video in chosen]
    found = [guesses(video.truth, video.duration_s, int(rng.integers(0, 160)), rng) for video in chosen]
    ours = average_recall(truths, found)

    assert (videos, segments) == (len(truths), len(ours.hit))
    assert 0.3 < ours.at(100) < 0.95
    assert_equal(bsn_steps.recall(truths, found), ours)


@pytest.mark.torch
def test_recall_equals_mmaction2s_on_its_own_sample() -> None:
    """On mmaction2's small ground truth and result every number is mmaction2's."""
    if not SHARED.is_dir():
        pytest.skip("shared/data/activitynet is not beside this checkout")
    truths = read_ground_truth(SHARED / "small_gt.json")
    found = read_results(SHARED / "small_result.json", truths)
    arguments = (list(truths.values()), [found[name] for name in truths])

    assert 72.525 == pytest.approx(average_recall(*arguments).auc, abs=1e-9)
    assert_equal(bsn_steps.recall(*arguments), average_recall(*arguments))


@pytest.mark.torch
def test_a_video_without_detections_misses_its_segments() -> None:
    """The segments of a video where nothing was found count as missed, and it counts among the videos."""
    found = average_recall([ONE, ONE], [none_found(), found_of((10.0, 20.0))])

    assert 0.5 == found.at(100)
    assert_equal(bsn_steps.recall([ONE, ONE], [none_found(), found_of((10.0, 20.0))]), found)


def test_finding_nothing_at_all_is_a_recall_of_zero() -> None:
    """Where no video has detections, recall and area are zero, and nothing divides by it."""
    found = average_recall([ONE, ONE], [none_found(), none_found()])

    assert (0.0, 0.0, 0.0) == (found.at(1), found.at(100), found.auc)
    assert not found.hit.any()


def test_an_empty_true_segment_is_never_found() -> None:
    """ActivityNet's true segments of no length count; neither they nor empty detections overlap anything."""
    empty = np.array([[0.0, 0.0], [10.0, 20.0]])
    found = average_recall([empty], [found_of((0.0, 0.0), (10.0, 20.0))])

    assert [False, True] == found.hit.any(axis=1).tolist()
    assert 0.5 == found.at(100)


def test_detections_are_ranked_by_their_scores() -> None:
    """The order of the rows does not matter; of equal scores the earlier row comes first."""
    segments = np.array([[30.0, 31.0], [10.0, 20.0], [40.0, 41.0]])
    firsts = [average_recall([ONE], [Detections(segments, np.array(scores))], most=3).by_threshold[0].argmax() + 1
              for scores in ([0.1, 0.9, 0.2], [0.9, 0.1, 0.2], [0.5, 0.5, 0.1], [0.1, 0.5, 0.5])]

    assert [34, 100, 67, 34] == firsts  # of three detections point 34 counts one, point 67 two, point 100 three


@pytest.mark.parametrize("truths", [[], [np.empty((0, 2))], [np.empty((0, 2)), np.empty((0, 2))]])
def test_nothing_to_be_found_is_named(truths: Sequence[Doubles]) -> None:
    """Without a single true segment there is no recall, but a DataError."""
    with pytest.raises(DataError, match="no annotation") as caught:
        average_recall(truths, [found_of((10.0, 20.0)) for _ in truths])
    assert caught.value.remedy


@pytest.mark.parametrize("step", [lambda: bsn_steps.proposals(np.zeros((3, 4), np.float32)),
                                  lambda: bsn_steps.features(np.zeros((3, 4), np.float32), np.zeros((1, 7))),
                                  lambda: bsn_steps.detections(np.zeros((1, 4)), np.zeros(1)),
                                  lambda: bsn_steps.recall([ONE], [none_found()])],
                         ids=["proposals", "features", "detections", "recall"])
def test_each_of_their_steps_first_imports_mmaction2_without_warnings(monkeypatch: pytest.MonkeyPatch, step: Callable[[], object],
                                                                      ) -> None:
    """Whichever is called first in a process."""
    def asked() -> None:
        raise LookupError("asked for")

    monkeypatch.setattr(bsn_steps, "import_mmaction", asked)
    with pytest.raises(LookupError, match="asked for"):
        step()
