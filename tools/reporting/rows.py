"""The rows of a run, as far as its results.jsonl can be read, with nothing in them that would not be seen."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from tools.errors import ClipgateError, MeasureError, on_one_line, visible
from tools.judging import results
from tools.judging.rows import RESULTS, Row
from tools.machine.reading import read_lines
from tools.reporting.lacking import Lacking, add, told


def rows(run: Path, lacking: Lacking) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """The rows that can be read, and why they are not all, a sentence each.

    A last line without its end was being written when its process was killed, and is left out.
    """
    path = run / RESULTS
    if not path.is_file():
        add(lacking, f"there are no results: {path} is missing; the run ended before its first verdict, or the file was not copied along")
        return (), ()
    found: list[Row] = []
    wrong: list[ClipgateError] = []
    said: list[str] = []
    with told(lacking, "the rest of the results is missing"):
        for number, line in read_lines(path, MeasureError, "the results", "run the cases again"):
            if line.strip() and not line.endswith("\n"):
                said.append(f"the last line of {RESULTS} has no end: it was being written when its process ended, and is left out")
            elif line.strip():
                try:
                    found.append(plain(results.row_of(line, f"{path}:{number}")))
                except ClipgateError as error:
                    wrong.append(error)
    if wrong:
        lines = "1 line" if len(wrong) == 1 else f"{len(wrong)} lines"
        said.append(f"{lines} of its results cannot be read, so this is not all")
        add(lacking, f"{lines} of {RESULTS} cannot be read, so this is not all of the verdict: {wrong[0].what} ({wrong[0].where}); "
                     f"{wrong[0].remedy}")
    return tuple(found), tuple(said)


def plain(row: Row) -> Row:
    """The row with control characters and marks of direction, which a file may hold, as their escapes."""
    texts = {one.name: text for one in fields(row) if isinstance(text := getattr(row, one.name), str)}
    shown: dict[str, Any] = {name: visible(text) if name == "reason" else on_one_line(text) for name, text in texts.items()}
    digests = {on_one_line(network): {on_one_line(what): on_one_line(digest) for what, digest in of.items()}
               for network, of in row.digests.items()}
    return replace(row, **shown, digests=digests)
