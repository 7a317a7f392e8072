"""The order of another tool's result files: by the names of a list, or else by what numbers them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import PurePath

from tools.errors import ScoreError
from tools.exchange.labels import Info, labels_in_name
from tools.exchange.outputs import OutputFile, OutputFolder
from tools.media.decode import Clip

OTHERS = "results of another run may be in the way, or the labels are those of other inputs"


PAIRED = ("the files are paired with the list by their names; if their numbers are places in the list, give the --info that was made "
          "with them")


@dataclass(frozen=True, slots=True)
class Order:
    """Result files in the order of their clips; the labels of *infos* count in that order too."""

    files: list[OutputFile]
    infos: Sequence[Info]
    notes: tuple[str, ...] = ()


def in_order(folder: OutputFolder, infos: Sequence[Info], clips: Sequence[Clip] | None) -> Order:
    """The files in the order of a list that names them, else in that of an .info or of their numbers.

    A number can be a video's name or its place in a list. If an .info's labels fit only the places, they are
    places.

    Raises:
        ScoreError: nothing orders the files, or one is missing or there twice.
    """
    listed = _by_list(folder, clips or ())
    if clips is None or listed is None:
        return Order(_numbered_or_named(folder, infos, clips), infos)
    usual = _usual(folder, infos)
    if usual is None or usual == listed:
        return Order(listed, infos)
    labels = {number: clip.label for number, clip in enumerate(clips)}
    moved = [_moved(info, usual, listed) for info in infos]
    if any(info.labels == labels for info in infos) and all(info.labels != labels for info in moved):
        return Order(usual, infos)
    return Order(listed, moved, (PAIRED,))


def _by_list(folder: OutputFolder, clips: Sequence[Clip]) -> list[OutputFile] | None:
    """The files in the order of the clips, if each has the name of one clip and the other way round."""
    files = {_name(file.stem): file for file in folder.files}
    names = [_name(PurePath(clip.id).stem) for clip in clips]
    one_each = len(files) == len(folder.files) == len(names)
    return [files[name] for name in names] if one_each and files.keys() == set(names) else None


def _name(stem: str) -> str:
    """A name without the zeros in front of a number, which some scripts add and others take away."""
    return str(int(stem)) if stem.isdecimal() else stem


def _usual(folder: OutputFolder, infos: Sequence[Info]) -> list[OutputFile] | None:
    """The order that an .info's labels count in; None if nothing says it."""
    named = next((info for info in infos if info.stems), None)
    if named is not None:
        return _by_names(folder, [named.stems[index] for index in sorted(named.stems)], str(named.path))
    decimal = all(file.stem.isdecimal() for file in folder.files)
    return sorted(folder.files, key=lambda file: int(file.stem)) if decimal else None


def _moved(info: Info, before: Sequence[OutputFile], after: Sequence[OutputFile]) -> Info:
    """The same labels for the same files, counted in another order."""
    if sorted(info.labels) != list(range(len(before))):
        return info
    label = {file: info.labels[number] for number, file in enumerate(before)}
    return replace(info, labels={number: label[file] for number, file in enumerate(after)})


def _numbered_or_named(folder: OutputFolder, infos: Sequence[Info], clips: Sequence[Clip] | None) -> list[OutputFile]:
    """The files in the order of their inputs: that of an .info, of their numbers or of the list."""
    named = next((info for info in infos if info.stems), None)
    if named is not None:
        return _by_names(folder, [named.stems[index] for index in sorted(named.stems)], str(named.path))
    if all(file.stem.isdecimal() for file in folder.files):
        return _by_number(folder, {file: int(file.stem) for file in folder.files})
    first = {file: found[0] for file in folder.files if (found := labels_in_name(file.stem))}
    if len(first) == len(folder.files):
        return _by_number(folder, first)
    if clips is not None:
        return _by_names(folder, [PurePath(clip.id).stem for clip in clips], "the list")
    odd = next(file.path.name for file in folder.files if not file.stem.isdecimal() and file not in first)
    raise ScoreError(f"{odd} has no number that says which input it belongs to", where=str(folder.path),
                     remedy="give --info with benchmark's 'index path width height' lines, or --data with the list of these clips")


def _by_number(folder: OutputFolder, numbers: Mapping[OutputFile, int]) -> list[OutputFile]:
    """The files in the order of *numbers*: from 0 in equal steps, or a file is missing or there twice."""
    files = sorted(folder.files, key=numbers.__getitem__)
    steps = [numbers[after] - numbers[before] for before, after in pairwise(files)]
    usual = 1 if files[0].stem.isdecimal() else max(1, min(steps, default=1))
    wrong = next((at for at, step in enumerate(steps) if step != usual), None)
    if wrong is not None or numbers[files[0]]:
        where = f"{files[0].path.name} is the first" if wrong is None else f"{files[wrong + 1].path.name} follows {files[wrong].path.name}"
        raise ScoreError(f"{len(files)} files do not count from 0 without a gap: {where}", where=str(folder.path),
                         remedy="a result is lost or there twice: run the tool again into an empty folder")
    return files


def _by_names(folder: OutputFolder, names: Sequence[str], place: str) -> list[OutputFile]:
    files = {file.stem: file for file in folder.files}
    missing = [name for name in names if name not in files]
    if missing or not len(set(names)) == len(names) == len(files):
        surplus = sorted(files.keys() - set(names))
        odd = f"there is none of {missing[0]}" if missing else f"{surplus[0]} is not named there" if surplus else "a name is there twice"
        raise ScoreError(f"{len(files)} files, and {place} names {len(names)} inputs: {odd}", where=str(folder.path), remedy=OTHERS)
    return [files[name] for name in names]
