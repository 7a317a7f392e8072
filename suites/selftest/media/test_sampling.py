"""Which frames are looked at: mmaction2 0.x's rule, against lists by hand and mmaction2's own sampler."""

from __future__ import annotations

import pytest

from suites.selftest.specs import recogniser_spec
from tools.media.preprocess import frame_indices
from tools.spec.model import Sampling
from tools.spec.settings import MODELS

EIGHT_SINGLE = Sampling(clip_len=1, interval=1, clips=8)  # TSM
ONE_OF_EIGHT = Sampling(clip_len=8, interval=8, clips=1)  # R(2+1)D's view
ONE_OF_32 = Sampling(clip_len=32, interval=2, clips=1)  # SlowFast
TOTALS = range(1, 201)

BY_HAND = [  # average step = (total - span + 1) / clips; offset k = floor(k * step + step / 2)
    (EIGHT_SINGLE, 20, [1, 3, 6, 8, 11, 13, 16, 18]),  # step 2.5
    (EIGHT_SINGLE, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
    (EIGHT_SINGLE, 5, [0, 0, 1, 2, 2, 3, 4, 4]),  # step 0.625
    (EIGHT_SINGLE, 1, [0, 0, 0, 0, 0, 0, 0, 0]),
    (EIGHT_SINGLE, 59, [3, 11, 18, 25, 33, 40, 47, 55]),  # step 7.375
    (EIGHT_SINGLE, 64, [4, 12, 20, 28, 36, 44, 52, 60]),
    (EIGHT_SINGLE, 100, [6, 18, 31, 43, 56, 68, 81, 93]),  # step 12.5
    (EIGHT_SINGLE, 150, [9, 28, 46, 65, 84, 103, 121, 140]),  # step 18.75
    (ONE_OF_EIGHT, 150, [43, 51, 59, 67, 75, 83, 91, 99]),  # 150 - 64 + 1 = 87, half of it 43.5
    (ONE_OF_EIGHT, 100, [18, 26, 34, 42, 50, 58, 66, 74]),  # 100 - 64 + 1 = 37, half of it 18.5
    (ONE_OF_EIGHT, 65, [1, 9, 17, 25, 33, 41, 49, 57]),  # 65 - 64 + 1 = 2
    (ONE_OF_EIGHT, 64, [0, 8, 16, 24, 32, 40, 48, 56]),  # the first length that holds a whole span
    (ONE_OF_EIGHT, 63, [0, 8, 16, 24, 32, 40, 48, 56]),
    (ONE_OF_EIGHT, 59, [0, 8, 16, 24, 32, 40, 48, 56]),
    (ONE_OF_EIGHT, 58, [0, 8, 16, 24, 32, 40, 48, 56]),
    (ONE_OF_EIGHT, 20, [0, 8, 16, 4, 12, 0, 8, 16]),  # wraps around
    (ONE_OF_32, 150, [43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63, 65, 67, 69, 71, 73,
                      75, 77, 79, 81, 83, 85, 87, 89, 91, 93, 95, 97, 99, 101, 103, 105]),  # half of 87
    (ONE_OF_32, 65, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31,
                     33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63]),
    (ONE_OF_32, 63, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                     32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62]),  # the shortest that needs no wrapping
    (ONE_OF_32, 59, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                     32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 1, 3]),
    (ONE_OF_32, 58, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                     32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 0, 2, 4]),
    (ONE_OF_32, 20, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 0, 2, 4, 6, 8, 10,
                     12, 14, 16, 18, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 0, 2]),
    (ONE_OF_32, 64, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                     32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62]),
    (ONE_OF_32, 100, [18, 20, 22, 24, 26, 28, 30, 32, 34, 36, 38, 40, 42, 44, 46, 48,
                      50, 52, 54, 56, 58, 60, 62, 64, 66, 68, 70, 72, 74, 76, 78, 80]),
    (ONE_OF_32, 40, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                     32, 34, 36, 38, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22]),
    (Sampling(clip_len=2, interval=3, clips=3), 17, [2, 5, 6, 9, 10, 13]),  # span 6, step 4
]


def sampled_by_mmaction2(total: int, how: Sampling) -> list[int]:
    """The frames that the installed mmaction2 1.x takes in test mode."""
    from tools.pytorch.networks import import_mmaction

    import_mmaction()
    from mmaction.datasets.transforms import SampleFrames

    sampler = SampleFrames(how.clip_len, how.interval, how.clips, test_mode=True)
    indices: list[int] = sampler.transform({"total_frames": total, "start_index": 0})["frame_inds"].tolist()
    return indices


@pytest.mark.parametrize(("how", "total", "expected"), BY_HAND)
def test_frames_follow_the_rule_of_0x(how: Sampling, total: int, expected: list[int]) -> None:
    """The frames of a clip are those that mmaction2 0.x's formula gives when worked out by hand."""
    assert expected == frame_indices(total, how).tolist()


@pytest.mark.parametrize(("model", "how"), [
    ("tsm", EIGHT_SINGLE), ("nonlocal", EIGHT_SINGLE), ("r2plus1d", ONE_OF_EIGHT), ("slowfast", ONE_OF_32),
])
def test_the_models_ask_for_what_is_tested_here(model: str, how: Sampling) -> None:
    """Each recogniser's spec has the sampling of its guide."""
    assert how == recogniser_spec(MODELS, model).sampling


@pytest.mark.torch
@pytest.mark.parametrize("how", [EIGHT_SINGLE, ONE_OF_32], ids=["TSM", "SlowFast"])
def test_what_1x_did_not_change_is_sampled_as_mmaction2_samples_it(how: Sampling) -> None:
    """For eight single frames, and for 32 frames of interval two, 0.x and 1.x agree at every length."""
    expected = {total: sampled_by_mmaction2(total, how) for total in TOTALS}

    assert expected == {total: frame_indices(total, how).tolist() for total in TOTALS}


@pytest.mark.torch
def test_eight_frames_of_interval_eight_are_not_sampled_as_1x_samples_them() -> None:
    """1.x starts R(2+1)D's view up to three frames after the guides' 0.x, in clips of 59 frames or more."""
    ours = {total: frame_indices(total, ONE_OF_EIGHT).tolist() for total in TOTALS}
    theirs = {total: sampled_by_mmaction2(total, ONE_OF_EIGHT) for total in TOTALS}
    later = {total: theirs[total][0] - ours[total][0] for total in TOTALS}

    assert [total for total in TOTALS if total >= 59] == [total for total in TOTALS if theirs[total] != ours[total]]
    assert {59: 1, 60: 1, 61: 2, 62: 2} == {total: later[total] for total in range(59, 63)}
    assert {3} == {later[total] for total in TOTALS if total >= 63}
    assert (18, 21) == (ours[100][0], theirs[100][0])
