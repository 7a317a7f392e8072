"""A decoded frame as an RGB picture: matrix, range and rounding are chosen here, never left to a library."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from tools.errors import DataError
from tools.media.preprocess import Frames

if TYPE_CHECKING:
    import av
    from av.buffer import Buffer
    from av.video.reformatter import ColorRange

ENCODE_AGAIN = "encode it again: ffmpeg -i FILE -c:v libx264 -crf 18 -pix_fmt yuv420p NEW.mp4"
SIZES = "has frames of different sizes"
EIGHT = 8  # bits
ONE = 1 << 16  # of the 16.16 numbers in a display matrix
# FFmpeg's AVColorSpace to the scaler's SWS_CS: BT.709, FCC, two of BT.601, SMPTE 240M, BT.2020; 601 where a
# file says nothing (2), or says "RGB" (0) of what is none.
MATRICES = {0: 5, 1: 1, 2: 5, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}


class PictureError(DataError):
    """A video whose pictures cannot be shown as they are meant; *remedy* says what would help."""


@dataclass(frozen=True, slots=True)
class Turn:
    """How a display matrix turns pictures: mirrored left to right, then *quarters* against the clock."""

    quarters: int = 0
    mirrored: bool = False

    def turned(self, picture: Frames) -> Frames:
        """The picture as it is shown."""
        flipped = picture[:, ::-1] if self.mirrored else picture
        return np.ascontiguousarray(np.rot90(flipped, self.quarters))

    def as_stored(self, picture: Frames) -> Frames:
        """The opposite: the picture of the bitstream."""
        back = np.rot90(picture, -self.quarters)
        return np.ascontiguousarray(back[:, ::-1] if self.mirrored else back)


def turn_of(frame: av.VideoFrame) -> Turn:
    """What the display matrix of a frame asks for.

    Raises:
        PictureError: to turn it by another angle than a quarter, or to scale it.
    """
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return Turn()
    a, b, _, c, d = np.frombuffer(bytes(cast("Buffer", data)), np.int32)[:5].tolist()
    found = MATRIX_TURNS.get((a, b, c, d))
    if found is None:
        raise PictureError(f"is to be shown by the display matrix ({a / ONE:g} {b / ONE:g} {c / ONE:g} {d / ONE:g}), "
                           "which is no turn by quarters", remedy=ENCODE_AGAIN)
    return found


# (x', y') = (a x + c y, b x + d y), with y downwards: a quarter against the clock takes right to up.
MATRIX_TURNS = {
    (ONE, 0, 0, ONE): Turn(0), (0, -ONE, ONE, 0): Turn(1), (-ONE, 0, 0, -ONE): Turn(2), (0, ONE, -ONE, 0): Turn(3),
    (-ONE, 0, 0, ONE): Turn(0, mirrored=True), (0, -ONE, -ONE, 0): Turn(3, mirrored=True), (ONE, 0, 0, -ONE): Turn(2, mirrored=True),
    (0, ONE, ONE, 0): Turn(1, mirrored=True),
}


class Converter:
    """Makes the RGB pictures of one video; all must have one size, as a network's input has."""

    def __init__(self) -> None:
        from av.video.reformatter import Interpolation, VideoReformatter

        self._reformatter = VideoReformatter()
        # Without accurate rounding x86 and ARM differ. POINT repeats a colour for its neighbours, as others
        # do; of more than 8 bits it would shift colours by half a line, and others interpolate.
        exact = Interpolation.ACCURATE_RND | Interpolation.BITEXACT
        self._eight, self._deep = Interpolation.POINT | exact, Interpolation.BILINEAR | exact
        self._shape: tuple[int, ...] = ()

    def picture(self, frame: av.VideoFrame) -> Frames:
        """The picture of a frame, [H,W,3] uint8 RGB, turned as its display matrix says.

        Raises:
            PictureError: it is not as large as those before, or its matrix of colour or display is not known.
        """
        from av.video.reformatter import ColorRange

        converted = self._reformatter.reformat(
            frame, format="rgb24", src_colorspace=_matrix(frame), src_color_range=_range(frame), dst_color_range=ColorRange.JPEG,
            interpolation=self._deep if _is_deep(frame) else self._eight, threads=1)  # more threads cost more than they bring
        picture = turn_of(frame).turned(np.asarray(converted.to_ndarray(), np.uint8))
        if self._shape and picture.shape != self._shape:
            raise PictureError(SIZES, remedy=ENCODE_AGAIN)
        self._shape = picture.shape
        return picture

    def crc32(self, frame: av.VideoFrame) -> int:
        """The CRC-32 of what the decoder gave, without the padding of its lines; making it RGB costs more."""
        if any(part.bits < EIGHT for part in frame.format.components):  # several in a byte
            return zlib.crc32(self.picture(frame).data)
        crc32 = 0
        for number, plane in enumerate(frame.planes):
            width = sum(part.width * -(-part.bits // EIGHT) for part in frame.format.components if part.plane == number)
            lines = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, :width]
            crc32 = zlib.crc32(np.ascontiguousarray(lines).data, crc32)
        return crc32


def _is_deep(frame: av.VideoFrame) -> bool:
    return any(part.bits > EIGHT for part in frame.format.components)


def _matrix(frame: av.VideoFrame) -> int | None:
    if frame.format.is_rgb:
        return None
    number = int(frame.colorspace)
    if number not in MATRICES:
        raise PictureError(f"has colours by matrix {number} of FFmpeg, which is not read", remedy=ENCODE_AGAIN)
    return MATRICES[number]


def _range(frame: av.VideoFrame) -> ColorRange:
    """The range of a frame's values: full where the frame or its format says so, else limited."""
    from av.video.reformatter import ColorRange

    full = frame.color_range == ColorRange.JPEG or frame.format.is_rgb or frame.format.name.startswith("yuvj")
    return ColorRange.JPEG if full else ColorRange.MPEG
