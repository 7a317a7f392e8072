"""What a video's packets tell without decoding: how many frames, which is which, and where to begin."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tools.media import decode, video
from tools.media.decode import Clip, ClipError
from tools.media.picture import PictureError
from tools.media.video import Decoded, Video


@dataclass
class Packet:
    """A packet, shown at its time."""

    pts: int | None
    is_keyframe: bool = False
    size: int = 100
    is_discard: bool = False


@dataclass
class Codec:
    """A decoder that gives a packet's frame at once; *skip_frame*: how each packet was asked for."""

    name: str = "h264"
    has_b_frames: bool = False
    extradata: bytes | None = None
    skip_frame: str = ""
    flushed: int = 0
    decoded: list[tuple[int | None, str]] = field(default_factory=list)

    def decode(self, packet: Packet) -> list[Any]:
        self.decoded.append((packet.pts, self.skip_frame))
        return [SimpleNamespace(pts=packet.pts)]

    def flush_buffers(self) -> None:
        self.flushed += 1


def made(times: list[int | None], keys: tuple[int, ...] = (0,), format: str = "matroska", frames: int = 0, entries: int = 0,
         codec: Codec | None = None, **more: Any) -> Video:
    """A video of packets shown at these times, those numbered in *keys* being key packets."""
    packets = [Packet(time, number in keys, **more) for number, time in enumerate(times)]
    stream = SimpleNamespace(codec_context=codec or Codec(), frames=frames, index_entries=[None] * entries)
    return Video(cast("Any", stream), cast("Any", packets), format)


def test_empty_and_hidden_packets_are_not_shown() -> None:
    one = made([0, 1, 2, 3])
    one.packets[1].size, one.packets[2].is_discard = 0, True

    assert [0, 3] == Video(one._stream, one.packets, "matroska").shown


@pytest.mark.parametrize(("format", "frames", "entries", "discarded", "declared"), [
    ("matroska", 12, 0, 0, 12), ("matroska", 0, 0, 0, 4), ("matroska", 12, 0, 2, 10), ("mov,mp4,m4a", 12, 9, 0, 9),
    ("mov,mp4,m4a", 9, 12, 0, 9),
    ("mov,mp4,m4a", 12, 12, 3, 9), ("mov,mp4,m4a", 3, 3, 0, 4),
])
def test_as_many_frames_are_declared_as_header_index_and_packets_say(format: str, frames: int, entries: int, discarded: int,
                                                                    declared: int) -> None:
    """Of an MP4 the index too. Without what is hidden, and never less than there are shown packets."""
    one = made([0, 1, 2, 3, *range(4, 4 + discarded)], format=format, frames=frames, entries=entries)
    for packet in one.packets[4:]:
        packet.is_discard = True

    assert declared == Video(one._stream, one.packets, format).declared


@pytest.mark.parametrize(("times", "frames", "timed"), [
    ([0, 2, 1], 3, True), ([0, 2, 1], 4, False), ([0, 1, 1], 3, False), ([0, None, 1], 3, False), ([0, None, 1], 2, False), ([], 0, True),
])
def test_times_tell_frames_apart_if_each_has_its_own(times: list[int | None], frames: int, timed: bool) -> None:
    assert timed == made(times).is_timed(frames)


@pytest.mark.parametrize(("format", "name", "b_frames", "size", "guessed"), [
    ("avi", "h264", True, 100, True), ("avi", "h264", False, 100, False), ("matroska", "h264", True, 100, False),
    ("matroska", "mpeg4", True, 19, True), ("matroska", "mpeg4", True, 20, False), ("matroska", "mpeg4", True, 0, False),
    ("matroska", "mpeg4", False, 19, False), ("matroska", "h264", True, 19, False), ("matroska", "mpeg4", True, 1, True),
])
def test_where_b_frames_have_no_times_of_their_own_these_are_guesses(format: str, name: str, b_frames: bool, size: int,
                                                                     guessed: bool) -> None:
    one = made([0, 1], format=format, codec=Codec(name, b_frames), size=size)
    assert guessed == bool(one._is_guessed)


OPEN = [0, 4, 2, 1, 3, 8, 6, 5, 7, 12]  # I P B b b, and an open group whose B-frames are shown before its key packet


@pytest.mark.parametrize(("index", "start"), [(0, 0), (4, 0), (7, 0), (8, 5), (9, 5)])
def test_a_frame_is_decoded_from_a_key_packet_that_is_not_shown_after_it(index: int, start: int) -> None:
    """Frames that follow an open key packet and are shown before it need what stands before."""
    one = made([*OPEN], keys=(0, 5))
    assert sorted(OPEN) == one.order
    assert start == one.start_of(index)


def test_a_packet_is_found_by_its_frame_and_the_next_one_without() -> None:
    one = made([*OPEN])
    assert [0, 4, 2, 1, 3, 8, 6, 5, 7, 9] == [one.index_at(place) for place in range(10)]
    assert 0 == made([None, 5, 3]).index_at(0)


def hevc(*layers: int) -> bytes:
    """A parameter set that says so many temporal layers."""
    return b"\x00\x00\x01" + video.VPS + b"".join(b"\x0c" + bytes([layer << 1]) for layer in layers)


@pytest.mark.parametrize(("name", "extradata", "skips"), [
    ("h264", None, True), ("mpeg4", None, True), ("mpeg2video", None, True), ("mpeg1video", None, True), ("vp9", None, False),
    ("hevc", None, False), ("hevc", hevc(0), True), ("hevc", hevc(1), False), ("hevc", hevc(2), False), ("hevc", b"xx", False),
    ("hevc", hevc(), False),
])
def test_frames_that_nothing_refers_to_are_dropped_where_that_is_known(name: str, extradata: bytes | None, skips: bool) -> None:
    """In HEVC a higher layer may refer to them."""
    assert skips == made([0], codec=Codec(name, extradata=extradata))._skips


class Sums:
    """Stands in for what makes pictures: of a frame its time, ten times over."""

    def crc32(self, frame: Any) -> int:
        return 10 * int(frame.pts)

    def picture(self, frame: Any) -> Any:
        return np.full((1, 1, 3), frame.pts, np.uint8)


@pytest.mark.parametrize(("skips", "how"), [("h264", "NONREF"), ("vp9", "DEFAULT")])
def test_only_what_is_needed_is_decoded(monkeypatch: pytest.MonkeyPatch, skips: str, how: str) -> None:
    """From the key packet on that a frame needs, once; frames that nobody wants may be dropped on the way."""
    monkeypatch.setattr(video, "Converter", Sums)
    codec = Codec(skips)
    one = made([*range(12)], keys=(0, 4, 8), codec=codec)
    found = one.by_time([9, 1, 6, 5])

    assert {1: 10, 5: 50, 6: 60, 9: 90} == found.sums
    assert [1, 5, 6, 9] == sorted(found.pictures)
    assert [(0, how), (1, "DEFAULT"), (4, "DEFAULT"), (5, "DEFAULT"), (6, "DEFAULT"), (8, "DEFAULT"), (9, "DEFAULT")] == codec.decoded
    assert 2 == codec.flushed


def test_until_the_key_packets_own_picture_comes_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pictures are refreshed bit by bit it never does."""
    monkeypatch.setattr(video, "Converter", Sums)
    codec = Codec()
    one = made([*range(6)], keys=(0, 3), codec=codec)
    monkeypatch.setattr(codec, "decode", lambda packet: [SimpleNamespace(pts=packet.pts)] if packet.pts != 3 else [])

    assert {} == one.by_time([4]).pictures


def test_decoding_from_the_start_counts_all_and_stops_where_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of frames that are only summed no picture is kept; damage, times and sizes are noted of each."""
    monkeypatch.setattr(video, "Converter", Sums)
    monkeypatch.setattr(video, "turn_of", lambda frame: frame.pts)

    class Whole(Codec):
        def decode(self, packet: Packet) -> list[Any]:
            super().decode(packet)
            assert packet.pts is not None
            return [SimpleNamespace(pts=packet.pts, width=4 + packet.pts, height=2, is_corrupt=packet.pts == 3,
                                    interlaced_frame=packet.pts == 2)]

    found = made([*range(6)], codec=Whole()).decoded({1, 4}, summed={2})
    assert ([0, 1, 2, 3, 4, 5], [(4 + number, 2) for number in range(6)], {3}) == (found.times, found.sizes, found.corrupt)
    assert ({1: 10, 2: 20, 4: 40}, {1, 4}, 6, 4, False) == (found.sums, found.pictures.keys(), found.frames, found.turn, found.interlaced)
    assert made([*range(6)], codec=Whole()).decoded({2}).interlaced
    stopped = made([*range(6)], codec=(codec := Whole())).decoded({1, 3}, stop=True)
    assert (4, 4) == (stopped.frames, len(codec.decoded))


class Tape:
    """A video that gives *by_time* when it is timed, and all when it is decoded from its start."""

    def __init__(self, timed: bool, missing: bool) -> None:
        self.timed, self.missing, self.did = timed, missing, list[str]()

    def is_timed(self, frames: int) -> bool:
        self.did.append(f"timed {frames}")
        return self.timed

    def by_time(self, wanted: list[int]) -> Decoded:
        self.did.append(f"by time {wanted}")
        return self._of(wanted[1:] if self.missing else wanted, 1)

    def decoded(self, wanted: list[int], *, stop: bool) -> Decoded:
        self.did.append(f"from the start {wanted} {stop}")
        return self._of(wanted, 2)

    def _of(self, wanted: list[int], value: int) -> Decoded:
        return Decoded({index: np.full((1, 1, 3), value, np.uint8) for index in wanted}, dict.fromkeys(wanted, value))


@pytest.mark.parametrize(("timed", "missing", "did", "value"), [
    (True, False, ["timed 9", "by time [2, 5]"], 1), (True, True, ["timed 9", "by time [2, 5]", "from the start [2, 5] True"], 2),
    (False, False, ["timed 9", "from the start [2, 5] True"], 2),
])
def test_frames_are_read_by_time_or_else_from_the_start(monkeypatch: pytest.MonkeyPatch, timed: bool, missing: bool, did: list[str],
                                                        value: int) -> None:
    """In the order that was asked for, repeats included."""
    tape = Tape(timed, missing)

    @contextmanager
    def opened(path: Path) -> Iterator[Tape]:
        yield tape

    monkeypatch.setattr(video, "opened", opened)
    frames, total = video.read(Path("v"), np.array([5, 2, 5]), 9)

    assert (did, (3, 1, 1, 3), value) == (tape.did, frames.shape, frames.max())
    assert Decoded(sums={2: value, 5: value}).total(np.array([5, 2, 5])) == total
    assert total != Decoded(sums={2: value, 5: value + 1}).total(np.array([5, 2, 5]))


@pytest.mark.parametrize("error", [PictureError("has colours by no matrix", remedy="do"), IndexError("x"), KeyError(3)])
def test_what_cannot_be_read_names_its_clip(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """With the remedy of the fault where it has one."""
    def fails(*given: object) -> None:
        raise error

    monkeypatch.setattr(video, "read", fails)
    clip = Clip("v", Path(__file__), 0, 9, listed="list.txt:3")
    with pytest.raises(ClipError) as caught:
        decode.read_frames(clip, "videos", np.arange(3))
    words = "clip v has colours by no matrix" if isinstance(error, PictureError) else "clip v cannot be decoded"
    assert (words, f"{__file__} (list.txt:3)") == (caught.value.what, caught.value.where)
    assert str(caught.value.remedy).startswith("do" if isinstance(error, PictureError) else "restore the file, or take its line out")
