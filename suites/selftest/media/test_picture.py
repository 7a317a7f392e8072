"""A decoded frame as a picture: its colours by each matrix and range, its sum, and its turn."""

from __future__ import annotations

import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from tools.media.picture import ENCODE_AGAIN, MATRICES, Converter, PictureError, Turn, turn_of

if TYPE_CHECKING:
    import av

# The weights of red and blue in what is bright, of each matrix of FFmpeg's AVColorSpace, from ITU-T H.273.
BT601, BT709 = (0.299, 0.114), (0.2126, 0.0722)
WEIGHTS = {0: BT601, 1: BT709, 2: BT601, 4: (0.30, 0.11), 5: BT601, 6: BT601, 7: (0.212, 0.087), 9: (0.2627, 0.0593)}
COLOURS = ((120, 128, 128), (81, 90, 200), (145, 60, 70), (60, 200, 110))  # Y, Cb, Cr
SIDE = 16
ONE = 65536


def frame(colour: tuple[int, int, int], matrix: int, *, full: bool = False, shift: int = 0) -> av.VideoFrame:
    """A frame of one colour, of 8 bits or with *shift* more."""
    import av

    planes = [np.full((SIDE, SIDE), value << shift, np.uint16 if shift else np.uint8) for value in colour]
    made = av.VideoFrame(SIDE, SIDE, f"yuv444p{8 + shift}le" if shift else "yuv444p")
    for plane, values in zip(made.planes, planes, strict=True):
        lines = np.zeros((SIDE, plane.line_size), np.uint8)
        lines[:, : values.nbytes // SIDE] = values.view(np.uint8).reshape(SIDE, -1)
        plane.update(lines.tobytes())
    made.colorspace, made.color_range = matrix, 2 if full else 1
    return made


def expected(colour: tuple[int, int, int], matrix: int, *, full: bool) -> list[float]:
    """Red, green and blue by the definition of the matrix."""
    red, blue = WEIGHTS[matrix]
    scale, chroma, black = (1.0, 1.0, 0) if full else (255 / 219, 255 / 224, 16)
    bright, b, r = scale * (colour[0] - black), 2 * (1 - blue) * chroma * (colour[1] - 128), 2 * (1 - red) * chroma * (colour[2] - 128)
    made = [bright + r, bright - (blue * b + red * r) / (1 - red - blue), bright + b]
    return [min(max(value, 0.0), 255.0) for value in made]


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colours_are_those_of_the_matrix(matrix: int, full: bool) -> None:
    """By the standard's weights, within rounding, in 8 bits and in 10; BT.601's if a file says none."""
    for colour in COLOURS:
        wanted = expected(colour, matrix, full=full)
        for shift in (0, 2):
            picture = Converter().picture(frame(colour, matrix, full=full, shift=shift))
            assert (SIDE, SIDE, 3) == picture.shape
            assert np.abs(picture.reshape(-1, 3) - wanted).max() <= 2.0, (colour, shift)


def test_every_known_matrix_is_tried() -> None:
    assert WEIGHTS.keys() == MATRICES.keys()


def test_matrices_of_like_weights_are_told_apart() -> None:
    """FCC's is nearly BT.601's, and is another one."""
    fcc, bt601 = (Converter().picture(frame((120, 240, 16), matrix, full=True)) for matrix in (4, 5))

    assert not np.array_equal(fcc, bt601)


@pytest.mark.parametrize(("format", "colours"), [("yuv420p", 2), ("yuv420p10le", 4)])
def test_colours_of_more_than_8_bits_are_interpolated(format: str, colours: int) -> None:
    """Where two lines share their colours, 8 bits repeat them: an edge is sharp. Deeper ones mix."""
    import av

    made, deep = av.VideoFrame(SIDE, SIDE, format), "10" in format
    for number, plane in enumerate(made.planes):
        lines = np.full((plane.height, plane.line_size // (1 + deep)), 128, np.uint16 if deep else np.uint8)
        if number:
            lines[SIDE // 4:] = 200
        plane.update((lines << 2 * deep).tobytes())
    column = Converter().picture(made)[:, SIDE // 2]

    assert colours == len({tuple(pixel) for pixel in column.tolist()})


@pytest.mark.parametrize(("format", "said", "white"), [
    ("yuv444p", 0, 255), ("yuv444p", 2, 235), ("yuvj444p", 0, 235)
])
def test_the_range_is_limited_unless_a_file_says_full(format: str, said: int, white: int) -> None:
    """Or its format does: 235 is white where the range is limited."""
    import av

    made = av.VideoFrame(SIDE, SIDE, format)
    for number, plane in enumerate(made.planes):
        plane.update(bytes([128 if number else 235]) * plane.buffer_size)
    made.color_range = said

    assert (white, white, white) == tuple(Converter().picture(made)[0, 0].tolist())


def test_an_rgb_frame_is_its_picture() -> None:
    """Whatever it says of a matrix, it has none."""
    import av

    values = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    made = av.VideoFrame.from_ndarray(values, format="rgb24")
    made.colorspace = 8

    assert np.array_equal(values, Converter().picture(made))


def test_an_unknown_matrix_is_refused() -> None:
    with pytest.raises(PictureError, match="has colours by matrix 8 of FFmpeg, which is not read") as caught:
        Converter().picture(frame(COLOURS[0], 8))
    assert ENCODE_AGAIN == caught.value.remedy


@pytest.mark.parametrize(("format", "planes"), [
    ("gray", [((5, 7), 1)]), ("yuv420p", [((6, 6), 1), ((3, 3), 1), ((3, 3), 1)]), ("gray10le", [((5, 7), 2)]), ("rgb24", [((5, 7), 3)]),
    ("rgba", [((5, 7), 4)]), ("nv12", [((6, 6), 1), ((3, 3), 2)]),
])
def test_the_sum_is_that_of_what_was_decoded(format: str, planes: list[tuple[tuple[int, int], int]]) -> None:
    """The CRC-32 of the planes one after the other, without the padding at the end of their lines."""
    import av

    (height, width), _ = planes[0]
    made, content, rng = av.VideoFrame(width, height, format), b"", np.random.default_rng(0)
    for plane, ((down, across), each) in zip(made.planes, planes, strict=True):
        lines = rng.integers(0, 256, (plane.buffer_size // plane.line_size, plane.line_size), np.uint8)
        plane.update(lines.tobytes())
        content += lines[:down, : across * each].tobytes()

    assert zlib.crc32(content) == Converter().crc32(made)


def test_the_sum_of_packed_bits_is_that_of_the_picture() -> None:
    """Where a byte holds several values its last bits may be padding."""
    import av

    made = av.VideoFrame(5, 4, "monob")
    made.planes[0].update(bytes(range(made.planes[0].buffer_size)))

    assert zlib.crc32(Converter().picture(made).tobytes()) == Converter().crc32(made)


def test_pictures_of_one_video_have_one_size() -> None:
    import av

    one = Converter()
    one.picture(av.VideoFrame(8, 4, "gray"))
    one.picture(av.VideoFrame(8, 4, "gray"))
    with pytest.raises(PictureError, match="has frames of different sizes") as caught:
        one.picture(av.VideoFrame(4, 8, "gray"))
    assert ENCODE_AGAIN == caught.value.remedy


def matrix_frame(*numbers: int) -> av.VideoFrame:
    """What has the display matrix of a, b, c and d."""
    a, b, c, d = numbers
    return cast("Any", SimpleNamespace(side_data={"DISPLAYMATRIX": np.array([a, b, 0, c, d, 0, 0, 0, 1 << 30], np.int32).tobytes()}))


@pytest.mark.parametrize("numbers", [(a * ONE, b * ONE, c * ONE, d * ONE) for a, b, c, d in [
    (1, 0, 0, 1), (-1, 0, 0, 1), (1, 0, 0, -1), (-1, 0, 0, -1), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, -1, 0), (0, -1, -1, 0)]])
def test_a_turn_moves_points_as_the_matrix_says(numbers: tuple[int, int, int, int]) -> None:
    """(x, y) of the stored picture goes to (a x + c y, b x + d y), and back."""
    a, b, c, d = (number // ONE for number in numbers)
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    places = {(a * x + c * y, b * x + d * y): stored[y, x] for y in range(2) for x in range(3)}
    left, top = min(x for x, _ in places), min(y for _, y in places)
    turn = turn_of(matrix_frame(*numbers))
    shown = turn.turned(stored)

    assert all(np.array_equal(value, shown[y - top, x - left]) for (x, y), value in places.items())
    assert np.array_equal(stored, turn.as_stored(shown))


def test_other_angles_are_refused() -> None:
    """Without a matrix nothing is turned."""
    with pytest.raises(PictureError, match=r"display matrix \(0.5 0 0 0.5\), which is no turn by quarters") as caught:
        turn_of(matrix_frame(ONE // 2, 0, 0, ONE // 2))
    assert ENCODE_AGAIN == caught.value.remedy
    assert Turn() == Turn(0, mirrored=False) == turn_of(cast("Any", SimpleNamespace(side_data={})))
