"""The file of a video, opened so that it refers to no other file and has no pictures too large."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tools.media.still import LARGEST

if TYPE_CHECKING:
    import av

# A playlist, or a list of parts, is found by its content, whatever its name is, and would have FFmpeg open
# other files and addresses: only what holds pictures itself is opened. A name of several counts as each.
ALONE = {"protocol_whitelist": "file", "format_whitelist": ",".join((
    "mov", "avi", "matroska", "mpeg", "mpegts", "mpegvideo", "flv", "asf", "ogg", "nut", "ivf", "mxf", "rm", "gif", "swf", "dv", "wtv",
    "h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "m4v", "mjpeg", "vc1", "yuv4mpegpipe"))}
MOST = "max_pixels"  # FFmpeg's option


@contextmanager
def opened(path: Path) -> Iterator[av.container.InputContainer]:
    """The container of a video, for reading.

    Raises:
        av.FFmpegError: it is none, or refers to other files.
    """
    import av

    with av.open(str(path), options={MOST: str(LARGEST)}, container_options=ALONE) as container:
        for stream in container.streams.video:
            stream.codec_context.options = {MOST: str(LARGEST)}  # a size that changes on the way is refused as well
        yield container


def refusal(path: Path) -> str:
    """Why no other library may open a video either; empty where nothing speaks against it, or it is none."""
    import av

    try:
        with opened(path) as container:
            pixels = max((one.codec_context.width * one.codec_context.height for one in container.streams.video), default=0)
    except av.error.ArgumentError:  # what FFmpeg says of a kind of file that is not asked for
        return "it is no video that has its pictures in itself"
    except av.FFmpegError:
        return ""
    return "" if 0 < pixels <= LARGEST else "its frames have no size, or too large a one"  # where too large, FFmpeg takes it for none
