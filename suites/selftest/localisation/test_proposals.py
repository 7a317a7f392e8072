"""Proposals and their features from TEM's curves, against tables by hand and mmaction2's own steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suites.selftest.curves import curves_of
from tools.localisation.proposals import Proposals, bin_centres, candidates, features, padded, propose
from tools.media.preprocess import Floats
from tools.pytorch import bsn_steps

PEAKS = [  # by hand: first and last bin, strict local maxima, and what lies above half the maximum
    ([0.1, 0.2, 0.9, 0.3, 0.3, 0.46, 0.44, 0.1, 0.2, 0.1], [0, 2, 5, 8, 9]),
    ([0.0, 0.5, 0.5, 1.0, 0.5, 0.25], [0, 3, 5]),  # half the maximum is not above it, and a plateau is no strict maximum
    ([0.0, 0.5, 0.51, 1.0, 0.52, 0.25], [0, 2, 3, 4, 5]),
    ([0.1, 0.4, 0.4, 0.1, 0.1, 1.0], [0, 5]),
    ([1.0, 0.4, 0.3, 0.2, 0.3, 0.1], [0, 4, 5]),
    ([0.3, 0.3, 0.3, 0.3], [0, 1, 2, 3]),  # flat: every bin is above half the maximum
    ([0.0, 0.0, 0.0, 0.0], [0, 3]),
    ([0.0, 1.0], [0, 1]),
]


def action_only(action: list[float] | Floats) -> Floats:
    """Curves whose starts and ends do not matter."""
    return np.stack([np.asarray(action, np.float32)] * 3)


def made(*pairs: tuple[float, float]) -> Proposals:
    """Proposals with these starts and ends, all of score 1."""
    start, end = np.array(pairs, np.float64).T
    return Proposals(start, end, np.ones(len(pairs), np.float32), np.ones(len(pairs), np.float32))


def alone() -> Floats:
    """Curves with one proposal: starts only fall from a high first bin, ends only rise to a high last one."""
    fall = np.linspace(0.2, 0.1, 100, dtype=np.float32)
    fall[0] = 0.9
    return np.stack([curves_of(3)[0], fall, fall[::-1]])


CASES = {"smooth": curves_of(0, 0.0), "waves": curves_of(1, 0.05), "rough": curves_of(2, 0.3),
         "noise": curves_of(3, 2.0), "sharp": curves_of(4, 0.3) ** 6, "single": alone(),
         "faint": curves_of(5, 0.1) * np.float32(1e-3), "coarse": curves_of(6, 0.3, bins=20)}


def table(proposals: Proposals) -> np.ndarray:
    return np.stack([proposals.start, proposals.end, proposals.start_score, proposals.end_score], axis=1)


@pytest.mark.parametrize(("curve", "expected"), PEAKS)
def test_candidates_are_ends_peaks_and_high_bins(curve: list[float], expected: list[int]) -> None:
    """A boundary may be in the first or last bin, at a strict local maximum, or above half the maximum."""
    assert expected == candidates(np.array(curve, np.float32), 0.5).tolist()


def test_every_end_is_paired_with_every_earlier_start() -> None:
    """Four bins by hand: starts in 0, 1 and 3, ends in 0, 2 and 3; best first by the product of scores."""
    curves = np.array([[0, 0, 0, 0], [0.5, 0.75, 0.25, 0.125], [0.25, 0.0, 0.625, 1.0]], np.float32)
    found = propose(curves)

    assert [0.75, 0.5, 0.46875, 0.3125] == (found.start_score * found.end_score).tolist()
    assert [(0.375, 0.875), (0.125, 0.875), (0.375, 0.625), (0.125, 0.625)] == list(zip(found.start, found.end, strict=True))


def test_of_equal_products_the_earlier_end_then_the_earlier_start_comes_first() -> None:
    """On curves of two levels thousands of pairs share three scores.

    Ties are in the order of the ends, then of the starts.
    """
    curves = np.random.default_rng(0).choice([np.float32(0.5), np.float32(0.75)], (3, 100))
    found = propose(curves)
    pairs = [(first, last) for last in range(100) for first in range(last)]
    order = sorted(pairs, key=lambda pair: -curves[1, pair[0]] * curves[2, pair[1]])  # Python's sort is stable

    assert order == [(round(start * 100 - 0.5), round(end * 100 - 0.5)) for start, end in zip(found.start, found.end, strict=True)]


def test_products_are_compared_in_float64() -> None:
    """Starts one float32 step apart are told apart, though float32 cannot hold their products with 0.51."""
    starts = np.float32(0.99) + np.spacing(np.float32(0.99)) * np.arange(100, dtype=np.float32)
    ends = np.zeros(100, np.float32)
    ends[-1] = 0.51
    found = propose(np.stack([starts, starts, ends]))

    assert len(np.unique(starts * ends[-1])) < len(np.unique(starts))
    assert bin_centres(100)[98::-1].tolist() == found.start.tolist()


@pytest.mark.torch
def test_ties_hold_the_same_proposals_as_mmaction2s() -> None:
    """Among equal products mmaction2's order is that of an unstable sort; the proposals are the same."""
    steps = np.asarray(np.round(curves_of(7) * 4) / 4, np.float32)

    assert sorted(bsn_steps.proposals(steps)[:, :4].tolist()) == sorted(table(propose(steps)).tolist())


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_proposals_equal_mmaction2s(name: str) -> None:
    """Boundaries, scores and order are mmaction2's to the last bit where no two products are equal."""
    expected = bsn_steps.proposals(CASES[name])
    found = propose(CASES[name])

    assert len(np.unique(expected[:, 4])) == len(expected)
    assert np.array_equal(expected[:, :4], table(found))


@pytest.mark.torch
@pytest.mark.parametrize("threshold", [0.3, 0.7, 1.0])
def test_another_threshold_is_mmaction2s_too(threshold: float) -> None:
    """The share of the maximum is a parameter, and compared in float32 as mmaction2 does."""
    assert np.array_equal(bsn_steps.proposals(CASES["rough"], threshold)[:, :4], table(propose(CASES["rough"], threshold)))


def test_the_cases_cover_one_proposal_and_more_than_a_thousand() -> None:
    """The curves above lead to a single proposal, to fewer than 1000, and to more."""
    counts = {name: len(propose(curves)) for name, curves in CASES.items()}

    assert 1 == counts["single"]
    assert max(counts.values()) > 2000
    assert any(1 < count < 1000 for count in counts.values())


@pytest.mark.torch
@pytest.mark.parametrize("name", CASES)
def test_features_equal_mmaction2s(name: str) -> None:
    """Features of the top 1000 are mmaction2's on the same float64 numbers, up to the rounding to float32."""
    found = features(CASES[name], propose(CASES[name]))
    expected = bsn_steps.features(CASES[name], bsn_steps.proposals(CASES[name]), wide=True)

    assert ((min(1000, len(propose(CASES[name]))), 32), np.float32) == (found.shape, found.dtype)
    assert np.abs(expected - found).max() < 1e-7


@pytest.mark.torch
@pytest.mark.parametrize("name", ["rough", "noise"])
def test_mmaction2s_files_of_float32_move_its_features(name: str) -> None:
    """Read back as float32, features move by more than 1e-6 and less than 1e-4.

    mmaction2 reads them so, the guide's original does not.
    """
    moved = np.abs(bsn_steps.features(CASES[name], bsn_steps.proposals(CASES[name])) - features(CASES[name], propose(CASES[name]))).max()

    assert 1e-6 < moved < 1e-4


def test_fewer_features_can_be_asked_for() -> None:
    """The best of the proposals, and no others, have features."""
    proposals = propose(CASES["rough"])

    assert np.array_equal(features(CASES["rough"], proposals)[:500], features(CASES["rough"], proposals, top=500))


def test_on_a_straight_line_features_are_the_samples_places() -> None:
    """On a curve that rises by its own bin centres a sample is its place.

    There are 16 from start to end, and 8 around each, 0.2 lengths to a side.
    """
    start, end = 0.405, 0.605
    expected = [np.linspace(start, end, 16), np.linspace(start - 0.04, start + 0.04, 8), np.linspace(end - 0.04, end + 0.04, 8)]
    found = features(action_only(np.asarray(bin_centres(100), np.float32)), made((start, end)))

    assert found[0] == pytest.approx(np.concatenate(expected), abs=1e-6)


def test_a_sample_is_the_mean_of_four_points() -> None:
    """Around a kink, worked out by hand: |x - 0.5| between bin 45 and bin 54 is not its own middle value."""
    curve = np.abs(bin_centres(100) - 0.505).astype(np.float32)
    found = features(action_only(curve), made((0.355, 0.655)))  # samples every 0.02; points at 0, 1/3, 2/3, 1 of a step
    around_sample_7 = 0.355 + 7 * 0.02 - 0.01 + 0.02 / 3 * np.arange(4)  # 0.485, 0.4917, 0.4983, 0.505

    assert found[0, 7] == pytest.approx(np.abs(around_sample_7 - 0.505).mean(), abs=1e-6)


def test_the_curve_is_zero_outside_the_video() -> None:
    """Samples beyond the first and last bin's neighbour see nothing; within, a curve of ones fades.

    It fades over one bin.
    """
    found = features(action_only(np.ones(100, np.float32)), made((0.005, 0.995)))[0]

    assert [0, 0, 0] == found[16:19].tolist()
    assert [0, 0, 0] == found[29:32].tolist()
    assert np.array_equal(np.ones(14, np.float32), found[1:15])
    assert 0 < found[0] < 1


def test_padding_is_rows_of_zeros() -> None:
    """The network's input holds the features, then zeros up to its rows; surplus features are left out."""
    found = features(CASES["smooth"], propose(CASES["smooth"]))
    whole = padded(found)

    assert ((1000, 32), np.float32) == (whole.shape, whole.dtype)
    assert np.array_equal(found, whole[:len(found)])
    assert not whole[len(found):].any()
    assert np.array_equal(found[:7], padded(found, rows=7))


@pytest.mark.torch
def test_mmaction2_cannot_read_a_single_proposal_back(tmp_path: Path) -> None:
    """From a file of one row mmaction2 gets a vector, not a table, and fails; here it is like any other."""
    from mmaction.models.localizers.utils import generate_bsp_feature

    for name, rows in (("tem", bsn_steps.tem_table(alone())), ("pgm", bsn_steps.proposals(alone()))):
        (tmp_path / name).mkdir()
        np.savetxt(tmp_path / name / "v_1.csv", rows, header=name, delimiter=",", comments="")

    with pytest.raises(IndexError):
        generate_bsp_feature([0], [bsn_steps.INFO], str(tmp_path / "tem"), str(tmp_path / "pgm"))
    assert (1, 32) == features(alone(), propose(alone())).shape
