"""The five configurations on the mini data: a network is fed mmaction2's bits; and where 0.x had others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suites.selftest.media.test_pipeline import RECOGNISERS, SPECS, crops_of_mmaction2, input_of_mmaction2, our_crops, our_input, same_bits
from suites.selftest.specs import localiser_spec
from tools.datasets.mini import action_sequences, clips
from tools.datasets.mini.encode import write_jpegs, write_mp4
from tools.datasets.mini.moving_shapes import render
from tools.datasets.videos import VideoSet
from tools.localisation.activitynet import Video
from tools.localisation.snippet_features import read_features, write_features
from tools.measuring import localiser
from tools.media.decode import Clip
from tools.media.preprocess import Floats, normalise
from tools.spec.settings import MODELS

pytestmark = pytest.mark.torch
BSN = localiser_spec(MODELS, "bsn")
CHOSEN = (0, 2, 8)  # of 20, 58 and 150 frames


@pytest.mark.parametrize("number", CHOSEN)
@pytest.mark.parametrize("model", RECOGNISERS)
def test_a_mini_clip_becomes_the_input_that_mmaction2_makes(tmp_path: Path, model: str, number: int) -> None:
    """A mini test clip in its model's format gives the crops and input of mmaction2's pipeline.

    That pipeline has 0.x's sampling.
    """
    spec = SPECS[model]
    recipe = clips.test_recipes(spec.mini)[number]
    write, ending = (write_jpegs, "") if spec.list_format == "rawframes" else (write_mp4, ".mp4")
    clip = Clip("v", tmp_path / f"v{ending}", recipe.label, recipe.frames)
    write(render(recipe), clip.path)

    assert same_bits(crops_of_mmaction2(clip, spec), our_crops(clip, spec))
    assert same_bits(input_of_mmaction2(clip, spec), our_input(clip, spec))


def test_mini_features_become_the_input_that_mmaction2_makes(tmp_path: Path) -> None:
    """What TEM is fed of a mini video has the bits of mmaction2's feature loader."""
    made = []
    for number in range(3):
        sequence = action_sequences.render(BSN.mini, 2, number)
        write_features(sequence.features, tmp_path / f"{number}.csv")
        made.append(Video(sequence.name, sequence.duration_s, sequence.frames, sequence.frames, (), tmp_path / f"{number}.csv"))
    feed = localiser.feed(VideoSet(tuple(made), ()), BSN, BSN.tem)
    row = np.empty(BSN.tem.input.shape, np.float32)

    for number, video in enumerate(made):
        feed.fill(number, row)
        assert same_bits(features_of_mmaction2(video.features), row)


def features_of_mmaction2(path: Path) -> Floats:
    from tools.pytorch.networks import import_mmaction

    import_mmaction()
    from mmaction.datasets.transforms import LoadLocalizationFeature

    return np.ascontiguousarray(LoadLocalizationFeature()({"feature_path": str(path)})["raw_feature"])


def test_features_of_any_value_become_the_input_that_mmaction2_makes(tmp_path: Path) -> None:
    """Written in any decimal form a float may have, features are read to the same float32 by both."""
    rng = np.random.default_rng(9)
    wide = (rng.standard_normal((100, 400)) * 10.0 ** rng.integers(-30, 30, (100, 400))).astype(np.float32)
    write_features(wide, tmp_path / "v.csv")
    lines = (tmp_path / "v.csv").read_text().splitlines()
    lines[1] = ",".join(map(repr, rng.standard_normal(400).tolist()))  # more digits than a float32 has
    (tmp_path / "v.csv").write_text("\n".join([*lines, ""]))

    assert same_bits(features_of_mmaction2(tmp_path / "v.csv"), np.ascontiguousarray(read_features(tmp_path / "v.csv").T))


def test_normalising_is_that_of_1x_and_within_the_last_bit_of_0x() -> None:
    """0.x subtracted in float32 and multiplied by the inverse deviation in double; 1.x divides in float32.

    Of the 768 values a channel's pixels can become the two differ in some, by one unit in the last place.
    """
    import mmcv

    how = SPECS["tsm"].preprocess
    values = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 1, 256, 1, 3)
    out = np.empty((1, 3, 256, 1), np.float32)
    normalise(values, how, out)
    ours = out[0, :, :, 0].T
    old = mmcv.imnormalize(values[0, 0], np.array(how.mean), np.array(how.deviation), to_rgb=False)[:, 0]
    units = np.abs(ours.view(np.int32).astype(np.int64) - np.ascontiguousarray(old).view(np.int32))

    assert 1 == units.max()
    assert 0 < (units > 0).sum() < 400
