"""Numbers from scores, against values worked out by hand and mmaction2's own."""

from __future__ import annotations

import numpy as np
import pytest

from tools.measuring.metrics import Hits, Labels, distance, first_not_finite, hits, ties
from tools.media.preprocess import Floats


def floats(*rows: list[float]) -> Floats:
    return np.array(rows, np.float32)


def softmax(logits: Floats) -> Floats:
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def confident(clips: int, classes: int) -> Floats:
    """Logits whose best class stands well above the others."""
    rng = np.random.default_rng(6)
    rows = rng.standard_normal((clips, classes)).astype(np.float32)
    rows[np.arange(clips), rng.integers(0, classes, clips)] += 8
    return rows


def hit(row: list[float], label: int, k: int) -> bool:
    return bool(hits(floats(row), np.array([label], np.int64), k)[0])


@pytest.mark.parametrize(("row", "label", "first_k"), [
    ([0.5, 0.3, 0.2], 0, 1), ([0.5, 0.3, 0.2], 1, 2), ([0.5, 0.3, 0.2], 2, 3),
    ([-3.0, -1.0, -2.0], 0, 3), ([-3.0, -1.0, -2.0], 1, 1),
    ([0.4, 0.4, 0.2], 0, 2), ([0.4, 0.4, 0.2], 1, 2), ([0.4, 0.4, 0.2], 2, 3),  # a tie at the top: neither is the best
    ([0.4, 0.3, 0.3], 0, 1), ([0.4, 0.3, 0.3], 1, 3), ([0.4, 0.3, 0.3], 2, 3),
    ([0.2, 0.2, 0.2], 0, 3), ([0.2, 0.2, 0.2], 2, 3),
])
def test_a_label_is_a_hit_from_its_rank_on(row: list[float], label: int, first_k: int) -> None:
    """A label counts from the rank it is sure of; a tie across rank k counts against the clip."""
    assert [k >= first_k for k in (1, 2, 3)] == [hit(row, label, k) for k in (1, 2, 3)]


def test_each_row_is_compared_with_its_own_label() -> None:
    """Hits are per clip, in the order of the rows."""
    scores = floats([3, 2, 1], [3, 2, 1], [1, 2, 3], [1, 3, 2])

    assert [True, False, False, True] == hits(scores, np.array([0, 1, 0, 1], np.int64), 1).tolist()
    assert [True, True, False, True] == hits(scores, np.array([0, 1, 0, 1], np.int64), 2).tolist()


def mmaction2_hits(scores: Floats, labels: Labels, k: int) -> Hits:
    """Row by row, what mmaction2's top-k accuracy counts."""
    from tools.pytorch.networks import import_mmaction

    import_mmaction()
    from mmaction.evaluation import top_k_accuracy

    return np.array([top_k_accuracy([row], [label], topk=(k,))[0] for row, label in zip(scores, labels.tolist(), strict=True)], np.bool_)


def crossed(scores: Floats, k: int) -> Hits:
    """Whether two equal scores of a row, whosever, stand on both sides of rank k."""
    ordered = -np.sort(-scores, axis=1)
    return np.asarray(ordered[:, k - 1] == ordered[:, k], np.bool_)


@pytest.mark.torch
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("kind", ["softmax", "coarse"])
def test_hits_agree_with_mmaction2(kind: str, k: int) -> None:
    """On 10,000 rows each hit is mmaction2's wherever no tie crosses rank k.

    Where one does, it is within what ties leave open.
    """
    rng = np.random.default_rng(11)
    logits = rng.normal(0, 2, (10_000, 101)).astype(np.float32)
    scores = softmax(logits) if kind == "softmax" else np.round(logits * 4) / np.float32(4)
    labels = np.where(rng.random(10_000) < 0.5, np.argsort(-scores, axis=1)[:, k - 1], rng.integers(0, 101, 10_000))
    ours, tied, theirs, across = hits(scores, labels, k), ties(scores, labels, k), mmaction2_hits(scores, labels, k), crossed(scores, k)

    assert np.array_equal(ours[~across], theirs[~across])
    assert not tied[~across].any()
    assert (ours <= theirs).all()
    assert (theirs <= (ours | tied)).all()
    assert (kind == "coarse") == bool(tied.any()) == bool((theirs & ~ours).any())
    assert 0.1 < ours.mean() < 0.9


@pytest.mark.parametrize(("row", "label", "tied_at"), [
    ([0.5, 0.3, 0.2], 1, []), ([0.4, 0.4, 0.2], 0, [1]), ([0.4, 0.4, 0.2], 1, [1]), ([0.4, 0.4, 0.2], 2, []),
    ([0.4, 0.3, 0.3], 0, []), ([0.4, 0.3, 0.3], 2, [2]), ([0.2, 0.2, 0.2], 1, [1, 2]), ([np.nan, 0.2, 0.2], 0, []),
])
def test_a_tie_counts_where_it_decides(row: list[float], label: int, tied_at: list[int]) -> None:
    """A label is tied across rank k if equal scores leave open whether it is among the k best.

    Ties of other classes do not count.
    """
    assert tied_at == [k for k in (1, 2, 3) if ties(floats(row), np.array([label], np.int64), k)[0]]


@pytest.mark.parametrize("row", [[np.nan] * 6, [np.nan, 0.1, 0.2, 0.3, 0.4, 0.5]])
@pytest.mark.parametrize("k", [1, 5])
def test_a_score_that_is_no_number_is_never_a_hit(row: list[float], k: int) -> None:
    """A clip whose label has the score NaN is not right."""
    assert not hit(row, 0, k)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_row_that_is_not_finite_is_found(bad: float) -> None:
    """The first row with a NaN or an infinity is named by its number; finite scores have none."""
    scores = confident(5, 4)
    assert first_not_finite(scores) is None

    scores[2, 3] = scores[4, 0] = bad
    assert 2 == first_not_finite(scores)


@pytest.mark.parametrize("ends_in_softmax", [False, True])
def test_equal_scores_lie_nowhere_apart(ends_in_softmax: bool) -> None:
    """Identical scores differ by nothing, have the cosine 1 and flip no clip."""
    scores = softmax(confident(8, 10)) if ends_in_softmax else confident(8, 10)
    found = distance(scores, scores.copy(), softmax=ends_in_softmax)

    assert (0.0, 0) == (found.relative, found.flipped)
    assert found.cosine == pytest.approx(1, abs=1e-12)


def test_the_difference_is_relative_to_the_range_of_the_reference() -> None:
    """The largest difference is divided by the reference's range, and its row is named."""
    reference = floats([0, 1, 2, 3], [-5, 0, 1, 2], [3, 2, 1, 0])  # from -5 to 3: a range of 8
    scores = reference + floats([0, 0, 0.5, 0], [0, 0, 0, 2], [0, -1, 0, 0])
    found = distance(scores, reference, softmax=False)

    assert 2 / 8 == found.relative
    assert (1, 0) == (found.worst, found.flipped)


def test_probabilities_are_compared_as_logarithms() -> None:
    """A halved probability differs by log 2, over the range of the reference's logarithms, here log 8."""
    found = distance(floats([0.8, 0.05, 0.15]), floats([0.8, 0.1, 0.1]), softmax=True)

    assert found.relative == pytest.approx(1 / 3)


def test_the_cosine_is_the_smallest_of_the_rows() -> None:
    """One turned row among good ones gives the cosine of that row, and is counted as flipped."""
    reference = floats([1, 0, -1], [1, 0, -1], [1, 0, -1])
    found = distance(floats([1, 0, -1], [-1, 0, 1], [1, 0, -1]), reference, softmax=False)

    assert found.cosine == pytest.approx(-1, abs=1e-12)
    assert 1 == found.flipped


@pytest.mark.parametrize(("factor", "offset"), [(3.0, 0.0), (0.5, 0.0), (1.0, 100.0)])
def test_scaling_shows_in_the_difference_alone(factor: float, offset: float) -> None:
    """Logits that are scaled or shifted as a whole keep cosine and classes, and show in the difference."""
    reference = confident(8, 10)
    found = distance(reference * np.float32(factor) + np.float32(offset), reference, softmax=False)

    assert found.cosine == pytest.approx(1, abs=1e-6)
    assert 0 == found.flipped
    assert found.relative > 0.2


def test_a_probability_of_zero_is_still_comparable() -> None:
    """A probability that underflowed to zero has a finite distance."""
    found = distance(floats([1, 0, 0]), floats([1, 1e-30, 0]), softmax=True)

    assert np.isfinite([found.relative, found.cosine]).all()


def test_softmax_applied_twice_is_seen() -> None:
    """A second softmax keeps every class in its place but moves the log-probabilities.

    It moves them by a large share of their range.
    """
    once = softmax(confident(16, 101))
    found = distance(softmax(once), once, softmax=True)

    assert 0 == found.flipped
    assert found.relative > 0.2


def test_predictions_of_other_clips_are_seen() -> None:
    """Scores that belong to the clip before flip nearly every clip."""
    scores = confident(16, 101)

    assert distance(np.roll(scores, 1, axis=0), scores, softmax=False).flipped > 12
