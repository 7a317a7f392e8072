"""Lists of clips in mmaction2's two formats: read strictly, and cut to a balanced subset."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from tools.errors import DataError
from tools.spec import ListFormat

FIELDS: dict[int, ListFormat] = {2: "videos", 3: "rawframes"}
SHAPES = {"videos": "'path label'", "rawframes": "'frame-folder frames label'"}


@dataclass(frozen=True, slots=True)
class Clip:
    """One row of a list. *frames* and *sha256* come from the manifest; a fresh row has 0 and an empty text."""

    id: str
    path: Path
    label: int
    frames: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class ClipList:
    """The rows of a list file, in its order."""

    source: Path
    format: ListFormat
    clips: tuple[Clip, ...]


def read_list(path: Path, root: Path, classes: int) -> ClipList:
    """Read a rawframes or videos list; paths are relative to *root*.

    Raises:
        DataError: naming file and line, for a wrong number of fields, a label that is no class, or a clip named twice.
    """
    rows = [(number, line.split()) for number, line in enumerate(_lines(path), 1) if line.strip()]
    if not rows:
        raise DataError("the list is empty", where=str(path), remedy="one line a clip: " + " or ".join(SHAPES.values()))
    kind = FIELDS.get(len(rows[0][1]))
    seen: dict[str, int] = {}
    clips = []
    for number, fields in rows:
        where = f"{path}:{number}"
        if kind is None or FIELDS.get(len(fields)) != kind:
            raise _wrong_fields(fields, kind, where)
        clip = _clip(fields, kind, root, classes, where)
        if clip.id in seen:
            raise DataError(f"{clip.id} is listed twice, first on line {seen[clip.id]}", where=where,
                            remedy="name every clip once: results are paired by name")
        seen[clip.id] = number
        clips.append(clip)
    assert kind is not None
    return ClipList(path, kind, tuple(clips))


def balanced(clips: tuple[Clip, ...], count: int) -> tuple[Clip, ...]:
    """*count* of the clips in list order, the same ones every time, spread as evenly over the classes as they allow."""
    if count == 0 or count >= len(clips):
        return clips
    by_class: dict[int, list[Clip]] = {}
    for clip in clips:
        by_class.setdefault(clip.label, []).append(clip)
    rounds = zip_longest(*(by_class[label] for label in sorted(by_class)))
    turns = [clip for turn in rounds for clip in turn if clip is not None]
    chosen = {clip.id for clip in turns[:count]}
    return tuple(clip for clip in clips if clip.id in chosen)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"the list cannot be read: {error}", where=str(path), remedy="give a text file") from error


def _wrong_fields(fields: list[str], kind: ListFormat | None, where: str) -> DataError:
    expected = SHAPES[kind] if kind else " or ".join(SHAPES.values())
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
    return Clip(name, root / name, label, frames)
