"""The one place that reads text files which a person or another program has written."""

from __future__ import annotations

import codecs
import io
from pathlib import Path
from typing import TextIO

from tools.machine import opening

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what PowerShell's `>` writes
LONGEST_LINE = 2**20  # letters of a line of a list or a table; a path has some thousand at most
LARGEST = 512 * 2**20  # bytes that are read at once; results of all of ActivityNet's validation take a tenth


def open_text(path: Path, newline: str | None = None, errors: str = "strict") -> TextIO:
    """Open a text file: UTF-8 or UTF-16 by its byte order mark, which is passed over; UTF-8 without one.

    Lines may end in any way; csv wants *newline* "".

    Raises:
        OSError: it cannot be read, or is a pipe or a device. Reading from it then raises UnicodeDecodeError
            if it is no text.
    """
    file = opening.to_read(path)
    marked = file.read(2) in UTF16
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-16" if marked else "utf-8-sig", newline=newline, errors=errors)


def read_text(path: Path, errors: str = "strict") -> str:
    """The whole text of a file, as `open_text` reads it; lines end in a line feed.

    Raises:
        OSError: as for `open_text`, or it is too large to be read at once.
    """
    opening.require_most(path, LARGEST)
    with open_text(path, errors=errors) as file:
        return file.read(LARGEST)
