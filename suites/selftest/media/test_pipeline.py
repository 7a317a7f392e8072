"""Our path from file to network input, held bit for bit against mmaction2's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from suites.selftest.specs import recogniser_spec
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.measuring.recogniser import fill
from tools.media import decode
from tools.media.decode import Clip
from tools.media.preprocess import Floats, Frames, crops, frame_indices, normalise
from tools.media.proof import prove
from tools.spec.model import ListFormat, ModelSpec
from tools.spec.settings import MODELS, ROOT

RECOGNISERS = ("tsm", "slowfast", "r2plus1d", "nonlocal")
SPECS: dict[str, ModelSpec] = {name: recogniser_spec(MODELS, name) for name in RECOGNISERS}
SHARED = ROOT.parent / "shared" / "data"
LENGTHS = (20, 58, 59, 63, 64, 65, 90)  # where the rules of 0.x and 1.x change from wrapping to centring, and beyond
KINDS: dict[str, ListFormat] = {"jpeg": "rawframes", "avi": "videos", "mp4": "videos"}
FORMATS = {"jpeg": ("", encode.write_jpegs, LENGTHS), "avi": (".avi", encode.write_avi, (20, 59, 90)),
           "mp4": (".mp4", encode.write_mp4, (20, 59, 90))}  # the length decides the frames in all formats
ROUNDING = 3  # of 255
REAL = {"video/test.mp4": 300, "video/part_0.mp4": 32, "video/test.avi": 164, "rawframes": 10}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Clip]:
    """A rendered clip of each length as frames, and of some as videos, by format and length."""
    folder = tmp_path_factory.mktemp("clips")
    clips = {}
    for label, total in enumerate(LENGTHS):
        frames = render(Recipe(label, total, (3, label), noise=4.0, travel=160.0))
        for name, (ending, write, lengths) in FORMATS.items():
            if total in lengths:
                write(frames, folder / f"{total}{ending}")
                clips[name, total] = Clip(f"{total}{ending}", folder / f"{total}{ending}", label, total)
    return clips


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest) -> Clip:
    """A clip that nobody here made."""
    if not SHARED.is_dir():
        pytest.skip("shared/data is not beside this checkout")
    return Clip(request.param, SHARED / request.param, 0, REAL[request.param])


def kind_of(clip: Clip) -> ListFormat:
    return "rawframes" if clip.path.is_dir() else "videos"


def our_crops(clip: Clip, spec: ModelSpec) -> Frames:
    """The crops before they are normalised, in the layout of the network's input."""
    cut = crops(decode.read_frames(clip, kind_of(clip), frame_indices(clip.frames, spec.sampling)), spec.preprocess)
    if spec.preprocess.layout == "NCTHW":
        return cut.transpose(0, 4, 1, 2, 3)
    return cut[0].transpose(0, 3, 1, 2)


def our_input(clip: Clip, spec: ModelSpec) -> Floats:
    out = np.empty(spec.network.input.shape, np.float32)
    fill(clip, kind_of(clip), spec, out)
    return out


def crops_of_mmaction2(clip: Clip, spec: ModelSpec) -> Frames:
    """What mmaction2's transforms pack, before its normalisation."""
    from tools.pytorch.networks import import_mmaction
    from tools.pytorch.pipeline import pipeline_steps, row

    import_mmaction()
    from mmengine.dataset import Compose

    kind = kind_of(clip)
    packed: Frames = Compose(pipeline_steps(spec, kind))(row(clip, kind))["inputs"].numpy()
    return packed


def input_of_mmaction2(clip: Clip, spec: ModelSpec) -> Floats:
    from tools.pytorch.pipeline import clip_loader

    return clip_loader(spec, kind_of(clip))(clip)


def same_bits(expected: NDArray[np.generic], actual: NDArray[np.generic]) -> bool:
    return (expected.dtype, expected.shape, expected.tobytes()) == (actual.dtype, actual.shape, actual.tobytes())


@pytest.mark.torch
@pytest.mark.parametrize(("format", "total"), [(name, total) for name, (_, _, lengths) in FORMATS.items() for total in lengths])
@pytest.mark.parametrize("model", RECOGNISERS)
def test_made_clips_become_the_input_that_mmaction2_makes(
        made: dict[tuple[str, int], Clip], model: str, format: str, total: int) -> None:
    """The float input of a made clip has mmaction2's bits, and so have its crops: 256 values give 256 inputs.

    It is so for every model in every format, and at every length, which decides the frames in all formats.
    """
    clip, spec = made[format, total], SPECS[model]

    assert KINDS[format] == kind_of(clip)
    assert same_bits(input_of_mmaction2(clip, spec), our_input(clip, spec))


@pytest.mark.torch
@pytest.mark.parametrize(("width", "height"), [(101, 75), (75, 101), (64, 64), (333, 500), (340, 256), (1280, 300)])
@pytest.mark.parametrize("model", RECOGNISERS)
def test_frames_of_any_shape_become_the_input_that_mmaction2_makes(tmp_path: Path, model: str, width: int, height: int) -> None:
    """Wide, tall, square, small and large frames are scaled, rounded and cut as mmaction2 does it."""
    noise = np.random.default_rng(2).integers(0, 256, (3, height, width, 3), np.uint8)
    encode.write_jpegs(noise, tmp_path / "v")
    clip, spec = Clip("v", tmp_path / "v", 0, 3), SPECS[model]

    assert same_bits(crops_of_mmaction2(clip, spec), our_crops(clip, spec))


@pytest.mark.torch
@pytest.mark.parametrize("model", RECOGNISERS)
def test_real_clips_become_the_input_that_mmaction2_makes(real: Clip, model: str) -> None:
    """The crops and the float input of a clip nobody here made have mmaction2's bits."""
    spec = SPECS[model]

    assert same_bits(crops_of_mmaction2(real, spec), our_crops(real, spec))
    assert same_bits(input_of_mmaction2(real, spec), our_input(real, spec))


def videos(made: dict[tuple[str, int], Clip]) -> Iterator[Clip]:
    yield from (clip for clip in made.values() if kind_of(clip) == "videos")


def decord_differs_by(clip: Clip, asked: decode.Indices) -> int:
    decord = pytest.importorskip("decord", reason="decord has no wheel here")
    theirs = decord.VideoReader(str(clip.path), num_threads=1).get_batch(asked).asnumpy()
    return int(np.abs(theirs.astype(int) - decode.read_frames(clip, "videos", asked)).max())


def test_decord_sees_the_same_frames(made: dict[tuple[str, int], Clip]) -> None:
    """Decord gives every frame of a clean MP4 or AVI too, in any order asked for; it rounds less exactly."""
    for clip in videos(made):
        assert decord_differs_by(clip, np.array([*range(clip.frames), 0, clip.frames - 1, 7, 7], np.int64)) <= ROUNDING, clip.id


@pytest.mark.parametrize("real", [name for name in REAL if name != "rawframes"], indirect=True)
def test_decord_sees_the_same_real_frames(real: Clip) -> None:
    """Decord gives the frames of a real video too."""
    assert decord_differs_by(real, frame_indices(real.frames, SPECS["slowfast"].sampling)) <= ROUNDING


def test_as_many_frames_are_counted_as_were_written(made: dict[tuple[str, int], Clip]) -> None:
    """The count of a clean video is the number of frames it was made of."""
    assert [clip.frames for clip in videos(made)] == [prove(clip, np.arange).frames for clip in videos(made)]


def test_normalising_divides() -> None:
    """Normalising divides by the deviation; multiplying by its inverse gives other bits."""
    how = SPECS["tsm"].preprocess
    values = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None, None], (1, 256, 1, 3))
    mean, deviation = np.array(how.mean, np.float32), np.array(how.deviation, np.float32)
    out = np.empty((1, 3, 256, 1), np.float32)
    normalise(values, how, out)
    actual = out.transpose(0, 2, 3, 1)

    assert same_bits((values.astype(np.float32) - mean) / deviation, actual)
    assert not same_bits((values.astype(np.float32) - mean) * (1 / deviation), actual)


def test_equal_recipes_give_equal_frames() -> None:
    """A recipe decides every pixel, and another seed or label gives other pixels."""
    recipe = Recipe(4, 6, (1, 2, 3), noise=4.0, travel=160.0)

    assert same_bits(render(recipe), render(replace(recipe)))
    for other in (replace(recipe, seed=(1, 2, 4)), replace(recipe, label=5)):
        assert not same_bits(render(recipe), render(other))
