"""Videos of every kind that can be made here: what PyAV encodes, and muxes with the times we give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from tools.media.preprocess import Frames

FRAMES, RATE = 48, 25
PACKED_MARK = b"\x00\x00\x01\xb2DivX503b1393p"
PLACE_HOLDER = bytes.fromhex("000001b6504e3f")
Change = Callable[[Any, int], None]  # of a packet and its number, before it is muxed again


@dataclass(frozen=True)
class Made:
    """How one video is made: encoded, then muxed again where *change* or *into* say so."""

    codec: str = "libx264"
    container: str = "mp4"
    pix_fmt: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (128, 96)
    frames: int = FRAMES
    matrix: int = 0  # a Colorspace
    full: bool = False
    tag: str = ""
    turn: tuple[int, bool] | None = None  # degrees against the clock, and mirrored before
    times: Callable[[int], int] = lambda number: number
    into: str = ""
    muxing: dict[str, str] = field(default_factory=dict)
    change: Change | None = None
    left_out: tuple[int, ...] = ()  # packets by their numbers, the last one is -1
    packed: bool = False  # each B-frame in one packet with the frame before it, as DivX wrote them


@cache
def picture(number: int, width: int, height: int) -> Frames:
    """A textured picture that moves by several pixels a frame, with two squares that jump."""
    down, across = np.mgrid[0:height, 0:width]
    waves = [np.sin((across + 5 * number) / 9 + down / 17), np.sin((across - 4 * number) / 13 - down / 11 + 1),
             np.cos((across + down + 7 * number) / 21)]
    made = (128 + 90 * np.stack(waves, -1)).astype(np.uint8)
    for step, colour in ((7, (235, 40, 60)), (11, (20, 60, 30))):
        top, left = step * number % max(1, height - 24), 3 * step * number % max(1, width - 24)
        made[top : top + 20, left : left + 20] = colour
    made[: height // 4, : width // 4] //= 2  # no picture is like itself turned or mirrored
    made.flags.writeable = False  # many videos show it
    return made


def make(how: Made, path: Path) -> Path:
    """Write the video to *path*."""
    import av

    encoded = path.with_suffix(".encoded") if how.into else path
    with av.open(str(encoded), "w", format=how.container, options={} if encoded != path else how.muxing) as container:
        stream = container.add_stream(how.codec, rate=RATE, options=how.options | {"threads": "1"})
        assert isinstance(stream, av.VideoStream)
        (stream.width, stream.height), stream.pix_fmt = how.size, how.pix_fmt
        stream.codec_context.time_base = Fraction(1, RATE)
        _mark(stream, how)
        for number in range(how.frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *how.size), format="rgb24").reformat(
                format=how.pix_fmt, dst_colorspace=how.matrix or 5, dst_color_range=2 if how.full else 1)
            frame.pts, frame.time_base = how.times(number), Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    if encoded != path:
        muxed_again(encoded, path, how)
    return path


def _mark(stream: Any, how: Made) -> None:
    if how.matrix:
        stream.codec_context.colorspace = how.matrix
    if how.full:
        stream.codec_context.color_range = 2
    if how.tag:
        stream.codec_context.codec_tag = how.tag
    if how.turn:
        stream.set_display_rotation(how.turn[0], hflip=how.turn[1])


def muxed_again(given: Path, path: Path, how: Made) -> None:
    """The same encoded frames in another container, with other times, or without some of them."""
    import av

    with av.open(str(given)) as source, av.open(str(path), "w", format=how.into, options=how.muxing) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(source.streams.video[0]) if packet.dts is not None]
        for number, packet in enumerate(_packed(packets) if how.packed else packets):
            if how.change:
                how.change(packet, number)
            if number not in how.left_out and number - len(packets) not in how.left_out:
                packet.stream = stream
                target.mux(packet)


def _packed(packets: list[Any]) -> list[Any]:
    """The packets of I, P, B, P, B ..., each B-frame behind its P-frame with a place-holder where it was."""
    import av

    made = []
    for number, packet in enumerate(packets):
        content = bytes(packet)
        if number == 0:
            content = PACKED_MARK + content
        elif number % 2:
            content += bytes(packets[number + 1]) if number + 1 < len(packets) else b""
        else:
            content = PLACE_HOLDER
        other = av.Packet(content)
        other.pts, other.dts, other.time_base, other.is_keyframe = packet.dts, packet.dts, packet.time_base, packet.is_keyframe
        made.append(other)
    return made


def later(frames: int) -> Change:
    """All times later by so many frames; earlier if it is negative."""
    def change(packet: Any, number: int) -> None:
        step = round(frames / RATE / packet.time_base)
        packet.pts, packet.dts = packet.pts + step, packet.dts + step

    return change


def repeated(packet: Any, number: int) -> None:
    """Every tenth frame has the time of the one before."""
    if number % 10 == 9 and packet.pts == packet.dts:
        packet.pts = packet.dts = packet.pts - round(1 / RATE / packet.time_base)


def swapped(packet: Any, number: int) -> None:
    """Two neighbours each have the other's time, and all are late enough to be muxed so."""
    later = {10: 3, 11: 1}.get(number, 2)
    packet.pts += round(later / RATE / packet.time_base)


def false_key(packet: Any, number: int) -> None:
    """Every packet is marked as a key packet, as where a file lacks the table of those that are."""
    packet.is_keyframe = True


X264 = {"crf": "20", "preset": "medium"}
PYRAMID = X264 | {"x264-params": "keyint=24:min-keyint=24:bframes=4:b-pyramid=normal:b-adapt=0:scenecut=0"}
OPEN = X264 | {"x264-params": "keyint=20:min-keyint=20:bframes=3:b-adapt=0:open-gop=1:scenecut=0"}
LOW_DELAY = X264 | {"bf": "0", "g": "12"}
MPEG4_B = {"bf": "2", "g": "24", "qscale": "3", "flags": "+qscale"}
MPEG2_B = {"bf": "2", "g": "15", "b": "2M"}
X265 = {"x265-params": "keyint=24:min-keyint=24:bframes=4:log-level=none:open-gop=0:pools=none:frame-threads=1"}
X265_OPEN = {"x265-params": "keyint=20:min-keyint=20:bframes=4:log-level=none:open-gop=1:pools=none:frame-threads=1"}
X265_LAYERS = {"x265-params": "keyint=24:bframes=4:temporal-layers=3:b-adapt=0:log-level=none:pools=none:frame-threads=1"}
QUICK_VPX = {"deadline": "realtime", "cpu-used": "8", "g": "24"}

VIDEOS: dict[str, Made] = {
    "h264 one group": Made(options=X264),
    "h264 pyramid": Made(options=PYRAMID),
    "h264 open groups": Made(options=OPEN),
    "h264 low delay": Made(options=LOW_DELAY),
    "h264 refreshed": Made(options=X264 | {"x264-params": "keyint=24:intra-refresh=1:bframes=0"}, frames=72, size=(160, 120)),
    "h264 weighted": Made(options=X264 | {"x264-params": "keyint=24:bframes=3:weightp=2:weightb=1:ref=4:b-pyramid=strict"}),
    "h264 fragments": Made(options=PYRAMID, muxing={"movflags": "frag_keyframe+empty_moov"}),
    "h264 hidden start": Made(options=PYRAMID, into="mp4", change=later(-7), muxing={"avoid_negative_ts": "disabled"}),
    "h264 hidden groups": Made(options=PYRAMID, into="mp4", change=later(-29), muxing={"avoid_negative_ts": "disabled"}),
    "h264 late start": Made(options=PYRAMID, into="mp4", change=later(100)),
    "h264 variable rate": Made(options=PYRAMID, times=lambda number: number * 3 + number * number % 3),
    "h264 gap": Made(options=PYRAMID, times=lambda number: number + (100 if number > 30 else 0)),
    "h264 mkv": Made(options=PYRAMID, container="matroska"),
    "h264 mkv open": Made(options=OPEN, container="matroska"),
    "h264 mkv repeated": Made(options=LOW_DELAY, container="matroska", into="matroska", change=repeated),
    "h264 mkv negative": Made(options=PYRAMID, into="matroska", change=later(-9), muxing={"avoid_negative_ts": "disabled"}),
    "h264 ts": Made(options=PYRAMID, container="mpegts"),
    "h264 ts open": Made(options=OPEN, container="mpegts"),
    "h264 raw": Made(options=PYRAMID, container="h264"),
    "h264 avi": Made(options=PYRAMID, container="avi"),
    "h264 avi low delay": Made(options=LOW_DELAY, container="avi"),
    "h264 flv": Made(options=PYRAMID, container="flv"),
    "h264 odd": Made(options=X264, size=(129, 97), pix_fmt="yuv444p"),
    "h264 small": Made(options=X264, size=(66, 34)),
    "h264 one frame": Made(options=X264, frames=1),
    "h264 10 bits": Made(options=PYRAMID, pix_fmt="yuv420p10le"),
    "h264 10 bits full range": Made(options=PYRAMID, pix_fmt="yuv420p10le", full=True),
    "h264 422": Made(options=PYRAMID, pix_fmt="yuv422p"),
    "h264 444": Made(options=PYRAMID, pix_fmt="yuv444p"),
    "h264 full range": Made(options=PYRAMID, pix_fmt="yuvj420p", full=True),
    "h264 bt709": Made(options=PYRAMID, matrix=1),
    "h264 bt709 full": Made(options=PYRAMID, matrix=1, full=True),
    "h264 bt2020 10 bits": Made(options=PYRAMID, matrix=9, pix_fmt="yuv420p10le"),
    "h264 grey": Made(options=PYRAMID, pix_fmt="gray"),
    "h264 rgb": Made("libx264rgb", options=X264, pix_fmt="rgb24"),
    "ffv1 alpha": Made("ffv1", "matroska", "yuva420p", frames=20),
    "ffv1 grey": Made("ffv1", "matroska", "gray", frames=20),
    "png alpha": Made("png", "mov", "rgba", frames=20),
    "prores": Made("prores_ks", "mov", "yuv422p10le", frames=20),
    "mjpeg avi": Made("mjpeg", "avi", "yuvj420p", full=True),
    "xvid": Made("mpeg4", "avi", options={"qscale": "3", "flags": "+qscale", "g": "24"}, tag="XVID"),
    "xvid b-frames": Made("mpeg4", "avi", options=MPEG4_B, tag="XVID"),
    "xvid packed": Made("mpeg4", "avi", options=MPEG4_B | {"bf": "1", "b_strategy": "0", "g": "1000"}, tag="XVID", into="avi", packed=True,
                        frames=47),
    "h264 without its end": Made(options=PYRAMID, into="mp4", left_out=(-1,)),
    "mpeg4 mp4": Made("mpeg4", options=MPEG4_B),
    "mpeg4 mkv": Made("mpeg4", "matroska", options=MPEG4_B),
    "mpeg4 qpel": Made("mpeg4", options=MPEG4_B | {"flags": "+qscale+qpel"}),
    "mpeg2 ts": Made("mpeg2video", "mpegts", options=MPEG2_B),
    "mpeg2 ps": Made("mpeg2video", "mpeg", options=MPEG2_B),
    "mpeg2 mp4": Made("mpeg2video", "mp4", options=MPEG2_B),
    "mpeg1": Made("mpeg1video", "mpeg", options=MPEG2_B),
    "wmv": Made("wmv2", "asf"),
    "h263 3gp": Made("h263", "3gp", size=(176, 144)),
    "hevc": Made("libx265", options=X265),
    "hevc open groups": Made("libx265", options=X265_OPEN),
    "hevc layers": Made("libx265", options=X265_LAYERS),
    "hevc ts": Made("libx265", "mpegts", options=X265_OPEN),
    "hevc 10 bits mkv": Made("libx265", "matroska", "yuv420p10le", options=X265),
    "vp8": Made("libvpx", "webm", options=QUICK_VPX | {"auto-alt-ref": "1", "lag-in-frames": "12", "deadline": "good", "b": "300k"}),
    "vp9": Made("libvpx-vp9", "webm", options=QUICK_VPX),
    "vp9 hidden frames": Made("libvpx-vp9", "webm", options={"deadline": "good", "cpu-used": "5", "lag-in-frames": "16", "g": "24"}),
    "gif": Made("gif", "gif", "rgb8", frames=20),
    **{f"turned {angle}{' mirrored' * mirrored}": Made(options=PYRAMID, turn=(angle, mirrored), frames=24)
       for angle in (0, 90, 180, 270) for mirrored in (False, True) if angle or mirrored},
}
REFUSED: dict[str, tuple[Made, str]] = {
    "h264 interlaced": (Made(options=X264 | {"x264-params": "keyint=24:interlaced=1:bframes=2"}), "it is interlaced"),
    "h264 ts interlaced": (Made(options=X264 | {"x264-params": "keyint=24:interlaced=1"}, container="mpegts"), "it is interlaced"),
    "mpeg2 interlaced": (Made("mpeg2video", "mpegts", options=MPEG2_B | {"flags": "+ildct+ilme"}), "it is interlaced"),
    "h264 without its start": (Made(options=PYRAMID, into="matroska", left_out=(0, 1, 2, 3)), "24 of 44 frames decode"),
    "h264 swapped times": (Made(options=LOW_DELAY, into="matroska", change=swapped), "cannot be read at random: frame 10 is"),
    "wmv false keys": (Made("wmv2", "avi", options={"g": "24"}, into="avi", change=false_key), "cannot be read at random: frame"),
    "av1": (Made("libsvtav1", options={"preset": "12"}, frames=24), "OpenCV decodes no frame 0"),
    "turned 45": (Made(options=X264, turn=(45, False), frames=12), "no turn by quarters"),
}
