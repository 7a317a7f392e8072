"""Numbers, names and files of others: what is just taken, what is just refused, and in which words."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from tools.errors import DataError, ScoreError
from tools.machine import reading


@pytest.mark.parametrize(("value", "words"), [
    ("ab", "'ab'"), ("x" * 58, f"'{'x' * 58}'"), ("x" * 59, f"'{'x' * 59}..."), (17, "0x11"), (1.5, "1.5"), (None, "None"), (True, "0x1"),
])
def test_a_wrong_value_is_shown_up_to_sixty_characters(value: object, words: str) -> None:
    """A whole number without its digits, which may be thousands."""
    assert words == reading.shown(value)


@pytest.mark.parametrize(("caught", "words"), [
    (RecursionError("x"), "it is nested too deep"), (MemoryError("x"), "it claims to be larger than the memory"),
    (KeyError("a"), "it has no 'a'"),
    (OSError(2, "No such file"), "No such file"), (OSError("only this"), "only this"), (ValueError("so"), "so"), (EOFError(), "EOFError"),
])
def test_what_a_parser_says_is_told_in_words(caught: BaseException, words: str) -> None:
    assert words == reading.reason(caught)


@pytest.mark.parametrize(("value", "found"), [(1, 1.0), ("2.5", 2.5), (" -3e2 ", -300.0), (0, 0.0)])
def test_a_finite_number_is_taken(value: object, found: float) -> None:
    assert found == reading.number(value, "here", DataError)


@pytest.mark.parametrize("value", ["1_000", "nan", "inf", "1e999", "", "1.2.3", True, None, [1], pytest.param(math.inf, id="a float"),
                                   pytest.param(10**400, id="long")])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ScoreError, match=r"the rate .* is no finite number") as caught:
        reading.number(value, "here:3", ScoreError, "the rate", "mend it")
    assert ("here:3", "mend it") == (caught.value.where, caught.value.remedy)


def test_a_number_above_nothing_is_asked_for() -> None:
    """However little it is."""
    assert 1e-300 == reading.positive("1e-300", "here", DataError)
    assert 0.5 == reading.positive(0.5, "here", DataError)
    for value in (0, -1e-300, "-0.0"):
        with pytest.raises(DataError, match=r"a time is .* is not above 0") as caught:
            reading.positive(value, "here", DataError, "a time is", "again")
        assert ("here", "again") == (caught.value.where, caught.value.remedy)
    with pytest.raises(DataError, match="is no finite number"):
        reading.positive("nan", "here", DataError)


@pytest.mark.parametrize(("text", "whole"), [("0", True), ("9" * 18, True), ("9" * 19, False), ("-1", False), ("1.0", False), ("", False),
                                             ("\u00b2", False), ("\u0663", False), ("1 ", False)])
def test_a_whole_number_has_up_to_eighteen_plain_digits(text: str, whole: bool) -> None:
    """The largest that any 64 bits hold."""
    assert whole == reading.is_whole(text)
    if whole:
        assert int(text) == reading.whole(text, "here", DataError)
        return
    with pytest.raises(DataError, match=r"the index .* is no whole number of up to 18 digits") as caught:
        reading.whole(text, "here", DataError, "the index", "mend it")
    assert ("here", "mend it") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("text", "fits"), [
    ("a/b.mp4", True), ("x" * 255, True), ("x" * 256, False), ("\u00e9" * 127, True), ("\u00e9" * 128, False), ("a\0b", False),
    ("\ud800", False), ("/".join(["x" * 255] * 11 + ["x" * 254]), True), ("/".join(["x" * 255] * 12), False), ("", True),
    ("\ue000", True), ("\udfff", False),
], ids=range(12))
def test_a_path_must_be_one_that_can_be_looked_for(text: str, fits: bool) -> None:
    """By its bytes: 255 a name, and less than 3072 with the folders."""
    assert fits == reading.can_be_path(text)
    if fits:
        reading.file_name(text, "here", DataError)
        return
    with pytest.raises(DataError, match="can be no file's name") as caught:
        reading.file_name(text, "here:1", DataError, "rename it")
    assert ("here:1", "rename it") == (caught.value.where, caught.value.remedy)


def test_lines_have_their_numbers(tmp_path: Path) -> None:
    """And one that is no text is named by its own."""
    path = tmp_path / "list.txt"
    path.write_bytes(b"a\n\nb")
    assert [(1, "a\n"), (2, "\n"), (3, "b")] == [*reading.read_lines(path, DataError)]
    assert "a\n\nb" == reading.read_text(path, DataError)

    path.write_bytes(b"a\nb\n\xff\n")
    with pytest.raises(DataError, match="the list cannot be read: it is no text in UTF-8") as caught:
        reading.read_text(path, DataError, "the list", "mend it")
    assert (f"{path}:3", "mend it") == (caught.value.where, caught.value.remedy)
    with pytest.raises(DataError, match="the list cannot be read: No such file") as caught:
        reading.read_text(tmp_path / "none", DataError, "the list")
    assert (str(tmp_path / "none"), "give a text file in UTF-8") == (caught.value.where, caught.value.remedy)
    with pytest.raises(DataError, match="the file cannot be read: Is a directory"):
        reading.read_text(tmp_path, DataError)


def test_a_log_is_read_whatever_its_bytes_are(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"a\xff")
    assert "a\ufffd" == reading.read_log(path, DataError)
    with pytest.raises(ScoreError, match="the log cannot be read: No such file") as caught:
        reading.read_log(tmp_path / "none", ScoreError)
    assert (str(tmp_path / "none"), "give a text file") == (caught.value.where, caught.value.remedy)


def test_rows_are_read_by_their_header(tmp_path: Path) -> None:
    """Each with the number of its last line; a column that is lacking is named, and the line that is none."""
    path = tmp_path / "a.csv"
    path.write_text('id,label,more\na,1,x\n"b\nc",2,y\n')
    read = reading.read_rows(path, DataError, ["id", "label"], "the rows", "mend it")
    assert [(2, {"id": "a", "label": "1", "more": "x"}), (4, {"id": "b\nc", "label": "2", "more": "y"})] == [*read]

    for text, words in (("id,other\n", "the header has no label and no size"), ("", "the header has no id and no label and no size")):
        path.write_text(text)
        with pytest.raises(DataError, match=words) as caught:
            next(reading.read_rows(path, DataError, ["id", "label", "size"], "the rows", "mend it"))
        assert (f"{path}:1", "mend it") == (caught.value.where, caught.value.remedy)
    path.write_text("id\na\n" + "x" * 200_000 + "\n")
    with pytest.raises(DataError, match="the rows cannot be read: field larger") as caught:
        [*reading.read_rows(path, DataError, ["id"], "the rows", "mend it")]
    assert f"{path}:3" == caught.value.where


def test_json_that_is_none_is_named_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a":\n[1,}')
    with pytest.raises(DataError, match="the file cannot be read: ") as caught:
        reading.load_json(path, DataError)
    assert (f"{path}:2", "give a JSON file") == (caught.value.where, caught.value.remedy)

    path.write_text("[" * 100_000)
    with pytest.raises(DataError, match="it is nested too deep") as caught:
        reading.load_json(path, DataError)
    assert str(path) == caught.value.where
    path.write_text('{"a": 1}')
    assert {"a": 1.0} == reading.load_json(path, DataError, parse_int=float)
    with pytest.raises(ScoreError, match="the note cannot be read: so it is"):
        reading.json_of("1", ScoreError, "the note", "here", parse_int=_refuses)


def _refuses(text: str) -> object:
    raise ValueError("so it is")


def test_an_error_of_ours_inside_stays_as_it_is() -> None:
    """And a mistake of ours is no file's fault."""
    with pytest.raises(DataError, match="ours"), reading.refusing(ScoreError, "x", "here"):
        raise DataError("ours")
    with pytest.raises(ReferenceError), reading.refusing(ScoreError, "x", "here"):
        raise ReferenceError
    with pytest.raises(ScoreError, match="x: it has no 'a'") as caught, reading.refusing(ScoreError, "x", "here", "mend it"):
        raise KeyError("a")
    assert ("here", "mend it") == (caught.value.where, caught.value.remedy)
    with pytest.raises(ScoreError) as caught, reading.refusing(ScoreError, "x", "here"):
        json.loads("[\n\n1,]")
    assert "here:3" == caught.value.where


def test_arrays_are_read_from_files_of_their_kind_alone(tmp_path: Path) -> None:
    """What pickles would have to be opened for is refused, as is one kind in the other's place."""
    path = tmp_path / "a"
    with path.open("wb") as file:
        np.save(file, np.arange(6).reshape(2, 3))
    assert [[0, 1, 2], [3, 4, 5]] == reading.load_npy(path, DataError).tolist()
    with pytest.raises(DataError, match="the arrays cannot be read: ") as caught:
        reading.load_npz(path, DataError)
    assert (str(path), "make the file again") == (caught.value.where, caught.value.remedy)

    with path.open("wb") as file:
        np.savez(file, a=np.ones(2), b=np.zeros(3))
    assert {"a": [1.0, 1.0], "b": [0.0] * 3} == {name: one.tolist() for name, one in reading.load_npz(path, DataError).items()}
    with pytest.raises(DataError, match=r"the array cannot be read: it is no \.npy file") as caught:
        reading.load_npy(path, DataError)
    assert (str(path), "give a .npy file") == (caught.value.where, caught.value.remedy)
    saves: tuple[Callable[[BinaryIO], None], ...] = (lambda file: np.save(file, np.array([{}]), allow_pickle=True),
                                                     lambda file: np.savez(file, a=np.array([{}])))
    for save in saves:
        with path.open("wb") as file:
            save(file)
        with pytest.raises(DataError, match="allow_pickle=False"):
            (reading.load_npy if save.__code__.co_names[1] == "save" else reading.load_npz)(path, DataError)


def test_lines_of_numbers_become_a_table() -> None:
    """Of float32; lines that hold nothing, or something else, are refused."""
    found = reading.numbers_of(["1 2", "3 4"], DataError, "the scores", "here")
    assert (np.float32, [[1.0, 2.0], [3.0, 4.0]]) == (found.dtype, found.tolist())
    assert [[1.0, 2.0]] == reading.numbers_of(["1,2"], DataError, "the scores", "here", delimiter=",").tolist()
    for lines, words in (([], "it is empty"), (["a"], "could not convert"), (["1 2", "3"], "number of columns")):
        with pytest.raises(DataError, match=f"the scores cannot be read: .*{words}") as caught:
            reading.numbers_of(lines, DataError, "the scores", "here:1", "mend it")
        assert ("here:1", "mend it") == (caught.value.where, caught.value.remedy)
