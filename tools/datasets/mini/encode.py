"""Frames into files, in the three formats the guides read."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from tools.media.decode import FRAME_NAME
from tools.media.preprocess import Frames

RATE = 25
ONE_THREAD = {"threads": "1"}
STEADY = "mbtree=0:lookahead-threads=1"  # x264 chose other quantisers from run to run with its macroblock tree


def write_jpegs(frames: Frames, folder: Path) -> None:
    """UCF-101 rawframes: `img_%05d.jpg` from 1."""
    import cv2

    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, 1):
        cv2.imwrite(str(folder / FRAME_NAME.format(number)), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR),
                    [cv2.IMWRITE_JPEG_QUALITY, 90])


def write_avi(frames: Frames, path: Path) -> None:
    """MPEG-4 part 2 in AVI under the code XVID, like UCF-101's videos."""
    _write_video(frames, path, "mpeg4", {"qscale": "3", "flags": "+qscale"}, tag="XVID")


def write_mp4(frames: Frames, path: Path) -> None:
    """H.264 in MP4, like Kinetics' videos."""
    _write_video(frames, path, "libx264", {"crf": "18", "preset": "veryfast", "x264-params": STEADY}, tag=None)


def _write_video(frames: Frames, path: Path, codec: str, options: dict[str, str], tag: str | None) -> None:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=RATE, options=options | ONE_THREAD)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        if tag:
            stream.codec_context.codec_tag = tag
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
