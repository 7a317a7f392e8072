"""The one place that reads text files which a person or another program has written."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import TextIO

UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # what PowerShell's `>` writes


def open_text(path: Path, newline: str | None = None, errors: str = "strict") -> TextIO:
    """Open a text file: UTF-8 or UTF-16 by its byte order mark, which is passed over; UTF-8 without one.

    Lines may end in any way; csv wants *newline* "".

    Raises:
        OSError: it cannot be read. Reading from it then raises UnicodeDecodeError if it is no text.
    """
    with path.open("rb") as file:
        marked = file.read(2) in UTF16
    return path.open(encoding="utf-16" if marked else "utf-8-sig", newline=newline, errors=errors)


def read_text(path: Path, errors: str = "strict") -> str:
    """The whole text of a file, as `open_text` reads it; lines end in a line feed."""
    with open_text(path, errors=errors) as file:
        return file.read()
