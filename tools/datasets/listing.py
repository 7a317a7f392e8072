"""The rows of a list, or of annotations that stand for it; each label must be that of its class's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

from tools.datasets import splits
from tools.datasets.examine import FilesKind
from tools.datasets.lists import ClipList, list_format, read_clips
from tools.datasets.splits import Classes, plain
from tools.errors import DataError
from tools.media.decode import Clip
from tools.spec.model import ModelSpec, Sampling

OWN = "list"  # stands where the name of a data set would


@dataclass(frozen=True, slots=True)
class Listing:
    """Where the rows of a data set come from, and what they are.

    source: the file that names them; list_file: where the list is or belongs; root: the folder of the files.
    complete: how many clips the data set should have; 0 where *source* says it.
    rows: reads them anew at each call, with a DataError if one is wrong; it travels to a child process.
    title: what is checked, in words, if that is not a data set.
    sampling: which frames of its videos are read; None for other kinds.
    """

    dataset: str
    source: Path
    list_file: Path
    root: Path
    kind: FilesKind
    complete: int
    rows: Callable[[], Iterator[Clip]]
    title: str = ""
    sampling: Sampling | None = None

    @property
    def doing(self) -> str:
        """What a user reads while it is checked."""
        return f"checking {self.title or self.dataset}"

    @property
    def is_list(self) -> bool:
        """Whether the rows come from the list itself, each of which must then be there."""
        return self.source == self.list_file

    @property
    def required(self) -> bool:
        """Whether every clip must be good, as in a list of your own; that is cut to `--clips` already."""
        return self.dataset == OWN


def of_list(clips: ClipList, sampling: Sampling) -> Listing:
    """The rows of a list of your own, or of a mini set: each clip must be good where it is sampled."""
    return Listing(OWN, clips.source, clips.source, clips.root, clips.format, 0, partial(iter, clips.clips), f"{len(clips.clips)} clips",
                   sampling)


def find(spec: ModelSpec, data_root: Path, classes: int) -> Listing | None:
    """The validation list of a recogniser's data set; None if neither it nor what it is made of is there.

    Raises:
        DataError: the list's first line or a file of class names is wrong.
    """
    folder, dataset = data_root / spec.dataset, spec.dataset
    path, root, kind = folder / spec.list_file, folder / spec.frames_folder, spec.list_format
    if path.is_file():
        source, kind = path, list_format(path)
        rows: Callable[[], Iterator[Clip]] = partial(read_clips, path, root, kind, classes)
    elif split := splits.split_file(dataset, folder):
        source = split
        rows = partial(_split, dataset, folder, split, root, kind, classes)
    else:
        return None
    return Listing(dataset, source, path, root, kind, spec.clips, partial(_agreeing, dataset, folder, rows, classes),
                   sampling=spec.sampling)


def _split(dataset: str, folder: Path, path: Path, root: Path, kind: FilesKind, classes: int) -> Iterator[Clip]:
    named = splits.classes(dataset, folder, classes)
    if named is None:
        raise DataError(splits.unnamed(dataset, classes), where=str(path), remedy=f"put {splits.NAMES[dataset]} beside it")
    return splits.split_clips(dataset, path, named, root, kind)


def _agreeing(dataset: str, folder: Path, rows: Callable[[], Iterator[Clip]], classes: int) -> Iterator[Clip]:
    """The clips, each once its label is known to be that of the class whose folder it lies in."""
    clips = rows()
    named = splits.classes(dataset, folder, classes)
    if named is not None:
        return _as_named(clips, named)
    return _as_ordered(clips) if dataset in splits.FILES else clips


def _as_named(clips: Iterable[Clip], named: Classes) -> Iterator[Clip]:
    for clip in clips:
        if name := _class_folder(clip):
            expected = named.label(name, clip.listed)
            if expected != clip.label:
                raise _wrong(clip, f"expected {expected}, which is {name} in {named.source}, found {clip.label}"
                             + (f", which is {named.names[clip.label]}" if clip.label < len(named.names) else ""))
        yield clip


def _as_ordered(clips: Iterable[Clip]) -> Iterator[Clip]:
    """The same where no file gives class names: each folder has one label, in alphabetical order."""
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
    """The class by the folder that a clip lies in; empty where all clips lie in one folder."""
    return plain(clip.id.rpartition("/")[0].rpartition("/")[2])
