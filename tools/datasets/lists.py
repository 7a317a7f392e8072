"""Lists of clips in mmaction2's two formats: read strictly, and cut to a balanced subset."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TypeVar

from tools.errors import DataError
from tools.machine.text import open_text
from tools.media.decode import Clip
from tools.spec.model import ListFormat

FIELDS: dict[int, ListFormat] = {2: "videos", 3: "rawframes"}
T = TypeVar("T")
SHAPES = {"videos": "'path label'", "rawframes": "'frame-folder frames label'"}


@dataclass(frozen=True, slots=True)
class ClipList:
    """The rows of a list file, in its order; *root*: the folder that their paths are below."""

    source: Path
    root: Path
    format: ListFormat
    clips: tuple[Clip, ...]


def read_list(path: Path, root: Path, classes: int) -> ClipList:
    """Read a rawframes or videos list; paths are relative to *root*.

    Raises:
        DataError: a line has a wrong number of fields, a label that is no class, or a clip named before.
    """
    kind = list_format(path)
    return ClipList(path, root, kind, tuple(read_clips(path, root, kind, classes)))


def list_format(path: Path) -> ListFormat:
    """The format of a list, by the fields of its first line.

    Raises:
        DataError: the list is empty, or its first line has neither form.
    """
    for number, fields in read_fields(path):
        if len(fields) not in FIELDS:
            raise _wrong_fields(fields, " or ".join(SHAPES.values()), f"{path}:{number}")
        return FIELDS[len(fields)]
    raise DataError("the list is empty", where=str(path), remedy="one line a clip: " + " or ".join(SHAPES.values()))


def read_clips(path: Path, root: Path, kind: ListFormat, classes: int) -> Iterator[Clip]:
    """The rows of a list of *kind* one by one, as it need not fit into memory; errors as for `read_list`."""
    seen: dict[str, int] = {}
    for number, fields in read_fields(path):
        where = f"{path}:{number}"
        if FIELDS.get(len(fields)) != kind:
            raise _wrong_fields(fields, SHAPES[kind], where)
        clip = _clip(fields, kind, root, classes, where)
        refuse_repeated(seen, clip.id, number, where)
        yield clip


def refuse_repeated(seen: dict[str, int], id: str, number: int, where: str) -> None:
    """Note in *seen* that *id* stands on line *number*.

    Raises:
        DataError: it stood on another line before.
    """
    if id in seen:
        raise DataError(f"{id} is listed twice, first on line {seen[id]}", where=where,
                        remedy="name every clip once: results are paired by name")
    seen[id] = number


def balanced(clips: tuple[Clip, ...], count: int) -> tuple[Clip, ...]:
    """*count* of the clips (0: all) in list order, always the same, spread evenly over the classes."""
    if count == 0 or count >= len(clips):
        return clips
    by_class: dict[int, list[Clip]] = {}
    for clip in clips:
        by_class.setdefault(clip.label, []).append(clip)
    rounds = zip_longest(*(by_class[label] for label in sorted(by_class)))
    turns = [clip for turn in rounds for clip in turn if clip is not None]
    chosen = {clip.id for clip in turns[:count]}
    return tuple(clip for clip in clips if clip.id in chosen)


def at_equal_distances(rows: tuple[T, ...], count: int) -> tuple[T, ...]:
    """*count* of the rows, always the same; all for 0."""
    count = min(count or len(rows), len(rows))
    return tuple(rows[number * len(rows) // count] for number in range(count))


def read_fields(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of every line that has any; errors as for `read_lines`."""
    for number, line in read_lines(path):
        if fields := line.split():
            yield number, fields


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file with their numbers.

    Raises:
        DataError: it cannot be read, or is no text.
    """
    try:
        with open_text(path) as file:
            yield from enumerate(file, 1)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the list cannot be read: {error}", where=str(path), remedy="give a text file") from error


def _wrong_fields(fields: list[str], expected: str, where: str) -> DataError:
    return DataError(f"expected {expected}, found {len(fields)} fields", where=where,
                     remedy="separate by spaces, and rename files whose names contain one: the format cannot carry them")


def _clip(fields: list[str], kind: ListFormat, root: Path, classes: int, where: str) -> Clip:
    name, *numbers = fields
    if not all(number.isdecimal() for number in numbers):
        raise DataError(f"{' '.join(numbers)!r} should be whole numbers", where=where, remedy=f"write {SHAPES[kind]}")
    label = int(numbers[-1])
    if label >= classes:
        raise DataError(f"label {label} is outside the model's classes 0 to {classes - 1}", where=where,
                        remedy="labels count from 0 in the order of the model's outputs")
    frames = int(numbers[0]) if kind == "rawframes" else 0
    if kind == "rawframes" and frames == 0:
        raise DataError(f"{name} is listed with 0 frames", where=where, remedy="extract its frames, or remove the line")
    return Clip(name, root / name, label, frames, listed=where)
