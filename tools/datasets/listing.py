"""The rows of a list, or of a full data set, whose annotations stand for a list that is not there; labels checked by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from tools.datasets import splits
from tools.datasets.examine import FilesKind
from tools.datasets.lists import ClipList, balanced, list_format, read_clips
from tools.datasets.splits import Classes, plain
from tools.errors import DataError
from tools.media.decode import Clip
from tools.spec.model import ListFormat, ModelSpec, Spec

OWN = "list"  # in the place of a data set's name
UNLISTED = "the labels cannot be known: there is no file of class names"


@dataclass(frozen=True, slots=True)
class Listing:
    """Where the rows of a data set come from, and what they are.

    source: the file that names them; list_file: where the list is, or belongs.
    root: the folder that their paths are below; complete: how many whole ones the data set should have, 0 where *source* says it.
    rows: reads them anew each time it is called, as DataError if one is wrong; it travels to a child process.
    choose: takes so many of the rows for `--clips`, the same ones every time.
    required: every clip must be good, as in a list of one's own, whose rows are cut to `--clips` already; otherwise those
    that are good are used. title: what is checked, in words, if that is not the data set.
    """

    dataset: str
    source: Path
    list_file: Path
    root: Path
    kind: FilesKind
    complete: int
    rows: Callable[[], Iterator[Clip]]
    choose: Callable[[tuple[Clip, ...], int], tuple[Clip, ...]] = balanced
    required: bool = False
    title: str = ""

    @property
    def doing(self) -> str:
        """What a user reads while it is checked."""
        return f"checking {self.title or self.dataset}"

    @property
    def is_list(self) -> bool:
        """Whether the rows come from the list itself, each of which must then be there."""
        return self.source == self.list_file


def of_list(listed: ClipList) -> Listing:
    """The rows of a list of one's own, or of a mini set: each clip must be good."""
    return Listing(OWN, listed.source, listed.source, listed.root, listed.format, 0, partial(iter, listed.clips), required=True,
                   title=f"{len(listed.clips)} clips")


def find(spec: ModelSpec, data_root: Path, classes: int) -> Listing | None:
    """The validation list of a recogniser's data set; None if neither it nor what it is made of is there.

    Raises:
        DataError: the list's first line or a file of class names is wrong.
    """
    folder = data_root / spec.dataset
    return _listing(spec.dataset, folder / spec.list_file, folder / spec.frames_folder, spec.list_format, spec.clips, classes)


def find_videos(spec: ModelSpec, data_root: Path, classes: int) -> Listing | None:
    """The same clips as videos, for a model that reads rawframes, which can be extracted from them."""
    folder = data_root / spec.dataset
    name = spec.list_file.replace("rawframes", "videos")
    return _listing(spec.dataset, folder / name, folder / "videos", "videos", spec.clips, classes)


def _listing(dataset: str, path: Path, root: Path, kind: ListFormat, complete: int, classes: int) -> Listing | None:
    folder = path.parent
    if path.is_file():
        found, source = list_format(path), path
        rows: Callable[[], Iterator[Clip]] = partial(read_clips, path, root, found, classes)
    elif split := splits.split_file(dataset, folder):
        found, source = kind, split
        rows = partial(_split, dataset, folder, split, root, kind)
    else:
        return None
    return Listing(dataset, source, path, root, found, complete, partial(_agreeing, dataset, folder, rows))


def exists(spec: Spec, data_root: Path) -> bool:
    """Whether there is a list, or something to make it of."""
    folder = data_root / spec.dataset
    return (folder / spec.list_file).is_file() or splits.split_file(spec.dataset, folder) is not None


def _split(dataset: str, folder: Path, path: Path, root: Path, kind: FilesKind) -> Iterator[Clip]:
    named = splits.classes(dataset, folder)
    if named is None:
        raise DataError(UNLISTED, where=str(path), remedy=f"put {splits.CLASS_INDEX} beside it")
    return splits.split_clips(dataset, path, named, root, kind)


def _agreeing(dataset: str, folder: Path, rows: Callable[[], Iterator[Clip]]) -> Iterator[Clip]:
    """The clips, once the label of each is that of the class whose folder it lies in."""
    clips = rows()
    named = splits.classes(dataset, folder)
    if named is not None:
        return _as_named(clips, named)
    return _as_ordered(clips) if splits.known(dataset) else clips


def _as_named(clips: Iterable[Clip], named: Classes) -> Iterator[Clip]:
    for clip in clips:
        if name := _class_folder(clip):
            expected = named.label(name, clip.listed)
            if expected != clip.label:
                raise _wrong(clip, f"expected {expected}, which is {name} in {named.source}, found {clip.label}"
                             + (f", which is {named.names[clip.label]}" if clip.label < len(named.names) else ""))
        yield clip


def _as_ordered(clips: Iterable[Clip]) -> Iterator[Clip]:
    """Where no file gives the class names: one label a folder, in alphabetical order, which is that of both data sets."""
    by_label: dict[int, Clip] = {}
    by_name: dict[str, Clip] = {}
    for clip in clips:
        if name := _class_folder(clip):
            namesake, first = by_name.setdefault(name, clip), by_label.setdefault(clip.label, clip)
            if namesake.label != clip.label:
                raise _wrong(clip, f"expected {namesake.label}, which {name} has at {namesake.listed}, found {clip.label}")
            if _class_folder(first) != name:
                raise _wrong(clip, f"expected a label of its own for {name}, found {clip.label}, which {_class_folder(first)} has")
        yield clip
    names = [(_class_folder(by_label[label]).casefold(), by_label[label]) for label in sorted(by_label)]
    for (before, other), (name, clip) in pairwise(names):
        if before > name:
            raise _wrong(clip, f"expected one below {other.label}, which {_class_folder(other)} has, since classes are in alphabetical "
                               f"order whatever their case, found {clip.label}")


def _wrong(clip: Clip, what: str) -> DataError:
    return DataError(f"the label of {clip.id} is not that of its class: {what}", where=clip.listed,
                     remedy="make the list again from the data set's own files, with labels counted from 0")


def _class_folder(clip: Clip) -> str:
    """The class that a clip's place says it is of; empty where all clips lie in one folder."""
    return plain(clip.id.rpartition("/")[0].rpartition("/")[2])
