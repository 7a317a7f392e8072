"""Views: where each is cut, where it lies in the network's input, how its rows become one score a clip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from suites.selftest.specs import recogniser_spec
from tools.measuring.measure import score
from tools.measuring.metrics import mean_of_views
from tools.media.batches import Batch
from tools.media.preprocess import Floats, Frames, crops, normalise
from tools.spec.settings import MODELS

THREE = recogniser_spec(MODELS, "r2plus1d")
CENTRES = ("tsm", "slowfast", "nonlocal")
VIEWS = 3


def telling(width: int, height: int) -> Frames:
    """Two frames whose pixels tell their column, their row and their frame."""
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    time = np.arange(2)[:, None, None]
    planes = [(columns + 7 * time) % 256, (rows + 31 * time) % 256, columns // 256 + 4 * (rows // 256) + 0 * time]
    return np.stack(np.broadcast_arrays(*planes), axis=-1).astype(np.uint8)


@pytest.mark.parametrize(("width", "lefts"), [(341, (0, 84, 42)), (342, (0, 86, 43)), (455, (0, 198, 99)), (256, (0, 0, 0))])
def test_a_wide_frame_is_seen_left_then_right_then_middle(width: int, lefts: tuple[int, ...]) -> None:
    """R(2+1)D's views of a landscape frame are its left, its right and its middle square, in this order."""
    frames = telling(width, 256)
    cut = crops(frames, THREE.preprocess)

    assert (VIEWS, 2, 256, 256, 3) == cut.shape
    for left, view in zip(lefts, cut, strict=True):
        assert frames[:, :, left : left + 256].tobytes() == view.tobytes()


@pytest.mark.parametrize(("height", "tops"), [(341, (0, 84, 42)), (455, (0, 198, 99))])
def test_a_tall_frame_is_seen_top_then_bottom_then_middle(height: int, tops: tuple[int, ...]) -> None:
    """R(2+1)D's views of a portrait frame are its top, its bottom and its middle square, in this order."""
    frames = telling(256, height)
    cut = crops(frames, THREE.preprocess)

    for top, view in zip(tops, cut, strict=True):
        assert frames[:, top : top + 256].tobytes() == view.tobytes()


@pytest.mark.parametrize("model", CENTRES)
def test_the_one_view_is_the_centre(model: str) -> None:
    """TSM, SlowFast and TSM-NL see a frame's middle 224 pixels, both ways.

    That is 58 from the left and 16 from the top of 341 x 256.
    """
    how = recogniser_spec(MODELS, model).preprocess
    wide, tall = telling(341, 256), telling(256, 341)

    assert wide[:, 16:240, 58:282].tobytes() == crops(wide, how).tobytes()
    assert tall[:, 58:282, 16:240].tobytes() == crops(tall, how).tobytes()


@pytest.mark.parametrize("model", [*CENTRES, "r2plus1d"])
def test_every_view_and_frame_has_its_place_in_the_input(model: str) -> None:
    """3D networks are given [view, channel, time, row, column], 2D ones [time, channel, row, column]."""
    spec = recogniser_spec(MODELS, model)
    how, frames = spec.preprocess, spec.sampling.frames
    shape = (how.view_count, frames, how.crop, how.crop, 3)
    cut = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    out = np.zeros(spec.network.input.shape, np.float32)
    normalise(cut, how, out)

    for view, frame, channel in ((0, 0, 0), (how.view_count - 1, frames - 1, 2), (0, frames - 1, 1), (how.view_count - 1, 1, 0)):
        expected = (cut[view, frame, ..., channel].astype(np.float32) - np.float32(how.mean[channel])) / np.float32(how.deviation[channel])
        place = out[view, channel, frame] if how.layout == "NCTHW" else out[frame, channel]
        assert expected.tobytes() == place.tobytes(), (view, frame, channel)


def rows_of(clip: int) -> Floats:
    """The three rows of logits of a clip, unlike those of any other."""
    return np.random.default_rng(clip).standard_normal((VIEWS, 5)).astype(np.float32)


def test_the_mean_is_that_of_a_clips_own_rows() -> None:
    """Rows 3i to 3i + 2 are clip i's; its score is their logits' plain mean, not rows a batch apart."""
    scores = np.concatenate([rows_of(clip) for clip in range(4)])
    expected = np.stack([(rows_of(clip)[0] + rows_of(clip)[1] + rows_of(clip)[2]) / np.float32(3) for clip in range(4)])

    assert np.allclose(expected, mean_of_views(scores, VIEWS), rtol=0, atol=1e-6)
    assert not np.allclose(expected, scores.reshape(VIEWS, 4, 5).mean(axis=0), atol=0.1)


def test_one_row_a_clip_is_its_score() -> None:
    """Where there is one view nothing is averaged: the scores keep their bits."""
    assert rows_of(0).tobytes() == mean_of_views(rows_of(0), 1).tobytes()


class Counting:
    """An engine that gives every clip of a batch the three rows of the number in its input."""

    precision = "fp32"
    lanes = 1

    def infer(self, batch: Floats) -> Floats:
        return np.concatenate([rows_of(int(row[0])) for row in batch])


def padded(clips: int, size: int) -> Iterator[Batch]:
    """Batches of a clip's number, the last filled with copies of its first row."""
    for start in range(0, clips, size):
        numbers = list(range(start, min(start + size, clips)))
        filled = numbers + numbers[:1] * (size - len(numbers))
        yield Batch(np.array(filled, np.float32)[:, None], tuple(f"v{number}" for number in numbers), len(numbers))


@pytest.mark.parametrize("size", [1, 4, 16])
def test_a_clip_is_scored_by_the_mean_of_its_views(size: int) -> None:
    """A measured clip's score is the mean of its own three rows' raw logits, at any batch size.

    Padding is not counted.
    """
    predictions, kept = score(Counting(), padded(7, size), 7, THREE.network.rows)  # type: ignore[arg-type]

    assert tuple(f"v{number}" for number in range(7)) == predictions.ids
    assert np.stack([rows_of(number).mean(axis=0) for number in range(7)]).tobytes() == predictions.scores.tobytes()
    assert (min(size, 7), size) == (kept.valid, len(kept.batch))


def test_only_r2plus1d_has_more_than_one_row_a_clip() -> None:
    """The graph gives as many rows a clip as there are views, as logits; others give one of probabilities."""
    assert (VIEWS, VIEWS, False) == (THREE.network.rows, THREE.preprocess.view_count, THREE.network.softmax)
    for network in (recogniser_spec(MODELS, name).network for name in CENTRES):
        assert (1, True) == (network.rows, network.softmax)
