"""Sizes that a file only claims to have: they are refused before memory is asked for."""

from __future__ import annotations

import io
import os
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tools.errors import ClipgateError, DataError, ScoreError
from tools.machine import declared, reading, text

MORE = 128 * 2**20  # bytes of memory that a reader may take beyond what the process has
GIB = 2**30


def bounded(work: Callable[[], object], more: int = MORE) -> str:
    """What *work* says in a process that can hardly get more memory, or that it found something."""
    reading_end, writing_end = os.pipe()
    if not (process := os.fork()):
        try:
            size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (size + more, size + more))
            said = f"found {type(work()).__name__}"
        except ClipgateError as error:
            said = error.what
        except BaseException as error:  # noqa: BLE001 - the parent tells it
            said = f"{type(error).__name__}: {error}"
        os.write(writing_end, said.encode()[:4000])
        os._exit(0)
    os.close(writing_end)
    with os.fdopen(reading_end) as told:
        said = told.read()
    os.waitpid(process, 0)
    return said


def header(shape: tuple[int, ...], kind: str = "<f4") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize(("shape", "kind"), [
    ((GIB,), "<f4"), ((2**60, 3), "<f4"), ((10**12,), "|S0"), ((GIB // 4,), "<f4"), ((4,), "|V2147483647"),
], ids=["gigabytes", "exabytes", "no bytes each", "some", "one element"])
def test_an_array_larger_than_its_file_is_refused(tmp_path: Path, shape: tuple[int, ...], kind: str) -> None:
    """In a .npy file and in a .npz file alike, though the memory would do for one of them."""
    (tmp_path / "a.npy").write_bytes(header(shape, kind) + b"abcd")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", header(shape, kind) + b"abcd")

    for name, load in (("a.npy", reading.load_npy), ("a.npz", reading.load_npz)):
        assert "it claims to hold" in bounded(lambda load=load, name=name: load(tmp_path / name, DataError))  # type: ignore[misc]


def test_an_array_is_as_large_as_what_follows_its_header(tmp_path: Path) -> None:
    """One that lacks a single byte is refused before NumPy reads it; a whole one is not."""
    values = np.arange(6, dtype=np.uint8)
    (tmp_path / "whole.npy").write_bytes(header((6,), "|u1") + values.tobytes())
    (tmp_path / "short.npy").write_bytes(header((7,), "|u1") + values.tobytes())

    assert values.tolist() == reading.load_npy(tmp_path / "whole.npy", DataError).tolist()
    with pytest.raises(DataError, match="it claims to hold 7 elements"):
        reading.load_npy(tmp_path / "short.npy", DataError)


def test_an_archive_that_unpacks_to_more_than_it_has_is_refused(tmp_path: Path) -> None:
    """A file of a megabyte that holds many of zeros."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive, archive.open("a.npy", "w") as member:
        member.write(header((2 * MORE,), "|u1"))
        for _ in range(64):
            member.write(bytes(MORE // 32))

    assert "it claims to hold 2.68e+08 bytes" in bounded(lambda: reading.load_npz(tmp_path / "a.npz", DataError))


def test_arrays_of_terabytes_are_not_begun(tmp_path: Path) -> None:
    """Their file takes no room on the disk, and would take all of the memory."""
    content = header((2**40,), "|u1")
    for name, load in (("a.npy", reading.load_npy), ("a.npz", reading.load_npz)):
        (tmp_path / name).write_bytes(content)
        os.truncate(tmp_path / name, 2**40 + len(content))
        said = bounded(lambda load=load, name=name: load(tmp_path / name, DataError))  # type: ignore[misc]
        assert f"it is larger than {declared.LARGEST_ARRAYS // GIB} GiB" in said


@pytest.mark.parametrize(("read", "words"), [
    (lambda path: reading.load_json(path, DataError), "it is larger than 512 MiB"),
    (lambda path: reading.read_text(path, DataError), "it is larger than 512 MiB"),
    (lambda path: reading.read_log(path, ScoreError), "it is larger than 512 MiB"),
    (lambda path: next(reading.read_rows(path, DataError, ["a"], "the table", "mend it")), "a line has more than 1,048,576 letters"),
    (lambda path: next(reading.read_lines(path, DataError)), "a line has more than 1,048,576 letters"),
], ids=["json", "text", "log", "table", "list"])
def test_a_text_without_an_end_is_refused(tmp_path: Path, read: Callable[[Path], object], words: str) -> None:
    """Ten gigabytes in one line."""
    (tmp_path / "a").touch()
    os.truncate(tmp_path / "a", 10 * GIB)

    assert words in bounded(lambda: read(tmp_path / "a"))


def test_a_line_may_be_as_long_as_a_list_needs(tmp_path: Path) -> None:
    """The longest that is taken, and the line after it."""
    (tmp_path / "a").write_text("x" * (text.LONGEST_LINE - 1) + "\nb\n")
    assert [(1, text.LONGEST_LINE), (2, 2)] == [(number, len(line)) for number, line in reading.read_lines(tmp_path / "a", DataError)]


@pytest.mark.parametrize("content", ["[" * 10**5, '{"a":' * 10**5, "[" + "7" * 10**6 + "]"], ids=["lists", "objects", "digits"])
def test_json_that_asks_for_too_much_is_one_sentence(tmp_path: Path, content: str) -> None:
    """Nested a hundred thousand deep, or a number of a million digits."""
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(DataError, match=r"the file cannot be read: (it is nested too deep|Exceeds the limit)") as caught:
        reading.load_json(tmp_path / "a.json", DataError)
    assert len(str(caught.value)) < 1000
