"""A video's frames for mmaction2's transforms, read in order from the first packet to the last.

It shares no code with our own access. It never seeks and believes no index, timestamp or count of the file,
so that a fault of seeking on our side shows as a difference. The cost matters little: what torch makes of the
frames is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.media.preprocess import Frames

if TYPE_CHECKING:
    import av
    from av.buffer import Buffer
    from av.video.reformatter import VideoReformatter

Results = dict[str, Any]  # what mmaction2 hands from one of its transforms to the next
UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED; of the colour spaces that name one, PyAV's reformatter takes FFmpeg's number


def count_in_order(results: Results) -> Results:
    """In the place of DecordInit: the number of frames that come out of `filename`."""
    results["total_frames"] = count(Path(results["filename"]))
    return results


def read_in_order(results: Results) -> Results:
    """In the place of DecordDecode: the frames of `frame_inds` and their size."""
    wanted = np.ravel(results["frame_inds"])
    kept = read(Path(results["filename"]), wanted)
    images = [kept[number] for number in wanted.tolist()]
    results.update(frame_inds=wanted, imgs=images, original_shape=images[0].shape[:2], img_shape=images[0].shape[:2])
    return results


def count(path: Path) -> int:
    """How many frames a video has, by decoding all of them.

    Raises:
        DataError: there is none, or the file is damaged.
    """
    total = sum(1 for _ in _decoded(path))
    if total == 0:
        raise _unreadable(path)
    return total


def read(path: Path, wanted: NDArray[np.integer]) -> Mapping[int, Frames]:
    """The wanted frames, [H,W,3] RGB the right way up, by their place in what the decoder puts out.

    Raises:
        DataError: the file is damaged.
    """
    from av.video.reformatter import VideoReformatter

    converter, numbers = VideoReformatter(), set(wanted.tolist())
    return {number: _upright(_rgb(frame, converter), frame) for number, frame in enumerate(_decoded(path)) if number in numbers}


def decoder() -> tuple[tuple[str, str], ...]:
    """The versions of what makes frames of a video, for keys: PyAV may be built on any FFmpeg."""
    import av

    libraries = ((name, av.library_versions[name]) for name in ("libavformat", "libavcodec", "libswscale"))
    return (("av", av.__version__), *((name, ".".join(map(str, version))) for name, version in libraries))


def _decoded(path: Path) -> Iterator[av.VideoFrame]:
    """Every frame of the first video stream, in the order in which one thread's decoder puts them out."""
    import av

    try:
        with av.open(str(path)) as container:
            container.streams.video[0].codec_context.thread_count = 1
            yield from container.decode(video=0)
    except (av.FFmpegError, IndexError) as error:
        raise _unreadable(path) from error


def _unreadable(path: Path) -> DataError:
    return DataError("the torch side cannot read this video from its first frame to its last", where=str(path),
                     remedy="restore the file, or take its line out of the list")


def _rgb(frame: av.VideoFrame, converter: VideoReformatter) -> Frames:
    """Full-range RGB by the frame's own matrix and range; BT.601 and limited range where it names none.

    The formats yuvj have full range, whatever is said of them: swscale sees to that. The colour of a pixel
    stands for its neighbours' too; of more than 8 bits, colours are interpolated.
    """
    from av.video.reformatter import ColorRange, Colorspace, Interpolation

    colours = Interpolation.POINT if frame.format.components[0].bits <= 8 else Interpolation.BILINEAR
    converted = converter.reformat(
        frame, format="rgb24", threads=1, interpolation=colours | Interpolation.ACCURATE_RND | Interpolation.BITEXACT,
        src_colorspace=Colorspace.ITU601 if frame.colorspace == UNSPECIFIED else None,
        src_color_range=frame.color_range or ColorRange.MPEG, dst_color_range=ColorRange.JPEG)
    return np.asarray(converted.to_ndarray(), np.uint8)


def _upright(pixels: Frames, frame: av.VideoFrame) -> Frames:
    """The picture turned and mirrored as the display matrix of a phone's video asks.

    The matrix sends column x and row y to column a*x + c*y and row b*x + d*y. A quarter turn has only b, c.
    """
    matrix = cast("Mapping[str, Buffer]", frame.side_data).get("DISPLAYMATRIX")
    if matrix is None:
        return pixels
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()
    if abs(b) > abs(a):
        pixels, across, down = pixels.swapaxes(0, 1), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(pixels[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])
