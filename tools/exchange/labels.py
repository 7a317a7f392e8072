"""Labels as the guides' scripts leave them: in .info files, or in the names of R(2+1)D's inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from tools.errors import ScoreError
from tools.machine.text import read_text

NAMED = re.compile(r"bin(\d+)-\d+((?:_\d+)+)")
LABELS, PATHS = 2, 4  # fields of a line
FORMS = "'index label' a line, or 'index path width height'"


@dataclass(frozen=True, slots=True)
class Info:
    """An .info file: *labels* of numbered samples, or *stems* of numbered input files; the other is empty."""

    path: Path
    labels: Mapping[int, int]
    stems: Mapping[int, str]


def read_info(path: Path) -> Info:
    """Read `index label` lines, as TSM's, SlowFast's and Nonlocal's scripts write, or benchmark's paths.

    Raises:
        ScoreError: naming the line that is neither, or that has the index of another.
    """
    labels: dict[int, int] = {}
    stems: dict[int, str] = {}
    for number, line in enumerate(_lines(path), 1):
        fields = line.split()
        if not fields:
            continue
        where = f"{path}:{number}"
        if len(fields) not in (LABELS, PATHS) or not fields[0].isdecimal() or bool(labels) > (len(fields) == LABELS):
            raise ScoreError(f"the line is not as it should be: {line.strip()!r}", where=where, remedy=f"write {FORMS}")
        index = int(fields[0])
        if index in labels or index in stems:
            raise ScoreError(f"index {index} is there twice", where=where, remedy="make the file again from the list")
        if len(fields) == PATHS and not labels:
            stems[index] = PurePath(fields[1]).stem
        elif fields[1].isdecimal() and not stems:
            labels[index] = int(fields[1])
        else:
            raise ScoreError(f"{fields[1]!r} is no label", where=where, remedy=f"write {FORMS}, all lines alike")
    if not labels and not stems:
        raise ScoreError("the file is empty", where=str(path), remedy=f"write {FORMS}")
    return Info(path, labels, stems)


def labels_in_name(stem: str) -> tuple[int, tuple[int, ...]] | None:
    """The first sample's number and the labels in a name like `bin16-31_4_4_17`; None for other names."""
    match = NAMED.fullmatch(stem)
    return (int(match[1]), tuple(int(label) for label in match[2].split("_")[1:])) if match else None


def name_with_labels(first: int, batch: int, labels: tuple[int, ...]) -> str:
    """What R(2+1)D's script calls a file; a short last batch is named as if it were full."""
    return f"bin{first}-{first + batch - 1}_{'_'.join(map(str, labels))}"


def _lines(path: Path) -> list[str]:
    try:
        return read_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ScoreError(f"the labels cannot be read: {error}", where=str(path), remedy=f"give a text file, {FORMS}") from error
