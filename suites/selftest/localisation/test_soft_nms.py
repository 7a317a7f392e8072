"""From scored proposals to seconds: fusion, soft-NMS and durations, by hand, beside mmaction2 and chained."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from suites.selftest.curves import curves_of, scores_of
from tools.localisation.detections import Detections
from tools.localisation.proposals import Proposals, bin_centres, features, padded, propose
from tools.localisation.soft_nms import detect, fuse, suppress
from tools.media.preprocess import Floats
from tools.pytorch import bsn_steps
from tools.spec.model import ProposalSpec
from tools.spec.settings import ROOT

SHARED = ROOT.parent / "shared" / "data" / "activitynet"
CENTRES = bin_centres(100)
ZERO_ROW = 0.1909  # what the published PEM says of a row of zeros
SPECS = [ProposalSpec(), ProposalSpec(alpha=0.4, low=0.0, high=0.5), ProposalSpec(low=0.95, high=0.95), ProposalSpec(keep=7),
         ProposalSpec(keep=5000)]


def made(*pairs: tuple[float, float], scores: float = 1.0) -> Proposals:
    """Proposals with these starts and ends."""
    start, end = np.array(pairs, np.float64).reshape(-1, 2).T
    return Proposals(start, end, np.full(len(pairs), scores, np.float32), np.ones(len(pairs), np.float32))


def wide(proposals: Proposals) -> np.ndarray:
    """The table mmaction2 would work on, kept in float64."""
    return np.stack([proposals.start, proposals.end, proposals.start_score, proposals.end_score], axis=1, dtype=np.float64)


def pem(found: Floats) -> Floats:
    """A network that stands for PEM: one number a row, and not half for a row of zeros."""
    weights = np.random.default_rng(1).normal(0, 1.0, found.shape[1])
    return np.asarray(1 / (1 + np.exp(1.44 - found @ weights)), np.float32)


def as_pairs(found: Detections) -> list[tuple[float, float]]:
    return [(round(start, 6), round(end, 6)) for start, end in found.segments.tolist()]


def test_scores_are_multiplied_per_proposal() -> None:
    """The network's IoU score, the start's and the end's are multiplied, in float64."""
    proposals = Proposals(np.array([0.1, 0.2]), np.array([0.3, 0.4]), np.array([0.5, 0.25], np.float32), np.array([0.5, 1], np.float32))

    assert [0.75 * 0.25, 0.5 * 0.25] == fuse(np.array([0.75, 0.5], np.float32), proposals).tolist()
    assert np.float64 == fuse(np.array([0.1, 0.1], np.float32), proposals).dtype
    assert float(np.float32(0.1)) * 0.25 == fuse(np.array([[0.1], [0.1]], np.float32), proposals)[0]


def test_rows_of_padding_do_not_count() -> None:
    """Scores of rows beyond the proposals change nothing, in either shape of the network's output."""
    proposals = propose(curves_of(0, 0.0))
    scores = scores_of(0, len(proposals))
    whole = np.full((1000, 1), 0.999, np.float32)
    whole[:len(proposals), 0] = scores
    cut, uncut = detect(proposals, scores, 64.0), detect(proposals, whole, 64.0)

    assert len(proposals) < 1000
    assert np.array_equal(cut.segments, uncut.segments)
    assert np.array_equal(cut.scores, uncut.scores)


def test_proposals_without_a_row_are_dropped() -> None:
    """Of more proposals than the network has rows only the best are scored, and only they can be detected."""
    proposals = propose(curves_of(2, 0.3))
    scores = scores_of(0, 50)

    assert len(proposals) > 1000
    assert np.array_equal(detect(proposals.best(50), scores, 64.0).segments, detect(proposals, scores, 64.0).segments)


def test_soft_nms_by_hand() -> None:
    """Three segments by hand: the best lowers the one it overlaps by 0.9, not the one it overlaps by 0.5.

    A = 0 to 0.4 with 0.9, limit 0.65 + 0.25 x 0.4 = 0.75. B = 0 to 0.36 with 0.8 has IoU 0.36 / 0.4 = 0.9 and
    becomes 0.8 x exp(-0.81 / 0.75) = 0.2717. C = 0 to 0.2 with 0.3 has IoU 0.5 and keeps its score, and so is
    taken before B. C's limit is 0.7; its IoU with B is 0.2 / 0.36 = 0.556.
    """
    picks, scores = suppress(made((0.0, 0.36), (0.0, 0.2), (0.0, 0.4)), np.array([0.8, 0.3, 0.9]))

    assert [2, 1, 0] == picks.tolist()
    assert scores == pytest.approx([0.9, 0.3, 0.8 * np.exp(-0.9**2 / 0.75)], abs=1e-12)
    assert scores[2] == pytest.approx(0.2717, abs=1e-4)


@pytest.mark.parametrize(("width", "other", "lowered"), [(0.25, 0.18, True), (0.25, 0.17, False), (1.0, 0.91, True), (1.0, 0.89, False),
                                                         (0.5, 0.38, False), (0.5, 0.39, True)])
def test_the_limit_grows_with_the_width_of_the_taken_one(width: float, other: float, lowered: bool) -> None:
    """A quarter of the video tolerates an IoU of 0.7125, half of it 0.775, the whole 0.9."""
    _, scores = suppress(made((0.0, width), (0.0, other)), np.array([0.9, 0.8]))

    assert lowered == bool(scores[1] < 0.8)


def test_an_overlap_equal_to_the_limit_is_kept() -> None:
    """With numbers that float64 holds exactly, 0.75 against 0.75, the score stays; overlap must be larger."""
    how = ProposalSpec(low=0.5, high=1.0)  # 0.5 + 0.5 * width 0.5 = 0.75
    _, scores = suppress(made((0.0, 0.5), (0.0, 0.375), (0.0, 0.3751)), np.array([0.9, 0.8, 0.7]), how)

    assert 0.8 == scores[1]
    assert scores[2] < 0.7


def test_a_score_is_lowered_again_and_again() -> None:
    """What overlaps several taken ones is multiplied by each factor in turn."""
    picks, scores = suppress(made((0.0, 0.5), (0.0, 0.5), (0.0, 0.5)), np.array([0.9, 0.8, 0.7]))
    factor = np.exp(-1 / 0.75)

    assert [0, 1, 2] == picks.tolist()
    assert scores == pytest.approx([0.9, 0.8 * factor, 0.7 * factor * factor], abs=1e-12)


def test_of_equal_scores_the_earlier_is_taken_first() -> None:
    """Ties are taken in the order of the proposals."""
    picks, _ = suppress(made((0.0, 0.1), (0.2, 0.3), (0.4, 0.5), (0.6, 0.7)), np.array([0.5, 0.7, 0.5, 0.7]))

    assert [1, 3, 0, 2] == picks.tolist()


@pytest.mark.torch
def test_a_single_proposal_keeps_its_score() -> None:
    """Nothing is suppressed where there is one proposal, as in mmaction2."""
    one = made((0.2, 0.7), scores=0.5)
    found, expected = (detect(one, np.array([0.5], np.float32), 64.0), bsn_steps.detections(wide(one), np.array([0.5])))

    assert ([(12.8, 44.8)], [0.25]) == (as_pairs(found), found.scores.tolist())
    assert expected.segments.tolist() == found.segments.tolist()
    assert expected.scores.tolist() == found.scores.tolist()


@pytest.mark.torch
@pytest.mark.parametrize("how", SPECS, ids=str)
@pytest.mark.parametrize("roughness", [0.0, 0.3])
def test_detections_equal_mmaction2s(roughness: float, how: ProposalSpec) -> None:
    """On the same float64 numbers the same proposals are picked, in the same order, with the same scores."""
    proposals = propose(curves_of(1, roughness)).best(how.top)
    scores = scores_of(2, len(proposals))
    expected = bsn_steps.detections(wide(proposals), scores.astype(np.float64), how=how)
    found = detect(proposals, scores, 64.0, how)

    assert min(how.keep, len(proposals)) == len(found)
    assert np.array_equal(expected.segments, found.segments)
    assert np.abs(expected.scores - found.scores).max() < 1e-12


def test_picks_come_best_first() -> None:
    """Scores of the picks never rise, so that the hundred best of 101 are the first hundred."""
    proposals = propose(curves_of(4, 0.3)).best(1000)
    _, scores = suppress(proposals, fuse(scores_of(4, 1000), proposals), ProposalSpec(keep=101))

    assert 101 == len(scores)
    assert all(before >= after for before, after in pairwise(scores))


@pytest.mark.torch
def test_mmaction2_in_float32_may_lower_another_score() -> None:
    """Bins 0 to 20 against 6 to 20: IoU and limit are both 0.7, so that rounding decides.

    float32 decides otherwise: the network's scores, the boundaries and the sums are float32 in mmaction2 and
    float64 in the original.
    """
    pair = made((CENTRES[0], CENTRES[20]), (CENTRES[6], CENTRES[20]))
    scores = np.array([0.9, 0.8], np.float32)
    narrow = bsn_steps.detections(wide(pair).astype(np.float32), scores)
    found = detect(pair, scores, 64.0)

    assert np.array_equal(bsn_steps.detections(wide(pair), scores.astype(np.float64)).scores, found.scores)
    assert 0.8 == pytest.approx(found.scores[1], abs=1e-6)
    assert narrow.scores[1] < 0.5


def test_segments_are_clipped_to_the_video() -> None:
    """What reaches beyond the video ends with it."""
    found = detect(made((-0.1, 0.5), (0.5, 1.5)), np.array([0.9, 0.8], np.float32), 10.0)

    assert [(0.0, 5.0), (5.0, 10.0)] == as_pairs(found)


def floored_duration_s(duration_s: float, frames: int, snippet_frames: int = 16) -> float:
    """The duration that mmaction2 and the Python-2 original multiply by: that of whole 16-frame snippets.

    The guide's port divides truly and uses the whole duration: 0.5 % longer on average in validation videos.
    """
    return frames // snippet_frames * snippet_frames / frames * duration_s


@pytest.mark.torch
@pytest.mark.parametrize(("frames", "expected"), [(1600, 64.0), (1601, 64.0 * 1600 / 1601), (1615, 64.0 * 1600 / 1615),
                                                  (28, 64.0 * 16 / 28)])
def test_mmaction2_floors_the_duration(frames: int, expected: float) -> None:
    """mmaction2 counts whole runs of 16 frames only, where the guide's port takes the video's duration."""
    proposals = propose(curves_of(1, 0.0))
    scores = scores_of(2, len(proposals))
    theirs = bsn_steps.detections(wide(proposals), scores.astype(np.float64), bsn_steps.INFO | {"duration_frame": frames})

    assert expected == pytest.approx(floored_duration_s(64.0, frames), abs=1e-12)
    assert np.array_equal(theirs.segments, detect(proposals, scores, floored_duration_s(64.0, frames)).segments)
    assert (expected == 64.0) == np.array_equal(theirs.segments, detect(proposals, scores, 64.0).segments)


@pytest.mark.torch
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("roughness", [0.0, 0.1, 0.5])
def test_the_whole_chain_equals_mmaction2s(seed: int, roughness: float) -> None:
    """From curves to seconds, through a network, the same detections come out of both chains to 1e-6."""
    curves = curves_of(seed, roughness)
    proposals = propose(curves)
    found = detect(proposals, pem(padded(features(curves, proposals))), 64.0)
    table = bsn_steps.proposals(curves)
    their_scores = pem(np.asarray(bsn_steps.features(curves, table, wide=True), np.float32))
    expected = bsn_steps.detections(table[:1000], their_scores.astype(np.float64))

    assert np.abs(expected.segments - found.segments).max() < 1e-6
    assert np.abs(expected.scores - found.scores).max() < 1e-6


@pytest.mark.torch
def test_the_published_pem_scores_a_row_of_zeros() -> None:
    """The published weights give 0.1909 for a row of zeros, so padding that is not cut would be detected."""
    if not SHARED.is_dir():
        pytest.skip("shared/data/activitynet is not beside this checkout")
    import torch

    state = torch.load(SHARED / "pem_best.pth.tar", map_location="cpu", weights_only=True)["state_dict"]
    layers = {name.removeprefix("module."): value for name, value in state.items()}
    first, second = torch.nn.Linear(32, 256), torch.nn.Linear(256, 1)
    first.load_state_dict({name: layers[f"fc1.{name}"] for name in ("weight", "bias")})
    second.load_state_dict({name: layers[f"fc2.{name}"] for name in ("weight", "bias")})
    with torch.inference_mode():
        row = torch.sigmoid(0.1 * second(torch.relu(0.1 * first(torch.zeros(1, 1000, 32)))))

    assert (1, 1000, 1) == tuple(row.shape)
    assert ZERO_ROW == pytest.approx(row.unique().item(), abs=5e-5)  # type: ignore[no-untyped-call]
