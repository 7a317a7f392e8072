"""Features and results as files: read back as they were written, and refused by name where they are wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.errors import DataError
from tools.localisation.detections import Detections, none_found, read_results, write_results
from tools.localisation.snippet_features import HEADER, read_features, write_features
from tools.spec.settings import ROOT

SHARED = ROOT.parent / "shared" / "data" / "activitynet"


def real(name: str) -> Path:
    if not SHARED.is_dir():
        pytest.skip("shared/data/activitynet is not beside this checkout")
    return SHARED / name


def numbers(seed: int = 0) -> np.ndarray:
    """Features of the kind that are published."""
    return np.random.default_rng(seed).normal(0, 1, (100, 400)).astype(np.float32)


def edited(folder: Path, edit: Callable[[list[str]], list[str]]) -> Path:
    """A file of features with its lines changed."""
    path = folder / "v_1.csv"
    write_features(numbers(), path)
    path.write_text("\n".join(edit(path.read_text().splitlines())))
    return path


def with_field(line: int, column: int, field: str) -> Callable[[list[str]], list[str]]:
    """Put *field* in one place, both counted from 1."""

    def edit(lines: list[str]) -> list[str]:
        fields = lines[line - 1].split(",")
        fields[column - 1] = field
        return [*lines[:line - 1], ",".join(fields), *lines[line:]]

    return edit


def result(folder: Path, results: object) -> Path:
    """A result file with these results."""
    path = folder / "result.json"
    path.write_text(json.dumps({"version": "VERSION 1.3", "results": results, "external_data": {}}))
    return path


def test_features_read_back(tmp_path: Path) -> None:
    """Features are [100, 400] float32 and read back to the last bit; mmaction2 reads the same."""
    found = numbers()
    found[3, 7], found[4, 8] = np.float32(1e-30), np.float32(-123456.789)
    write_features(found, tmp_path / "v_1.csv")
    read = read_features(tmp_path / "v_1.csv")

    assert ((100, 400), np.float32) == (read.shape, read.dtype)
    assert np.array_equal(found, read)
    assert np.array_equal(found, np.loadtxt(tmp_path / "v_1.csv", dtype=np.float32, delimiter=",", skiprows=1))
    assert [HEADER] == (tmp_path / "v_1.csv").read_text().splitlines()[:1]


def test_a_header_may_lack(tmp_path: Path) -> None:
    """The same 100 rows with and without a line above them are the same features."""
    assert np.array_equal(numbers(), read_features(edited(tmp_path, lambda lines: lines[1:])))


@pytest.mark.parametrize("name", ["v_test1.csv", "v_test2.csv"])
def test_an_excerpt_of_features_is_named(name: str) -> None:
    """The published excerpts have five rows, and say so."""
    with pytest.raises(DataError, match="the features have 5 rows instead of 100") as caught:
        read_features(real(name))
    assert str(SHARED / name) == caught.value.where


@pytest.mark.parametrize(("edit", "line", "words"), [
    pytest.param(lambda lines: lines[2:], "", "99 rows instead of 100", id="neither header nor first row"),
    pytest.param(lambda lines: [",".join(map(str, range(400))), *lines[1:]], "", "101 rows instead of 100", id="a header of numbers"),
    (lambda lines: with_field(60, 7, "walk")(lines[1:]), ":60", "row 60, column 7 is 'walk', not a finite number"),
    (lambda lines: lines[:-1], "", "99 rows instead of 100"),
    (lambda lines: [*lines, lines[-1]], "", "101 rows instead of 100"),
    (lambda lines: lines[:1], "", "0 rows instead of 100"),
    (lambda lines: [lines[0], *(line.rpartition(",")[0] for line in lines[1:])], ":2", "399 columns instead of 400"),
    (lambda lines: [*lines[:50], lines[50] + ",0.5", *lines[51:]], ":51", "401 columns instead of 400"),
    (lambda lines: [*lines[:50], "", *lines[51:]], ":51", "1 columns instead of 400"),
    (with_field(2, 1, "nan"), ":2", "row 1, column 1 is 'nan', not a finite number"),
    (with_field(101, 400, "-inf"), ":101", "row 100, column 400 is '-inf', not a finite number"),
    (with_field(60, 7, "1e39"), ":60", "row 59, column 7 is '1e39', not a finite number"),
    (with_field(60, 7, "1_0"), ":60", "row 59, column 7 is '1_0', not a finite number"),
    (with_field(60, 7, ""), ":60", "row 59, column 7 is '', not a finite number"),
    (with_field(60, 7, "#1"), ":60", "row 59, column 7 is '#1', not a finite number"),
    (with_field(60, 7, "walk"), ":60", "row 59, column 7 is 'walk', not a finite number"),
])
def test_features_that_cannot_be_used_are_named(tmp_path: Path, edit: Callable[[list[str]], list[str]], line: str, words: str) -> None:
    """Another shape, or a field that is no finite number, is a DataError: file, line of the file, row.

    A header of numbers, as pandas writes for columns without names, is not taken for features.
    """
    path = edited(tmp_path, edit)

    with pytest.raises(DataError, match=words) as caught:
        read_features(path)
    assert f"{path}{line}" == caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"\x89PNG\r\n\xff\xfe\x00"])
def test_features_of_nothing_are_named(tmp_path: Path, content: bytes | None) -> None:
    """A missing, empty or binary file is a DataError that names it."""
    if content is not None:
        (tmp_path / "v_1.csv").write_bytes(content)

    with pytest.raises(DataError, match="cannot be read") as caught:
        read_features(tmp_path / "v_1.csv")
    assert f"{tmp_path / 'v_1.csv'}{'' if content is None else ':1'}" == caught.value.where


def test_results_read_back(tmp_path: Path) -> None:
    """Results name videos by their bare ids, in ActivityNet's form, and are read back to the last bit."""
    found = {"v_a": Detections(np.array([[0.1, 1 / 3], [2.0, 2.0]]), np.array([0.1 + 0.2, 1e-9])), "v_v_1": none_found()}
    write_results(found, tmp_path / "result.json")
    content = json.loads((tmp_path / "result.json").read_text())
    read = read_results(tmp_path / "result.json", found)

    assert {"version": "VERSION 1.3", "external_data": {}, "results": {
        "a": [{"score": 0.1 + 0.2, "segment": [0.1, 1 / 3]}, {"score": 1e-9, "segment": [2.0, 2.0]}], "v_1": []}} == content
    assert list(found) == list(read)
    assert all(np.array_equal(found[name].segments, read[name].segments) for name in found)
    assert all(np.array_equal(found[name].scores, read[name].scores) for name in found)


def test_mmaction2s_results_are_read() -> None:
    """mmaction2's small result holds ten detections of one video, four of another, and unneeded labels."""
    read = read_results(real("small_result.json"), {"v_bYUmtLBL7W4", "v_hDPLy21Yyuk"})

    assert {"v_bYUmtLBL7W4": 10, "v_hDPLy21Yyuk": 4} == {name: len(found) for name, found in read.items()}
    assert ([21.222965776805253, 75.03834328227572], 0.5667440891265869) == (
        read["v_hDPLy21Yyuk"].segments[0].tolist(), read["v_hDPLy21Yyuk"].scores[0])


@pytest.mark.parametrize(("rows", "where", "words"), [
    ([{"score": 0.5, "segment": [2, 1]}], "[0]", "ends before it begins: score 0.5, segment 2.0 to 1.0"),
    ([{"score": 0.5, "segment": [1, 2]}, {"score": 0.5, "segment": [-1, 1]}], "[1]", "begins before the video"),
    ([{"score": float("nan"), "segment": [1, 2]}], "[0]", "is not finite"),
    ([{"score": 0.5, "segment": [1, float("inf")]}], "[0]", "is not finite"),
    ([{"score": 10**400, "segment": [1, 2]}], "[0]", "is not finite"),
    ([{"score": "0.5", "segment": [1, 2]}], "[0]", "a score and a segment of two numbers"),
    ([{"score": True, "segment": [1, 2]}], "[0]", "a score and a segment of two numbers"),
    ([{"score": 0.5, "segment": [1, 2, 3]}], "[0]", "a score and a segment of two numbers"),
    ([{"score": 0.5, "segment": 1}], "[0]", "a score and a segment of two numbers"),
    ([{"segment": [1, 2]}], "[0]", "a score and a segment of two numbers"),
    ([{"score": 0.5}], "[0]", "a score and a segment of two numbers"),
    ([[0.5, 1, 2]], "[0]", "a score and a segment of two numbers"),
    ({"score": 0.5, "segment": [1, 2]}, "", "no list"),
])
def test_results_that_cannot_be_used_are_named(tmp_path: Path, rows: object, where: str, words: str) -> None:
    """A detection that is none, negative, reversed or not finite is a DataError with file, video and row."""
    path = result(tmp_path, {"b": [], "a": rows})

    with pytest.raises(DataError, match=words) as caught:
        read_results(path, {"v_a", "v_b"})
    assert f"{path}: results.a{where}" == caught.value.where


def test_results_of_unknown_videos_are_named(tmp_path: Path) -> None:
    """A video that is none of the judged ones is a DataError, also where it is named with its prefix."""
    for name in ("c", "v_a"):
        with pytest.raises(DataError, match=f"{name} is none of the 2 videos"):
            read_results(result(tmp_path, {"b": [], name: []}), {"v_a", "v_b"})


@pytest.mark.parametrize(("content", "words"), [
    ("", "cannot be read"), ("{", "cannot be read"), pytest.param("[" * 100_000, "cannot be read", id="too deep"),
    ("[]", "holds no results"),
    ("{}", "holds no results"), ('{"results": []}', "holds no results"), ('{"results": {"a": [], "a": []}}', "'a' stands twice"),
])
def test_a_file_without_results_is_named(tmp_path: Path, content: str, words: str) -> None:
    """What is no JSON, has no results, or names a video twice is a DataError."""
    (tmp_path / "result.json").write_text(content)

    with pytest.raises(DataError, match=words) as caught:
        read_results(tmp_path / "result.json", {"v_a"})
    assert str(tmp_path / "result.json") == (caught.value.where or "").removesuffix(":1")


def test_results_may_leave_videos_out(tmp_path: Path) -> None:
    """A video that the results leave out is left out of what is read."""
    assert ["v_a"] == list(read_results(result(tmp_path, {"a": []}), {"v_a", "v_b"}))
