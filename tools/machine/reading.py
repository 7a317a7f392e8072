"""Files and numbers that somebody else wrote: what is wrong with them is one typed error that says where.

Only this module calls the parsers of libraries, so that their exceptions leave by no other way.
"""

from __future__ import annotations

import csv
import json
import math
import pickle
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.errors import ClipgateError
from tools.machine import declared, opening, text

if TYPE_CHECKING:
    from numpy.typing import NDArray

Kind = type[ClipgateError]
# What the parsers of Python, NumPy and torch raise for bytes that are not what they expect.
UNREADABLE = (OSError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError,
              MemoryError, SyntaxError, struct.error, csv.Error, zlib.error, zipfile.BadZipFile, tokenize.TokenError,
              pickle.UnpicklingError)
TEXT = "give a text file in UTF-8"
LONGEST_NUMBER = 18  # digits: the largest whole number that 64 bits always hold
LONGEST_NAME, LONGEST_PATH = 255, 3072  # bytes that Linux takes, with room for the folder of the list
SHOWN = 60  # characters of a wrong value that a message repeats


@contextmanager
def refusing(error: Kind, what: str, where: str, remedy: str | None = None) -> Iterator[None]:
    """Turn what a parser raises inside into *error*; nothing else belongs inside: mistakes would hide."""
    try:
        yield
    except ClipgateError:
        raise
    except UNREADABLE as caught:
        line = f":{caught.lineno}" if isinstance(caught, json.JSONDecodeError) else ""
        raise error(f"{what}: {reason(caught)}", where=f"{where}{line}", remedy=remedy) from caught


def reason(caught: BaseException) -> str:
    """What an exception of a parser says, in words."""
    if isinstance(caught, RecursionError):
        return "it is nested too deep"
    if isinstance(caught, MemoryError):
        return "it claims to be larger than the memory"
    if isinstance(caught, KeyError):
        return f"it has no {caught}"
    return (caught.strerror if isinstance(caught, OSError) else None) or str(caught) or type(caught).__name__


def shown(value: object) -> str:
    """A wrong value as a message repeats it."""
    words = repr(value) if isinstance(value, str) or not isinstance(value, int) else hex(value)  # no digits of a large int
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}..."


def read_lines(path: Path, error: Kind, what: str = "the file", remedy: str = TEXT,
               longest: int = text.LONGEST_LINE) -> Iterator[tuple[int, str]]:
    """The lines of a text with their numbers, one by one, without a byte order mark and with plain line ends.

    Raises:
        ClipgateError: of class *error*; it cannot be read, or naming the line that is no UTF-8 or longer.
    """
    lines = _opened(path, error, what, remedy, longest)
    number = 0
    while True:
        try:
            line = next(lines, None)
        except UnicodeDecodeError as caught:
            raise error(f"{what} cannot be read: it is no text in UTF-8", where=f"{path}:{_first_bad(path)}", remedy=remedy) from caught
        except OSError as caught:
            raise error(f"{what} cannot be read: {reason(caught)}", where=str(path), remedy=remedy) from caught
        if line is None:
            return
        number += 1
        if len(line) > longest:
            raise error(f"{what} cannot be read: a line has more than {longest:,} letters", where=f"{path}:{number}", remedy=remedy)
        yield number, line


def _opened(path: Path, error: Kind, what: str, remedy: str, longest: int) -> Iterator[str]:
    with refusing(error, f"{what} cannot be read", str(path), remedy):
        file = text.open_text(path)
    with file:
        yield from iter(lambda: file.readline(longest + 1), "")


def _first_bad(path: Path) -> int:
    """The number of the first line that is no UTF-8."""
    with opening.to_read(path) as file:
        lines = iter(lambda: file.readline(text.LONGEST_LINE), b"")
        return next((number for number, raw in enumerate(lines, 1) if raw.decode(errors="replace").encode() != raw), 1)


def read_text(path: Path, error: Kind, what: str = "the file", remedy: str = TEXT) -> str:
    """The whole text of a file, as `read_lines` reads it.

    Raises:
        ClipgateError: of class *error*; the file cannot be read, is too large, or a line is no UTF-8.
    """
    with refusing(error, f"{what} cannot be read", str(path), remedy):
        opening.require_most(path, text.LARGEST)
    return "".join(line for _, line in read_lines(path, error, what, remedy, text.LARGEST))


def read_log(path: Path, error: Kind, what: str = "the log", remedy: str = "give a text file") -> str:
    """The text of what a program printed, in which bytes that are no UTF-8 do not matter."""
    with refusing(error, f"{what} cannot be read", str(path), remedy):
        return text.read_text(path, errors="replace")


def read_rows(path: Path, error: Kind, columns: Iterable[str], what: str, remedy: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    """The rows of a file of comma-separated values by its header, each with the number of its last line.

    Raises:
        ClipgateError: of class *error*; as for `read_lines`, or the header lacks one of *columns*.
    """
    reader = csv.DictReader(line for _, line in read_lines(path, error, what, remedy))
    with refusing(error, f"{what} cannot be read", f"{path}:1", remedy):
        lacking = [name for name in columns if name not in (reader.fieldnames or ())]
    if lacking:
        raise error(f"the header has no {' and no '.join(lacking)}", where=f"{path}:1", remedy=remedy)
    while True:
        with refusing(error, f"{what} cannot be read", f"{path}:{reader.line_num + 1}", remedy):
            row = next(reader, None)
        if row is None:
            return
        yield reader.line_num, row


def json_of(text: str | bytes, error: Kind, what: str, where: str, remedy: str | None = None,
            **how: Callable[..., object]) -> Any:  # noqa: ANN401 - JSON is anything
    """What a text of JSON says; *how*: the hooks of `json.loads`."""
    with refusing(error, f"{what} cannot be read", where, remedy):
        return json.loads(text, **how)  # type: ignore[arg-type]


def load_json(path: Path, error: Kind, what: str = "the file", remedy: str = "give a JSON file",
              **how: Callable[..., object]) -> Any:  # noqa: ANN401 - JSON is anything
    """What a JSON file says, as `json_of`."""
    return json_of(read_text(path, error, what, remedy), error, what, str(path), remedy, **how)


def load_npy(path: Path, error: Kind, what: str = "the array", remedy: str = "give a .npy file") -> NDArray[Any]:
    """The array in a .npy file."""
    import numpy as np

    with _quietly(error, what, path, remedy), opening.to_read(path) as file:
        if file.read(6) != declared.NPY:  # np.load would open an archive, or say that it is a pickle
            raise ValueError("it is no .npy file")
        file.seek(0)
        declared.require_npy(file, declared.require_size(file))
        found: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
        return found


def load_npz(path: Path, error: Kind, what: str = "the arrays", remedy: str = "make the file again") -> dict[str, NDArray[Any]]:
    """Every array of a .npz file, whose checksums are compared."""
    import numpy as np

    with _quietly(error, what, path, remedy), opening.to_read(path) as file:
        declared.require_npz(file, declared.require_size(file))
        with np.load(file, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}


def numbers_of(lines: list[str], error: Kind, what: str, where: str, remedy: str | None = None, **how: object) -> NDArray[Any]:
    """Lines of float32 numbers as a table [lines, columns]; *how*: the options of `np.loadtxt`."""
    import numpy as np

    with _quietly(error, what, where, remedy):
        found: NDArray[Any] = np.loadtxt(lines, np.float32, ndmin=2, **how)  # type: ignore[call-overload]
        if not found.size:
            raise ValueError("it is empty")
        return found


@contextmanager
def _quietly(error: Kind, what: str, where: Path | str, remedy: str | None) -> Iterator[None]:
    """`refusing` around NumPy, which warns of some damage besides."""
    with refusing(error, f"{what} cannot be read", str(where), remedy), warnings.catch_warnings(action="ignore"):
        yield


def number(value: object, where: str, error: Kind, what: str = "the number", remedy: str | None = None) -> float:
    """A finite number out of a text or a JSON file.

    Raises:
        ClipgateError: of class *error*; it is none, as `1.2.3`, `1e999` and `nan` are.
    """
    found = math.nan
    if isinstance(value, str | int | float) and not isinstance(value, bool) and not (isinstance(value, str) and "_" in value):
        try:
            found = float(value)
        except (ValueError, OverflowError):
            found = math.nan
    if not math.isfinite(found):
        raise error(f"{what} {shown(value)} is no finite number", where=where, remedy=remedy)
    return found


def positive(value: object, where: str, error: Kind, what: str = "the number", remedy: str | None = None) -> float:
    """A finite number above 0; a rate or a time that is none measures nothing."""
    found = number(value, where, error, what, remedy)
    if found <= 0:
        raise error(f"{what} {shown(value)} is not above 0", where=where, remedy=remedy)
    return found


def is_whole(text: str) -> bool:
    """Whether a text is a whole number of plain digits, and no larger than others can hold."""
    return text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER


def whole(text: str, where: str, error: Kind, what: str = "the number", remedy: str | None = None) -> int:
    """A whole number of plain digits.

    Raises:
        ClipgateError: of class *error*; it is none, as `²` and five thousand digits are.
    """
    if not is_whole(text):
        raise error(f"{what} {shown(text)} is no whole number of up to {LONGEST_NUMBER} digits", where=where, remedy=remedy)
    return int(text)


def can_be_path(text: str) -> bool:
    """Whether the system can look for a path: text without NUL, of which no part is too long."""
    parts = [len(part.encode(errors="surrogateescape")) for part in text.split("/")] if _is_text(text) else [LONGEST_PATH]
    return "\0" not in text and max(parts) <= LONGEST_NAME and sum(parts) + len(parts) < LONGEST_PATH


def _is_text(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)  # half a letter, which JSON can write


def file_name(text: str, where: str, error: Kind, remedy: str | None = None) -> None:
    """Refuse, with *error*, a path out of a list that cannot be looked for."""
    if not can_be_path(text):
        raise error(f"{shown(text)} can be no file's name", where=where, remedy=remedy)
