"""Which frames are looked at: mmaction2 0.x's rule, against lists worked out by hand and mmaction2's own sampler."""

from __future__ import annotations

import pytest

from tools.sampling import frame_indices
from tools.spec import Sampling

EIGHT_SINGLE = Sampling(clip_len=1, interval=1, clips=8)  # TSM
ONE_OF_EIGHT = Sampling(clip_len=8, interval=8, clips=1)  # R(2+1)D's view
ONE_OF_32 = Sampling(clip_len=32, interval=2, clips=1)  # SlowFast

BY_HAND = [  # average step = (total - span + 1) / clips; offset k = floor(k * step + step / 2)
    (EIGHT_SINGLE, 20, [1, 3, 6, 8, 11, 13, 16, 18]),  # step 2.5
    (EIGHT_SINGLE, 8, [0, 1, 2, 3, 4, 5, 6, 7]),
    (EIGHT_SINGLE, 5, [0, 0, 1, 2, 2, 3, 4, 4]),  # step 0.625
    (EIGHT_SINGLE, 1, [0, 0, 0, 0, 0, 0, 0, 0]),
    (EIGHT_SINGLE, 59, [3, 11, 18, 25, 33, 40, 47, 55]),  # step 7.375
    (EIGHT_SINGLE, 64, [4, 12, 20, 28, 36, 44, 52, 60]),
    (EIGHT_SINGLE, 100, [6, 18, 31, 43, 56, 68, 81, 93]),  # step 12.5
    (EIGHT_SINGLE, 150, [9, 28, 46, 65, 84, 103, 121, 140]),  # step 18.75
    (ONE_OF_EIGHT, 100, [18, 26, 34, 42, 50, 58, 66, 74]),  # 100 - 64 + 1 = 37, half of it 18.5
    (ONE_OF_EIGHT, 64, [0, 8, 16, 24, 32, 40, 48, 56]),  # the first length that holds a whole span
    (ONE_OF_EIGHT, 63, [0, 8, 16, 24, 32, 40, 48, 56]),
    (ONE_OF_EIGHT, 59, [0, 8, 16, 24, 32, 40, 48, 56]),
    (ONE_OF_EIGHT, 20, [0, 8, 16, 4, 12, 0, 8, 16]),  # wraps around
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
    from tools.peer import import_mmaction

    import_mmaction()
    from mmaction.datasets.transforms import SampleFrames

    sampler = SampleFrames(how.clip_len, how.interval, how.clips, test_mode=True)
    indices: list[int] = sampler.transform({"total_frames": total, "start_index": 0})["frame_inds"].tolist()
    return indices


@pytest.mark.parametrize(("how", "total", "expected"), BY_HAND)
def test_frames_follow_the_rule_of_0x(how: Sampling, total: int, expected: list[int]) -> None:
    """The frames of a clip are those that mmaction2 0.x's formula gives when worked out by hand."""
    assert expected == frame_indices(total, how).tolist()


def test_single_frames_are_sampled_as_mmaction2_samples_them() -> None:
    """For clips of single frames 0.x and 1.x agree, at every length."""
    lengths = range(1, 201)
    expected = {total: sampled_by_mmaction2(total, EIGHT_SINGLE) for total in lengths}

    assert expected == {total: frame_indices(total, EIGHT_SINGLE).tolist() for total in lengths}


def test_longer_runs_are_not_sampled_as_1x_samples_them() -> None:
    """1.x starts eight frames of interval eight at frame 21 of 100, where the guides' 0.x starts at 18."""
    expected = list(range(21, 78, 8))

    assert expected == sampled_by_mmaction2(100, ONE_OF_EIGHT)
    assert expected != frame_indices(100, ONE_OF_EIGHT).tolist()
