"""Reads videos with PyAV: by packet order and presentation time, never by a container's index.

Frame *i* is always the i-th that decoding from the first packet to the end gives. An index finds that frame
at random in most files only: AVI with B-frames, repeated timestamps and cut files give others without an
error. So all packets are read, which costs little beside decoding; their times, sorted, tell which packet is
which frame, and decoding starts at a key packet. Where times do not tell, frames are decoded from the first
and counted.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.media import container
from tools.media.picture import Converter, Turn, turn_of
from tools.media.preprocess import Frames

if TYPE_CHECKING:
    import av

    Packet = av.Packet[av.VideoStream]

SKIPPABLE = ("h264", "hevc", "mpeg4", "mpeg2video", "mpeg1video")  # whose decoders drop what nothing refers to
PLACE_HOLDER = 19  # bytes of an MPEG-4 packet that stands for a B-frame packed into the one before, at most
VP8_SHOWN = 1 << 4  # of the first byte
VPS = b"\x40\x01"  # the header of HEVC's video parameter set


def read(path: Path, indices: NDArray[np.int64], frames: int) -> tuple[Frames, int]:
    """The frames of *indices* (repeats allowed) as [n,H,W,3] uint8 RGB, and their `total`.

    frames: how many decoding from the first packet to the end gives; 0 if that is not known.

    Raises:
        av.FFmpegError: it cannot be decoded; KeyError: it has no such frame; PictureError: see `Converter`.
    """
    wanted = np.unique(indices).tolist()
    with opened(path) as video:
        timed = video.is_timed(frames)
        found = video.by_time(wanted) if timed else video.decoded(wanted, stop=True)
    if timed and len(found.pictures) < len(wanted):
        with opened(path) as video:
            found = video.decoded(wanted, stop=True)
    return np.stack([found.pictures[index] for index in indices.tolist()]), found.total(indices)


def identity() -> str:
    """The decoder with the versions that shape its pictures, for keys."""
    import av

    parts = [f"{name} {'.'.join(map(str, av.library_versions[name]))}" for name in ("libavcodec", "libswscale")]
    return " ".join([f"PyAV {av.__version__}", *parts])


@contextmanager
def opened(path: Path) -> Iterator[Video]:
    """A video with all its packets, for one pass of its decoder."""
    with container.opened(path) as source:
        stream = source.streams.video[0]
        stream.codec_context.thread_type = "NONE"  # threads would make what is skipped a matter of luck
        yield Video(stream, list(source.demux(stream)), source.format.name)


@dataclass(slots=True)
class Decoded:
    """What was decoded: wanted pictures and sums, and from the first packet on times and sizes as they came.

    corrupt: which frames are damaged; turn: that of the display matrix.
    """

    pictures: dict[int, Frames] = field(default_factory=dict)
    sums: dict[int, int] = field(default_factory=dict)
    times: list[int | None] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    corrupt: set[int] = field(default_factory=set)
    turn: Turn = Turn()  # noqa: RUF009 - it is frozen
    interlaced: bool = False

    @property
    def frames(self) -> int:
        return len(self.times)

    def total(self, indices: NDArray[np.int64]) -> int:
        """The CRC-32 over the sums of these frames, one after the other."""
        return zlib.crc32(np.array([self.sums[index] for index in indices.tolist()], "<u4").tobytes())


class Video:
    """An open video; its decoder serves one pass, and another after `rewind`."""

    def __init__(self, stream: av.VideoStream, packets: list[Packet], format: str) -> None:
        self._stream, self._format, self.packets = stream, format, packets
        self._entry: int | None = None  # the time of the key packet that decoding has started at, until it comes
        self.shown = [packet.pts for packet in packets if self._is_shown(packet)]

    def _is_shown(self, packet: Packet) -> bool:
        """Whether a packet gives a frame: edit lists hide some, and VP8 has some for reference only."""
        if not packet.size or packet.is_discard:
            return False
        return self._stream.codec_context.name != "vp8" or bool(memoryview(packet)[0] & VP8_SHOWN)

    @property
    def declared(self) -> int:
        """The number of frames that should decode, by header and packets, without what an edit list hides."""
        listed = len(self._stream.index_entries) if "mp4" in self._format else self._stream.frames
        hidden = sum(packet.is_discard for packet in self.packets)
        return max(min(self._stream.frames, listed) - hidden, len(self.shown))

    def is_timed(self, frames: int) -> bool:
        """Whether the packets' times tell which of *frames* frames each of them is."""
        return None not in self.shown and len(set(self.shown)) == len(self.shown) == frames and not self._is_guessed

    @property
    def _is_guessed(self) -> bool:
        """Whether FFmpeg guesses where B-frames belong: AVI has no times, packed ones have others'."""
        context = self._stream.codec_context
        packed = context.name == "mpeg4" and any(0 < packet.size <= PLACE_HOLDER for packet in self.packets)
        return context.has_b_frames and (self._format == "avi" or packed)

    def decoded(self, wanted: Collection[int], *, summed: Collection[int] = (), stop: bool = False) -> Decoded:
        """Decode from the first packet to the end, or with *stop* until all wanted frames are there.

        summed: other frames of which only the sum is wanted.
        """
        result, converter = Decoded(), Converter()
        for index, frame in enumerate(self._frames(self.packets)):
            result.times.append(frame.pts)
            result.sizes.append((frame.width, frame.height))
            if frame.is_corrupt:
                result.corrupt.add(index)
            if index in wanted or index in summed:
                result.sums[index] = converter.crc32(frame)
            if index in wanted:
                result.pictures[index] = converter.picture(frame)
                result.turn = turn_of(frame)
                result.interlaced |= frame.interlaced_frame
            if stop and len(result.pictures) == len(wanted):
                break
        return result

    def _frames(self, packets: Iterable[Packet]) -> Iterator[av.VideoFrame]:
        for packet in packets:
            yield from self._stream.codec_context.decode(packet)

    def by_time(self, wanted: Collection[int]) -> Decoded:
        """The wanted frames, each decoded from a key packet on; those that do not come are left out."""
        index_of = {self.order[index]: index for index in sorted(wanted)}
        found, converter, position = Decoded(), Converter(), 0
        for index in index_of.values():
            if index not in found.pictures and (start := self.start_of(index)) > position:
                self._restart(position := start)
            while index not in found.pictures and position < len(self.packets):
                for time, frame in self._needed(self.packets[position], index_of):
                    found.sums[index_of[time]] = converter.crc32(frame)
                    found.pictures[index_of[time]] = converter.picture(frame)
                position += 1
        return found

    @cached_property
    def order(self) -> list[int]:
        """The presentation times, one a frame."""
        return sorted(time for time in self.shown if time is not None)

    def start_of(self, index: int) -> int:
        """The packet that decoding has to start at for a frame: a key packet not shown after it.

        Pictures that follow an open key packet and are shown before it need what stands before that packet.
        """
        time = self.order[index]
        place = self._place_of[time]
        return next((key for key, shown in reversed(self._keys) if key <= place and shown <= time), 0)

    def index_at(self, place: int) -> int:
        """The index of the frame in a packet, or of the first one shown after it."""
        time = self.packets[place].pts
        return 0 if time is None else bisect_left(self.order, time)

    @cached_property
    def _place_of(self) -> dict[int, int]:
        return {packet.pts: place for place, packet in enumerate(self.packets) if packet.pts is not None and self._is_shown(packet)}

    @cached_property
    def _keys(self) -> list[tuple[int, int]]:
        return [(place, packet.pts) for place, packet in enumerate(self.packets) if packet.is_keyframe and packet.pts is not None]

    def rewind(self) -> None:
        """Make the decoder ready for another pass."""
        self._stream.codec_context.flush_buffers()

    def _restart(self, position: int) -> None:
        self.rewind()
        self._entry = self.packets[position].pts

    def _needed(self, packet: Packet, times: Collection[int]) -> list[tuple[int, av.VideoFrame]]:
        """The frames of these times that come when *packet* is decoded, or skipped if nothing needs it.

        Until the key packet's own picture has come nothing is taken. Where pictures are refreshed bit by bit
        it never does, and those that follow are not yet whole.
        """
        context, needed = self._stream.codec_context, list[tuple[int, "av.VideoFrame"]]()
        is_wanted = packet.pts in times or packet.pts == self._entry
        context.skip_frame = "NONREF" if self._skips and not is_wanted else "DEFAULT"
        for frame in context.decode(packet):
            if frame.pts == self._entry:
                self._entry = None
            if self._entry is None and frame.pts is not None and frame.pts in times:
                needed.append((frame.pts, frame))
        return needed

    @cached_property
    def _skips(self) -> bool:
        """Whether the decoder can drop what nothing refers to; in HEVC a higher layer may refer to it."""
        context = self._stream.codec_context
        if context.name != "hevc":
            return context.name in SKIPPABLE
        head = context.extradata or b""
        layers = head[(place := head.find(VPS)) + 3 : place + 4] if VPS in head else b""
        return layers != b"" and layers[0] >> 1 & 7 == 0
