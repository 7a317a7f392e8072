"""Proves that a video's frames are read right: decoded once from the start, and compared with two others.

First with how its frames are read. Each frame must come at the time that its index stands for; and from two
key packets that a sample starts at, a picture that comes soon after must have the same bits. That is where a
false key packet shows. The sum over all sampled frames is kept, and whoever reads them compares it: reading
them all here as well would make a check half as slow again.

Then with another decoder, OpenCV's, which must show the same pictures at the same indices, with the same
colours and turned the same way. It decodes the first eighth of a video, and all up to the last sampled frame
where packets are lost on the way. Its FFmpeg counts as PyAV's does, so what goes wrong goes wrong early: with
the first B-frames, a hidden start, a turn, a matrix. A fault of one decoder in the middle of a whole video
would be missed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tools.media import other_decoder, video
from tools.media.decode import TOLERATED_LOSS, Clip, ClipError, Indices, undecodable
from tools.media.picture import ENCODE_AGAIN, SIZES, PictureError
from tools.media.preprocess import Frames
from tools.media.video import Decoded, Video

SOON = 16  # frames after a key packet
SHARE, LEAST, MOST = 8, 12, 40  # OpenCV reads one in eight frames, but so many
COMPARED = {0, 1, 3, 8, 21, 34}

Sampled = Callable[[int], Indices]


@dataclass(frozen=True, slots=True)
class Proof:
    """How many frames a video has, and the sum of those sampled: `Decoded.total`."""

    frames: int
    sampled_crc32: int


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is looked at in a video of so many frames: *read* again by time, *shown* by the other decoder."""

    frames: int
    sampled: tuple[int, ...]
    read: frozenset[int]
    shown: frozenset[int]

    @property
    def wanted(self) -> frozenset[int]:
        return self.read | self.shown


def prove(clip: Clip, sampled: Sampled) -> Proof:
    """The frames of a video, once it is known that those *sampled* of so many are the right ones.

    Raises:
        ClipError: it is damaged, or its frames cannot be read at random, or another decoder shows others.
    """
    import av

    try:
        return _prove(clip, sampled)
    except PictureError as error:
        raise ClipError(clip, clip.path, error.what, error.remedy or "") from error
    except (av.FFmpegError, IndexError) as error:
        raise undecodable(clip, clip.path) from error


def _prove(clip: Clip, sampled: Sampled) -> Proof:
    with video.opened(clip.path) as source:
        plan = _plan(source, len(source.shown), sampled)
        plain = source.decoded(plan.wanted, summed=set(plan.sampled))
        _require_whole(clip, plain, source.declared)
        again = _at_random(plan, source)
    if plain.frames != plan.frames:  # some packets give no frame
        with video.opened(clip.path) as source:
            plan = _plan(source, plain.frames, sampled)
            plain = source.decoded(plan.wanted, summed=set(plan.sampled))
            again = _at_random(plan, source)
    if damaged := plain.corrupt.intersection(plan.sampled):
        raise undecodable(clip, clip.path, f"frame {min(damaged)} is damaged")
    if len({plain.sizes[index] for index in plan.sampled}) > 1:
        raise PictureError(SIZES, remedy=ENCODE_AGAIN)
    _require_same_at_random(clip, source, plain, again)
    other_decoder.require_same(clip, plain, plan.shown)
    return Proof(plain.frames, plain.total(np.array(plan.sampled, np.int64)))


def _require_whole(clip: Clip, plain: Decoded, declared: int) -> None:
    least = (1 - TOLERATED_LOSS) * declared
    if plain.frames == 0 or plain.frames < least:
        raise undecodable(clip, clip.path, f"{plain.frames} of {declared} frames decode")
    if plain.frames - len(plain.corrupt) < least:
        raise undecodable(clip, clip.path, f"{len(plain.corrupt)} of {plain.frames} frames are damaged")


def _plan(source: Video, frames: int, sampled: Sampled) -> _Plan:
    chosen = sampled(frames).tolist() if frames else []
    wanted = sorted(set(chosen))
    read = _soon(source, wanted) if source.is_timed(frames) else ()
    shown = COMPARED & set(range(min(frames, MOST, max(LEAST, frames // SHARE))))
    if frames != len(source.shown):
        shown = shown.union(wanted[:1], wanted[-1:])
    return _Plan(frames, tuple(chosen), frozenset(read), frozenset(shown))


def _soon(source: Video, wanted: list[int]) -> set[int]:
    """Of the first and last key packet that reading starts at, a sampled frame or one before that comes soon.

    Reading that starts at the first packet is what decoding from the start is.
    """
    first: dict[int, int] = {}
    for index in wanted:
        if start := source.start_of(index):
            first.setdefault(start, index)
    return {min(first[start], source.index_at(start) + SOON) for start in (*list(first)[:1], *list(first)[-1:])}


def _at_random(plan: _Plan, source: Video) -> dict[int, Frames]:
    """Frames as they are read at random; none where reading is what has just been done."""
    source.rewind()
    return source.by_time(plan.read).pictures


def _require_same_at_random(clip: Clip, source: Video, plain: Decoded, again: dict[int, Frames]) -> None:
    if not source.is_timed(plain.frames):
        return
    wrong = [index for index, picture in again.items() if not np.array_equal(picture, plain.pictures[index])]
    if plain.times != sorted(time for time in source.shown if time is not None):
        wrong = [next(index for index, pair in enumerate(zip(plain.times, source.order, strict=True)) if pair[0] != pair[1])]
    if wrong:
        raise ClipError(clip, clip.path, f"cannot be read at random: frame {wrong[0]} is another one then", ENCODE_AGAIN)
