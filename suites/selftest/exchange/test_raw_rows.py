"""Which numbers look like scores, and when the count of a file's rows fits that of the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tools.errors import ScoreError
from tools.exchange import raw_rows
from tools.exchange.raw_rows import Reading


def reading(folder: Path, *files: list[list[float]]) -> Reading:
    paths = [folder / f"{number}.bin" for number in range(len(files))]
    for path, rows in zip(paths, files, strict=True):
        np.array(rows, np.float32).tofile(path)
    return raw_rows._reading(paths, [path.stat().st_size for path in paths], np.float32, len(files[0][0]))


@pytest.mark.parametrize(("largest", "looks"), [(9999.0, True), (10000.0, False), (-10000.0, False), (1.1e-5, True), (0.9e-5, False),
                                                (float("inf"), False), (float("nan"), False)])
def test_scores_are_neither_huge_nor_tiny(tmp_path: Path, largest: float, *, looks: bool) -> None:
    """Of each row the largest counts; one row of many is enough to tell."""
    assert looks is reading(tmp_path, [[0.5, 1.0, 2.0], [largest, 0.0, 0.0]]).plausible


@pytest.mark.parametrize(("row", "certain"), [([0.5, 0.3, 0.219], True), ([0.5, 0.3, 0.181], True), ([0.5, 0.3, 0.221], False),
                                              ([0.5, 0.3, 0.179], False), ([0.6, 0.5, -0.1], False), ([1.0, 0.0, 0.0], True)])
def test_probabilities_add_up_to_nearly_one(tmp_path: Path, row: list[float], *, certain: bool) -> None:
    """In every row, and none is below 0."""
    assert certain is reading(tmp_path, [[0.2, 0.3, 0.5], row]).probabilities


@pytest.mark.parametrize(("lows", "looks"), [(1, False), (2, False), (3, True), (4, True)])
def test_every_other_number_is_not_from_a_third_as_many(tmp_path: Path, lows: int, *, looks: bool) -> None:
    """As the low halves are of wider numbers that were rounded."""
    row = [value for number in range(9) for value in (0.01 * (number % lows + 1), 0.5 + number)]
    assert looks is reading(tmp_path, [row]).plausible


def test_the_first_three_files_are_looked_at_and_all_are_counted(tmp_path: Path) -> None:
    good, bad = [[0.5, 0.5], [0.25, 0.75]], [[float("nan"), 1.0]]

    found = reading(tmp_path, good, good, good, bad)
    assert ("7 rows of float32", True, True) == (str(found), found.plausible, found.probabilities)
    assert not reading(tmp_path, good, good, bad, good).plausible


def test_the_spread_is_that_of_the_exponents_of_what_is_not_zero(tmp_path: Path) -> None:
    assert 1.0 == reading(tmp_path, [[1.0, 0.0, 4.0]]).spread
    assert 0.0 == reading(tmp_path, [[1.0, 4.0, 1e9]]).spread


def one(rows: int = 4, spread: float = 1.0, *, probabilities: bool = False) -> Reading:
    return Reading(np.float32, rows, plausible=True, probabilities=probabilities, spread=spread)


@pytest.mark.parametrize(("rows", "largest", "views", "labelled", "fits"), [
    (4, 1, 1, 4, True), (5, 1, 1, 4, False), (3, 1, 1, 4, False), (7, 4, 1, 4, True), (8, 4, 1, 4, False), (12, 1, 3, 4, True),
    (13, 1, 3, 4, False), (15, 3, 3, 4, False), (15, 6, 3, 4, True), (18, 6, 3, 4, False)])
def test_rows_fit_labels_with_padding_in_the_last_file_alone(rows: int, largest: int, views: int, labelled: int, *, fits: bool) -> None:
    assert fits is raw_rows._fits(one(rows), largest, views, labelled)


def test_one_reading_is_chosen_by_what_tells_most() -> None:
    """Probabilities, then exponents more than three times as close, then rows that are just as many."""
    sure, close, far, many = one(probabilities=True, spread=9), one(spread=1), one(spread=3.1), one(spread=3, rows=5)

    assert close is raw_rows._one([close], 9)
    assert sure is raw_rows._one([close, sure, far], 9)
    assert close is raw_rows._one([far, close], 9)
    assert close is raw_rows._one([far, close, one(spread=9)], 9)
    assert many is raw_rows._one([close, many], 5)
    assert raw_rows._one([close, many], 6) is None
    assert close is raw_rows._one([close, many], 4)
    assert raw_rows._one([close, one(spread=2)], 4) is None
    assert raw_rows._one([one(spread=0), far], 5) is None
    assert raw_rows._one([sure, one(probabilities=True, spread=8)], 9) is None


def test_why_no_type_is_chosen_is_told(tmp_path: Path) -> None:
    """With the counts, the labels, what looks right, and what to write instead."""
    path = tmp_path / "0.bin"
    np.array([[1.0, 2.0, 3.0, 4.0]], np.float32).tofile(path)

    with pytest.raises(ScoreError) as caught:
        raw_rows.type_of([path], 4, 1, 2)
    error = caught.value
    assert "the files hold 1 rows of float32 or 2 rows of float16, and 2 rows of float16 fit 2 labels, while the values look like float32" \
        == error.what
    assert (str(tmp_path), "write NPY or TXT, which say what they hold (ais_bench: --outfmt NPY)") == (error.where, error.remedy)
    assert np.float32 is raw_rows.type_of([path], 4, 1, 1)
    assert np.float32 is raw_rows.type_of([path], 3, 1, 1)


@pytest.mark.parametrize(("sizes", "labelled", "expected"), [
    ((64,), 8, np.float16), ((64, 32), 8, np.float16), ((64, 64), 4, np.float64), ((64,), 4, np.float32), ((64,), 99, np.float32)])
def test_where_no_type_gives_numbers_the_count_decides(tmp_path: Path, sizes: tuple[int, ...], labelled: int,
                                                       expected: raw_rows.Number) -> None:
    """Every bit is set, which is no number in any type. The largest file says how much may be padding."""
    paths = [tmp_path / f"{number}.bin" for number in range(len(sizes))]
    for path, size in zip(paths, sizes, strict=True):
        path.write_bytes(b"\xff" * size)

    assert expected is raw_rows.type_of(paths, 4, 1, labelled)
