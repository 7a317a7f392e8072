"""Features as NumPy's arrays: any number of snippets becomes 100 positions; other arrays are named."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from suites.selftest.whole.hostile import contents
from tools.errors import DataError
from tools.localisation import snippet_pooling
from tools.localisation.snippet_features import read_features
from tools.localisation.snippet_pooling import pooled

LENGTHS = (2, 3, 57, 99, 101, 400, 731)


def snippets(length: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, 1, (length, 400))


def saved(folder: Path, array: NDArray[np.generic], name: str = "v_1.npy") -> Path:
    np.save(folder / name, array, allow_pickle=False)
    return folder / name


def by_numpy(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Three points at the beginning and the thirds of each of 100 parts, by np.interp, column by column."""
    part = (len(rows) - 1 - 2e-4) / 100
    points = 1e-4 + part * np.arange(300) / 3
    every = np.stack([np.interp(points, np.arange(len(rows)), column) for column in rows.T], axis=1)
    return every.reshape(100, 3, -1).mean(1)


@pytest.mark.parametrize("length", LENGTHS)
def test_pooling_is_interpolation_and_a_mean_of_three(length: int) -> None:
    """Another way to the same points gives the same features; a whole third of a position aside would not."""
    rows = snippets(length)
    found = pooled(rows, 100)

    assert np.abs(by_numpy(rows) - found).max() < 1e-9
    assert np.abs(by_numpy(rows)[1:] - found[:-1]).max() > 1e-3


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
def test_pooling_has_the_bits_of_scipy(length: int, kind: str) -> None:
    """Points found one after another and SciPy's interpolation, in the precision that is stored."""
    from scipy.interpolate import interp1d

    rows = snippets(length).astype(kind)
    line, part, begin, expected = interp1d(np.arange(length), rows, axis=0), (length - 1 - 1e-4 - 1e-4) / 100, 1e-4, []
    for _ in range(100):
        expected.append(np.mean(line([begin, begin + 1 / 3 * part, begin + 2 / 3 * part]), axis=0))
        begin += part

    assert np.array_equal(np.stack(expected), pooled(rows, 100))


def test_a_single_snippet_stands_everywhere() -> None:
    """There is nothing to interpolate between."""
    assert np.array_equal(np.repeat(snippets(1), 100, axis=0), pooled(snippets(1), 100))


def test_the_whole_video_is_pooled_in_its_order() -> None:
    """Of 250 steps that count up each position is 2.5 further, a third of that after its part's beginning."""
    assert np.allclose(2.5 * np.arange(100) + 2.5 / 3, pooled(np.arange(251.0)[:, None], 100)[:, 0], atol=1e-3)


@pytest.mark.parametrize("kind", ["<f2", "<f4", "<f8", ">f4", ">f8"])
@pytest.mark.parametrize("length", [1, 57, 100, 250])
def test_arrays_are_read_in_any_precision(tmp_path: Path, length: int, kind: str) -> None:
    """[100, 400] float32 comes of each; half precision stands for the numbers that it holds."""
    stored = snippets(length).astype(kind)
    found = read_features(saved(tmp_path, stored))

    assert ((100, 400), np.float32) == (found.shape, found.dtype)
    assert np.allclose(pooled(stored.astype(np.float64), 100) if length != 100 else stored, found, atol=1e-6)


def test_arrays_may_be_stored_column_by_column(tmp_path: Path) -> None:
    """Fortran's order in the file changes no bit of the features."""
    rows = snippets(250).astype(np.float32)

    assert np.array_equal(read_features(saved(tmp_path, rows)), read_features(saved(tmp_path, np.asfortranarray(rows), "v_2.npy")))


def test_a_hundred_rows_are_used_as_they_are(tmp_path: Path) -> None:
    """They are at 100 positions already, as the published CSV's are."""
    rows = snippets(100).astype(np.float32)

    assert np.array_equal(rows, read_features(saved(tmp_path, rows)))


def spoiled(value: float) -> NDArray[np.float64]:
    rows = snippets(57)
    rows[4, 6] = value
    return rows


@pytest.mark.parametrize(("array", "words", "remedy"), [
    (snippets(87).T, r"the features are \[400, 87\], one column a snippet, instead of \[T, 400\]", "np.load(path).T"),
    (np.zeros((87, 2048)), r"the features are \[87, 2048\] instead of \[T, 400\]", "[T, 400]"),
    (np.zeros((87, 200)), r"the features are \[87, 200\] instead of \[T, 400\]", "[T, 400]"),
    (np.zeros((1, 87, 400)), r"the features are \[1, 87, 400\] instead of", "[T, 400]"),
    (np.zeros(400), r"the features are \[400\] instead of", "[T, 400]"),
    (np.zeros((0, 400)), "the features hold no snippet", "[T, 400]"),
    (np.zeros((87, 400), np.int64), "the features are int64, not float16 or float32 or float64", "float32"),
    (np.zeros((87, 400), np.complex64), "the features are complex64, not", "float32"),
    (np.zeros((87, 400), "U3"), "the features are str96, not", "float32"),
    (spoiled(np.nan), "row 5, column 7 of the features is nan, not a finite number", "float32"),
    (spoiled(-np.inf), "row 5, column 7 of the features is -inf, not a finite number", "float32"),
    (spoiled(1e39), r"row 5, column 7 of the features is 1e\+39, not a finite number", "float32"),
])
def test_an_array_that_is_no_features_is_named(tmp_path: Path, array: NDArray[np.generic], words: str, remedy: str) -> None:
    """Shape, type and value are each told by one sentence with the file and what to do."""
    path = saved(tmp_path, array)

    with pytest.raises(DataError, match=words) as caught:
        read_features(path)
    assert str(path) == caught.value.where
    assert remedy in str(caught.value.remedy)


class Trap:
    """What runs when it is unpickled."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path("sprung"),)  # type: ignore[return-value]


def objects(path: Path) -> None:
    np.save(path, np.array([Trap()], dtype=object), allow_pickle=True)


def archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, snippets(57))


def cut_short(path: Path) -> None:
    np.save(path, snippets(57))
    path.write_bytes(path.read_bytes()[:-8])


@pytest.mark.parametrize("write", [
    objects, cut_short, lambda path: path.write_bytes(pickle.dumps(Trap())), lambda path: path.write_bytes(b""),
    lambda path: path.write_text("f0,f1\n1,2\n"), archive, lambda path: None,
], ids=["objects", "cut short", "a pickle", "empty", "a CSV", "an archive", "missing"])
def test_a_file_that_is_no_array_is_named_and_never_unpickled(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], object]) -> None:
    """Whatever the bytes are, no code in them runs, and the file is named."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "v_1.npy")

    with pytest.raises(DataError, match="the features cannot be read") as caught:
        read_features(tmp_path / "v_1.npy")
    assert str(tmp_path / "v_1.npy") == caught.value.where
    assert "never opened" in str(caught.value.remedy)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("ending", [".npy", ".NPY"])
def test_no_content_leaves_with_an_exception_of_python(tmp_path: Path, ending: str) -> None:
    """Whatever a file called .npy holds, it is a DataError that names it."""
    path = tmp_path / f"v_1{ending}"
    for content in contents():
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_features(path)
        assert str(path) == caught.value.where


@pytest.mark.parametrize(("name", "value"), [("POINTS", 4), ("EDGE", 0.5)])
def test_what_pooling_is_made_of_shows(monkeypatch: pytest.MonkeyPatch, name: str, value: float) -> None:
    """Other points are other features, so that these tests tell them apart."""
    monkeypatch.setattr(snippet_pooling, name, value)

    assert np.abs(by_numpy(snippets(57)) - pooled(snippets(57), 100)).max() > 1e-3
