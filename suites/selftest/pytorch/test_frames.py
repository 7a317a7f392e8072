"""The torch side's own frames of a video: all of them, in order, in full colour, the right way up."""

from __future__ import annotations

import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.specs import recogniser_spec
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.errors import DataError
from tools.media.decode import Clip
from tools.media.preprocess import Frames
from tools.pytorch import frames, pipeline

TINY = recogniser_spec(TINY_MODELS, "tiny")
TOTAL = 90  # a few groups of pictures
BITS, SIDE = 8, 16  # a frame's number is written in it as black and white squares
FILES = {"h264.mp4": "libx264", "xvid.avi": "mpeg4", "h264.mkv": "libx264"}


def numbered() -> Frames:
    """Frames that say in their first row of squares which they are."""
    bits = np.arange(TOTAL)[:, None] >> np.arange(BITS) & 1
    row = np.kron((bits * 255).astype(np.uint8), np.ones((1, SIDE), np.uint8))
    return np.ascontiguousarray(np.broadcast_to(row[:, None, :, None], (TOTAL, 3 * SIDE, BITS * SIDE, 3)))


def numbers(pictures: list[Frames]) -> list[int]:
    """Which frames these are, by their squares."""
    middles = np.stack(pictures)[:, SIDE // 2, SIDE // 2 :: SIDE].mean(axis=2) > 127
    return (middles << np.arange(BITS)).sum(axis=1).tolist()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbered frames as H.264 in MP4 and Matroska and as XVID in AVI.

    All have B-frames, and key frames in between. Matroska's header has no number of frames.
    """
    where = tmp_path_factory.mktemp("numbered")
    for name, codec in FILES.items():
        h264 = codec == "libx264"
        options = {"g": "12", "bf": "2", **({"x264-params": encode.STEADY + ":b-adapt=0"} if h264 else {})}
        encode._write_video(numbered(), where / name, codec, options, None if h264 else "XVID")
    return where


@pytest.mark.parametrize("name", FILES)
def test_every_frame_has_its_own_content(folder: Path, name: str) -> None:
    """Frame i shows what was written as frame i, asked for in any order; the file does have B-frames."""
    import av
    from av.video.frame import PictureType

    wanted = [*range(TOTAL), 5, 5, 0, TOTAL - 1, 37]
    with av.open(str(folder / name)) as container:
        kinds = {PictureType(frame.pict_type).name for frame in container.decode(video=0)}
    results = frames.read_in_order({"filename": str(folder / name), "frame_inds": np.array(wanted)[None]})

    assert {"I", "P", "B"} == kinds
    assert wanted == numbers(results["imgs"])
    assert (3 * SIDE, BITS * SIDE) == results["original_shape"] == results["img_shape"]
    assert TOTAL == frames.count(folder / name)


def test_random_access_gives_other_frames(folder: Path) -> None:
    """Why it reads in order: asked for frames of the AVI by number, decord gives neighbours of some."""
    decord = pytest.importorskip("decord", reason="decord has no wheel here")
    wanted = list(range(3, TOTAL, 7))

    assert wanted != numbers(list(decord.VideoReader(str(folder / "xvid.avi"), num_threads=1).get_batch(wanted).asnumpy()))


@pytest.mark.torch
def test_our_count_of_frames_is_not_used(tmp_path: Path) -> None:
    """The torch side's input of a video is the same whatever our side believes its length to be."""
    clip = Clip("v", tmp_path / "v.mp4", 0, 30)
    encode.write_mp4(render(Recipe(1, 30, (5,), noise=2.0, travel=160.0)), clip.path)
    load = pipeline.clip_loader(TINY, "videos")

    assert load(clip).tobytes() == load(replace(clip, frames=7)).tobytes()


def with_matrix(video: Path, path: Path, a: int, b: int, c: int, d: int) -> Path:
    """The MP4 with the display matrix of its track header replaced, as a phone writes it."""
    content = bytearray(video.read_bytes())
    start = content.index(b"tkhd") + 44
    content[start : start + 36] = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("matrix", "corners"), [
    ((1, 0, 0, 1), "ab/cd"), ((0, 1, -1, 0), "ca/db"), ((-1, 0, 0, -1), "dc/ba"), ((0, -1, 1, 0), "bd/ac"),
    ((-1, 0, 0, 1), "ba/dc"), ((1, 0, 0, -1), "cd/ab"), ((0, 1, 1, 0), "ac/bd"), ((0, -1, -1, 0), "db/ca"),
], ids=["none", "a quarter clockwise", "half", "a quarter back", "mirrored", "upside down", "mirrored and back", "mirrored and on"])
def test_a_turned_video_is_upright(tmp_path: Path, matrix: tuple[int, int, int, int], corners: str) -> None:
    """The corners, written a b above c d, come where a player shows them, in all eight ways to turn."""
    grey = {"a": 40, "b": 100, "c": 160, "d": 220}
    picture = np.kron(np.array([[40, 100], [160, 220]], np.uint8), np.ones((32, 48), np.uint8))
    encode.write_mp4(np.repeat(np.repeat(picture[None, :, :, None], 3, axis=3), 4, axis=0), tmp_path / "v.mp4")
    turned = frames.read(with_matrix(tmp_path / "v.mp4", tmp_path / "turned.mp4", *matrix), np.array([1]))[1]
    height, width = turned.shape[:2]
    middles = turned[height // 4 :: height // 2, width // 4 :: width // 2, 0].astype(int)
    shown = "/".join("".join(min(grey, key=lambda one: abs(grey[one] - level)) for level in row) for row in middles)

    assert ((96, 64) if matrix[0] == 0 else (64, 96), corners) == ((height, width), shown)


@pytest.mark.parametrize(("form", "space", "levels", "expected"), [
    ("yuv420p", 2, 0, (255, 0, 0)), ("yuv420p", 5, 1, (255, 0, 0)), ("yuv420p", 6, 1, (255, 0, 0)), ("yuv420p", 1, 1, (255, 24, 0)),
    ("yuv420p", 2, 2, (238, 15, 15)), ("yuvj420p", 2, 0, (238, 15, 15)),
], ids=["nothing said", "bt470bg", "smpte170m", "bt709", "full range", "full range by its format"])
def test_colours_are_those_the_frame_names(form: str, space: int, levels: int, expected: tuple[int, int, int]) -> None:
    """BT.601's red comes back as red; other words for it, BT.709 and full range give other colours."""
    import av
    from av.video.reformatter import VideoReformatter

    planes = np.concatenate([np.full((16, 16), 81), np.full((4, 16), 90), np.full((4, 16), 240)]).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(planes, format=form)
    frame.time_base, frame.colorspace, frame.color_range = Fraction(1, 25), space, levels
    pixel = frames._rgb(frame, VideoReformatter())[8, 8].astype(int)

    assert np.abs(pixel - expected).max() <= 3, pixel  # swscale's exact rounding makes white 253


@pytest.mark.parametrize("content", [b"", b"no video at all"], ids=["empty", "text"])
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    """What gives no frames is an error that names the file."""
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(DataError, match="from its first frame to its last") as raised:
        frames.count(tmp_path / "v.mp4")

    assert str(tmp_path / "v.mp4") in str(raised.value)


def test_one_wanted_frame_is_read_with_its_size(folder: Path) -> None:
    """A clip of a single frame is a clip too."""
    results = frames.read_in_order({"filename": str(folder / "h264.mp4"), "frame_inds": np.array([41])})
    assert [41] == numbers(results["imgs"])
    assert (3 * SIDE, BITS * SIDE) == results["original_shape"] == results["img_shape"]
