"""TSN's test pipeline of many frames and several crops: our input has mmaction2's bits, crop after crop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from suites.selftest.media.test_pipeline import input_of_mmaction2, our_input, same_bits
from suites.selftest.specs import recogniser_spec
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.media.decode import Clip
from tools.spec.model import ModelSpec, Preprocess, Sampling, Tensor
from tools.spec.settings import MODELS

TSM: ModelSpec = recogniser_spec(MODELS, "tsm")
MEAN, DEVIATION = TSM.preprocess.mean, TSM.preprocess.deviation


@pytest.mark.torch
@pytest.mark.parametrize("frames", [20, 59])
@pytest.mark.parametrize(("views", "count", "short_side"), [("centre", 1, 73), ("three", 3, 64)])
def test_segments_and_crops_become_what_mmaction2_makes_of_them(
        tmp_path: Path, frames: int, views: Literal["centre", "three"], count: int, short_side: int) -> None:
    """25 segments of clips that are shorter and longer, in the middle and in three crops."""
    encode.write_jpegs(render(Recipe(3, frames, (5,), noise=4.0, travel=160.0)), tmp_path / "v")
    spec = replace(TSM, sampling=Sampling(clip_len=1, interval=1, clips=25),
                   preprocess=Preprocess(short_side, 64, MEAN, DEVIATION, views),
                   network=replace(TSM.network, input=Tensor("video", (25 * count, 3, 64, 64))))
    clip = Clip("v", tmp_path / "v", 3, frames)

    assert same_bits(input_of_mmaction2(clip, spec), our_input(clip, spec))
