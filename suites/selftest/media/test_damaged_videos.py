"""Damaged and misnamed videos: what the frame count says of each, so that none becomes a wrong answer."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.errors import DataError, revive
from tools.media import decode
from tools.media.decode import Clip
from tools.media.preprocess import Frames, frame_indices
from tools.media.proof import prove
from tools.spec.model import Sampling

FRAMES = 60
SPOIL = slice(4, 7)  # tenths of a file
Damage = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One clip as AVI, as MP4 with its index at the end or (`fast`) the beginning, and as MPEG-TS."""
    folder = tmp_path_factory.mktemp("videos")
    frames = render(Recipe(0, FRAMES, (5,), noise=4.0, travel=160.0))
    encode.write_avi(frames, folder / "a.avi")
    encode.write_mp4(frames, folder / "m.mp4")
    wrapped(folder / "m.mp4", folder / "fast.mp4", "mp4", {"movflags": "faststart"})
    wrapped(folder / "m.mp4", folder / "t.ts", "mpegts", {})
    return folder


def wrapped(given: Path, made: Path, container: str, options: dict[str, str]) -> None:
    """The same encoded frames in another container."""
    import av

    with av.open(str(given)) as source, av.open(str(made), "w", format=container, options=options) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)


def spoiled(content: bytes) -> bytes:
    """Zero bytes in the middle, as a download leaves them that was resumed at the wrong place."""
    first, end = (len(content) * tenth // 10 for tenth in (SPOIL.start, SPOIL.stop))
    return content[:first] + bytes(end - first) + content[end:]


def cut(share: float) -> Damage:
    return lambda content: content[: int(len(content) * share)]


def sampled(frames: int) -> decode.Indices:
    return frame_indices(frames, Sampling(1, 1, 8))


def clip(path: Path, content: bytes) -> Clip:
    path.write_bytes(content)
    return Clip(path.name, path, 0)


@pytest.mark.parametrize(("whole", "damage", "words", "detail"), [
    ("m.mp4", cut(0.5), "cannot be decoded", "restore"),  # its index is lost
    ("fast.mp4", cut(0.5), "cannot be decoded", "restore"),
    ("fast.mp4", cut(0.995), "cannot be decoded", "restore"),
    ("fast.mp4", spoiled, "cannot be decoded", "restore"),
    ("a.avi", cut(0.5), "cannot be decoded", "30 of 60 frames decode"),
    ("a.avi", spoiled, "cannot be decoded", "42 of 60 frames decode"),
    ("t.ts", lambda content: content[len(content) // 3:], "cannot be decoded", "restore"),  # its start is lost, and every key frame
    ("m.mp4", lambda content: bytes(len(content)), "cannot be decoded", "restore"),
    ("m.mp4", lambda content: b"", "is empty", "restore"),
    ("m.mp4", lambda content: b"<html>429 Too Many Requests</html>", "cannot be decoded", "restore"),  # what a refused download leaves
], ids=["cut MP4", "cut MP4, index first", "MP4 without its last bytes", "MP4 with zeros inside", "cut AVI", "AVI with zeros inside",
        "MPEG-TS without its start", "nothing but zeros", "empty", "a web page"])
def test_a_damaged_video_is_found(folder: Path, tmp_path: Path, whole: str, damage: Damage, words: str, detail: str) -> None:
    """Counting the frames of a damaged video is a DataError that names it, whatever was lost.

    It says how many decode where some do.
    """
    bad = clip(tmp_path / f"bad{Path(whole).suffix}", damage((folder / whole).read_bytes()))

    with pytest.raises(DataError, match=f"clip {bad.id} {words}") as caught:
        prove(bad, sampled)
    assert detail in str(caught.value)
    assert str(bad.path) == caught.value.where


def test_a_damaged_frame_must_not_be_sampled(folder: Path, tmp_path: Path) -> None:
    """One damaged frame in sixty is no reason to refuse a video, but it is if that frame is sampled."""
    import av

    content = bytearray((folder / "m.mp4").read_bytes())
    with av.open(str(folder / "m.mp4")) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][-1]
    assert packet.pos is not None
    for place in range(packet.pos + packet.size // 2, packet.pos + packet.size):
        content[place] ^= 0x55
    bad = clip(tmp_path / "bad.mp4", bytes(content))

    with pytest.raises(DataError, match=r"clip bad.mp4 cannot be decoded \(frame 5\d is damaged\)"):
        prove(bad, np.arange)
    assert FRAMES == prove(bad, lambda frames: np.arange(10)).frames


@pytest.mark.parametrize(("whole", "name"), [("m.mp4", "m.avi"), ("a.avi", "a.mp4"), ("fast.mp4", "fast.webm"), ("m.mp4", "m")])
def test_a_wrong_extension_is_no_damage(folder: Path, tmp_path: Path, whole: str, name: str) -> None:
    """A video goes by its content, not by its name: a misnamed one has all its frames, with their bits."""
    misnamed = clip(tmp_path / name, (folder / whole).read_bytes())

    assert FRAMES == prove(misnamed, sampled).frames
    assert np.array_equal(read(Clip(whole, folder / whole, 0)), read(misnamed))


@pytest.mark.parametrize("name", ["t.ts", "misnamed.mp4"])
def test_an_mpeg_ts_is_read(folder: Path, tmp_path: Path, name: str) -> None:
    """An MPEG-TS has the frames of the MP4 it was made of."""
    stream = clip(tmp_path / name, (folder / "t.ts").read_bytes())

    assert FRAMES == prove(stream, sampled).frames
    assert np.array_equal(read(Clip("m", folder / "m.mp4", 0)), read(stream))


def read(clip: Clip) -> Frames:
    return decode.read_frames(replace(clip, frames=FRAMES), "videos", np.arange(FRAMES))


@pytest.mark.parametrize(("content", "word", "detail"), [(None, "missing", "is missing"), (b"", "empty", "is empty"),
                                                         (b"noise", "damaged", "cannot be decoded (why)")])
def test_what_a_clip_error_carries_travels(tmp_path: Path, content: bytes | None, word: str, detail: str) -> None:
    """Another process makes the same error of a pickled one, and a like-worded data error of its parts."""
    path = tmp_path / "bad.mp4"
    if content is not None:
        path.write_bytes(content)
    error = decode.undecodable(Clip("bad.mp4", path, 0, listed="list.txt:2"), path, "why")
    again = pickle.loads(pickle.dumps(error))
    revived = revive(*error.parts)

    assert (word, detail, path) == (error.word, error.detail, error.file)
    assert (str(error), word, detail, path) == (str(again), again.word, again.detail, again.file)
    assert (DataError, str(error)) == (type(revived), str(revived))
    assert f"{path} (list.txt:2)" == revived.where
