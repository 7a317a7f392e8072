"""What a check looks at in a video: few frames, and those where decoders are known to part."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tools.media import other_decoder, proof
from tools.media.decode import Clip, ClipError, Indices
from tools.media.picture import ENCODE_AGAIN, Turn
from tools.media.preprocess import Frames
from tools.media.video import Decoded, Video

CLIP = Clip("v", Path(__file__), 0)  # a file that is there
GREY = np.full((8, 12, 3), 100, np.uint8)


@dataclass
class Source:
    """A video with a key packet every *apart* packets; frames are shown in the order of packets."""

    shown: list[int | None]
    apart: int = 20
    timed: bool = True

    def is_timed(self, frames: int) -> bool:
        return self.timed

    def start_of(self, index: int) -> int:
        return index // self.apart * self.apart

    def index_at(self, place: int) -> int:
        return place

    @property
    def order(self) -> list[int]:
        return sorted(time for time in self.shown if time is not None)


def plan(source: Source, frames: int, *sampled: int) -> proof._Plan:
    def chosen(_: int) -> Indices:
        return np.array(sampled, np.int64)

    return proof._plan(cast("Video", source), frames, chosen)


@pytest.mark.parametrize(("frames", "shown"), [
    (5, {0, 1, 3}), (12, {0, 1, 3, 8}), (100, {0, 1, 3, 8}), (176, {0, 1, 3, 8, 21}), (175, {0, 1, 3, 8}), (1000, {0, 1, 3, 8, 21, 34}),
])
def test_the_other_decoder_shows_the_first_eighth(frames: int, shown: set[int]) -> None:
    """Of the first twelve frames at least and of forty at most, where each packet gives a frame."""
    assert shown == plan(Source([*range(frames)]), frames, 50).shown


def test_where_packets_give_no_frame_it_shows_the_sampled_ends_too() -> None:
    """The first and the last sampled frame: an index that is off by one shows there."""
    assert {0, 1, 3, 8, 30, 90} == plan(Source([*range(101)]), 100, 60, 90, 30).shown
    assert {0, 1, 3, 8, 30, 90} == plan(Source([*range(100)]), 101, 60, 90, 30).shown


def test_what_starts_at_the_first_and_last_key_packets_is_read_by_time() -> None:
    """A sampled frame, or one soon after the packet where the first sampled one is far from it.

    What starts at the first packet of all is decoded from the start anyhow.
    """
    source = Source([*range(200)], apart=50)

    assert frozenset({53, 166}) == plan(source, 200, 10, 53, 60, 110, 190).read
    assert frozenset() == plan(source, 200, 10, 49).read
    assert frozenset() == plan(replace(source, timed=False), 200, 10, 53).read
    assert frozenset({53, 166, 0, 1, 3, 8, 21}) == plan(source, 200, 10, 53, 60, 110, 190).wanted


def test_a_video_without_frames_is_not_sampled() -> None:
    assert proof._Plan(0, (), frozenset(), frozenset()) == plan(Source([]), 0, 7)


def whole(frames: int, corrupt: int = 0) -> Decoded:
    return Decoded(times=[*range(frames)], corrupt=set(range(corrupt)))


@pytest.mark.parametrize(("found", "words"), [
    (whole(98), ""), (whole(97), "97 of 100 frames decode"), (whole(0), "0 of 100 frames decode"), (whole(100, 2), ""),
    (whole(100, 3), "3 of 100 frames are damaged"), (whole(99, 2), "2 of 99 frames are damaged"),
])
def test_one_frame_in_fifty_may_be_lost(found: Decoded, words: str) -> None:
    """Lost or damaged, both counted together; the error says which of them there are."""
    with pytest.raises(ClipError, match=words) if words else nullcontext():
        proof._require_whole(CLIP, found, 100)


def test_of_a_video_that_declares_nothing_a_frame_must_decode() -> None:
    proof._require_whole(CLIP, whole(1), 0)
    with pytest.raises(ClipError, match="0 of 0 frames decode"):
        proof._require_whole(CLIP, whole(0), 0)


@pytest.mark.parametrize(("times", "again", "wrong"), [
    ([0, 1, 2, 3], {2: GREY}, None), ([0, 1, 2, 3], {2: GREY + 1, 3: GREY + 1}, 2), ([0, 2, 1, 3], {}, 1), ([0, 1, 2, 4], {}, 3),
])
def test_frames_come_at_the_times_that_packets_tell(times: list[int | None], again: dict[int, Frames], wrong: int | None) -> None:
    """With the same bits, however they are read; the error names the first that does not."""
    plain = Decoded(dict.fromkeys(range(4), GREY), times=times)
    source = Source([0, 1, 2, 3])
    proof._require_same_at_random(CLIP, cast("Video", replace(source, timed=False)), plain, again)
    words = f"cannot be read at random: frame {wrong} is another one then\n.*\n.*{re.escape(ENCODE_AGAIN)}"
    with pytest.raises(ClipError, match=words) if wrong is not None else nullcontext():
        proof._require_same_at_random(CLIP, cast("Video", source), plain, again)


def compare(monkeypatch: pytest.MonkeyPatch, ours: Frames, other: Frames | None, **how: Any) -> list[bool]:
    """Compare a frame with what the other decoder shows: whether it was asked to turn pictures."""
    asked: list[bool] = []

    def pictures(path: Path, indices: list[int], *, turned: bool) -> list[tuple[int, Frames | None]]:
        asked.append(turned)
        return [(index, other) for index in indices]

    monkeypatch.setattr(other_decoder, "_pictures", pictures)
    other_decoder.require_same(CLIP, Decoded({3: ours}, **how), {3})
    return asked


@pytest.mark.parametrize(("other", "words"), [
    (None, "cannot be checked: OpenCV decodes no frame 3"), (GREY[:, :10], "is turned or cut differently by OpenCV: 10x8, not 12x8"),
    (GREY + 3, "has another picture: frame 3 differs from OpenCV's by 3.0 of 255 on average"),
])
def test_another_picture_of_the_other_decoder_is_refused(monkeypatch: pytest.MonkeyPatch, other: Frames | None, words: str) -> None:
    """Saying in what it differs; two levels of 255 on average are rounding."""
    compare(monkeypatch, GREY, GREY + 2)
    with pytest.raises(ClipError, match=words) as caught:
        compare(monkeypatch, GREY, other)
    assert ENCODE_AGAIN == caught.value.remedy


def test_what_differs_most_likely_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture on its head, one of other colours as bright as ours, and an interlaced one."""
    ramp = np.ascontiguousarray(np.broadcast_to(np.arange(96, dtype=np.uint8).reshape(8, 12, 1), (8, 12, 3)))
    coloured = np.ascontiguousarray(ramp + np.array([0, 30, 60], np.uint8))
    for ours, other, how, words in ((ramp, ramp[::-1, ::-1], {}, "is turned differently: frame 3"),
                                    (coloured, coloured[..., ::-1], {}, "has other colours: frame 3"),
                                    (ramp, ramp[::-1, ::-1], {"interlaced": True}, "it is interlaced")):
        with pytest.raises(ClipError, match=words):
            compare(monkeypatch, ours, np.ascontiguousarray(other), **how)


def test_mirrored_pictures_are_compared_as_they_are_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV turns and does not mirror, so it is asked to turn only where nothing is mirrored."""
    ramp = np.ascontiguousarray(np.broadcast_to(np.arange(96, dtype=np.uint8).reshape(8, 12, 1), (8, 12, 3)))

    assert [False] == compare(monkeypatch, Turn(1, mirrored=True).turned(ramp), ramp, turn=Turn(1, mirrored=True))
    assert [True] == compare(monkeypatch, Turn(1).turned(ramp), Turn(1).turned(ramp), turn=Turn(1))
