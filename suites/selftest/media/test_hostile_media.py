"""Pictures and videos that somebody made to fill the memory, or to have other files opened."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from suites.selftest.machine.test_declared import bounded
from tools.datasets.examine import examine
from tools.datasets.rawframes import extract
from tools.errors import DataError
from tools.media import container, still, video
from tools.media.decode import FRAME_NAME, Clip, ClipError, read_frames
from tools.media.proof import prove

FIRST = np.zeros(1, np.int64)


def jpeg(width: int, height: int, *, before: bytes = b"") -> bytes:
    """A JPEG of 16 x 16 pixels that declares another size; *before*: bytes before its tables."""
    content = bytearray(cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    place = content.index(b"\xff\xc0")
    content[place + 5 : place + 9] = struct.pack(">HH", height, width)
    content[2:2] = before
    return bytes(content)


def png(width: int, height: int) -> bytes:
    """The same of a PNG, whose checksum is right."""
    content = bytearray(cv2.imencode(".png", np.zeros((16, 16, 3), np.uint8))[1].tobytes())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def picture_clip(path: Path, content: bytes) -> Clip:
    path.mkdir()
    (path / FRAME_NAME.format(1)).write_bytes(content)
    return Clip("v", path, 0, 1)


def made(path: Path, codec: str = "mpeg4", pix_fmt: str = "yuv420p", kind: str = "") -> Path:
    """A video of ten frames of 64 x 64 pixels."""
    with av.open(str(path), "w", format=kind or None) as target:
        stream = target.add_stream(codec, rate=5)
        assert isinstance(stream, av.VideoStream)
        stream.width = stream.height = 64
        stream.pix_fmt = pix_fmt
        for number in range(10):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), number * 20, np.uint8), format="rgb24")))
        target.mux(stream.encode())
    return path


@pytest.mark.parametrize("content", [jpeg(60000, 60000), jpeg(20000, 20000), jpeg(20000, 20000, before=b"\xff\xfe\0\4hi\0\xff\xff"),
                                     png(60000, 60000), png(6000, 6000), png(2**31 - 1, 2**31 - 1)],
                         ids=["jpeg 60000", "jpeg 20000", "behind a comment", "png 60000", "png 6000", "png of exapixels"])
def test_a_picture_that_declares_a_huge_size_is_not_decoded(tmp_path: Path, content: bytes) -> None:
    """Neither when a clip is checked nor when it is read; the check says how large it claims to be."""
    clip = picture_clip(tmp_path / "v", content)
    said = bounded(lambda: examine(clip, "rawframes"))
    assert said == f"clip v cannot be decoded (it declares {still.pixels(content):,} pixels)"
    assert "clip v cannot be decoded" in bounded(lambda: read_frames(clip, "rawframes", FIRST))


@pytest.mark.parametrize("content", [jpeg(16, 16), jpeg(16, 16, before=b"\xff\xfe\0\4hi"), png(16, 16)],
                         ids=["jpeg", "with a comment", "png"])
def test_a_picture_is_decoded(tmp_path: Path, content: bytes) -> None:
    assert 16 * 16 == still.pixels(content)
    assert (1, 16, 16, 3) == read_frames(picture_clip(tmp_path / "v", content), "rawframes", FIRST).shape


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8" * 10, b"\xff\xd8" + b"\xff\xe0\0\0" * 9, b"\x89PNG\r\n\x1a\n",
                                     b"P6 30000 30000 255\n",
                                     b"BM" + bytes(60)], ids=["empty", "a mark", "marks", "segments of nothing", "png", "pnm", "bmp"])
def test_what_is_no_picture_has_no_size(tmp_path: Path, content: bytes) -> None:
    """Nor is another kind of picture looked at, which could hide a size."""
    assert 0 == still.pixels(content)
    with pytest.raises(ClipError, match=r"clip v (is empty|cannot be decoded)"):
        examine(picture_clip(tmp_path / "v", content), "rawframes")


def declared_huge(path: Path) -> Path:
    """A QuickTime film of some kilobytes whose header declares 16000 x 16000 pixels a frame."""
    content = bytearray(made(path, "qtrle", "rgb24", "mov").read_bytes())
    place = content.index(b"rle ") + 28
    content[place : place + 4] = struct.pack(">HH", 16000, 16000)
    path.write_bytes(content)
    return path


def test_a_video_that_declares_a_huge_size_is_not_decoded(tmp_path: Path) -> None:
    """A frame of it would take 768 MB, and forty are compared."""
    clip = Clip("v", declared_huge(tmp_path / "v.mov"), 0)
    for work in (lambda: prove(clip, lambda frames: FIRST), lambda: read_frames(clip, "videos", FIRST)):
        assert bounded(work, 3 * 2**30).startswith("clip v cannot be decoded")


def in_parts(folder: Path, other: Path) -> str:
    made(folder / "part.mp4")
    return "ffconcat version 1.0\nfile part.mp4\n"


def playlist(folder: Path, other: Path) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{other}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(("name", "text"), [("v.mp4", in_parts), ("v.avi", in_parts), ("v.m3u8", playlist)])
def test_a_video_has_no_other_file_opened(tmp_path: Path, name: str, text: Callable[[Path, Path], str]) -> None:
    """A list of parts or a playlist in the place of a video would show another person's."""
    (tmp_path / "home").mkdir()
    (tmp_path / "shared").mkdir()
    path = tmp_path / "shared" / name
    path.write_text(text(path.parent, made(tmp_path / "home" / "private.mp4")))
    with av.open(str(path)) as source:
        assert 10 <= len([*source.decode(video=0)]), "FFmpeg itself does not follow it"
    for work in (lambda: prove(Clip("v", path, 0), lambda frames: FIRST), lambda: read_frames(Clip("v", path, 0), "videos", FIRST)):
        with pytest.raises(ClipError, match="clip v cannot be decoded"):
            work()
    with pytest.raises(DataError, match="no video that has its pictures in itself"):
        extract(path, tmp_path / "frames", tmp_path / "partial")
    assert not (tmp_path / "partial").exists()


def test_frames_are_extracted_from_no_huge_video(tmp_path: Path) -> None:
    path = declared_huge(tmp_path / "v.avi")
    assert "its frames have no size, or too large a one" == bounded(lambda: extract(path, tmp_path / "a", tmp_path / "b"))


@pytest.mark.parametrize(("kind", "codec"), [("mp4", "mpeg4"), ("avi", "mpeg4"), ("matroska", "mpeg4"), ("mpegts", "mpeg2video"),
                                             ("mpeg", "mpeg2video"), ("flv", "flv"), ("webm", "libvpx"),
                                             ("asf", "mpeg4"), ("3gp", "mpeg4"), ("mov", "mpeg4"), ("mjpeg", "mjpeg"), ("ivf", "libvpx")])
def test_videos_of_every_usual_container_are_opened(tmp_path: Path, kind: str, codec: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip("this FFmpeg does not write it")
    path = made(tmp_path / f"v.{kind}", codec, "yuvj420p" if codec == "mjpeg" else "yuv420p", kind)
    assert "" == container.refusal(path)
    with video.opened(path) as found:
        assert 10 == len(found.shown)
