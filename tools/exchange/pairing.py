"""Rows of scores that another tool left in files, paired with the labels of the clips they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from tools.errors import ScoreError
from tools.exchange.labels import Info, labels_in_name
from tools.exchange.ordering import OTHERS, in_order
from tools.exchange.outputs import OutputFile, OutputFolder, rows
from tools.exchange.raw_rows import Number, type_of
from tools.measuring.metrics import Labels, mean_of_views
from tools.media.decode import Clip
from tools.media.preprocess import Floats


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores [N, classes], each the mean of a clip's views, with ids and labels; notes: what is left out."""

    ids: tuple[str, ...]
    scores: Floats
    labels: Labels
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberedLabels:
    """Labels by the number of their sample, counted through all files; *place*: where they stood."""

    place: str
    labels: Mapping[int, int]

    @property
    def sequence(self) -> list[int]:
        return [self.labels[number] for number in sorted(self.labels)]


def pair(folder: OutputFolder, classes: int, views: int, infos: Sequence[Info], clips: Sequence[Clip] | None) -> Scored:
    """Order a folder's files, cut the padding and average each clip's *views* rows.

    Labels come from the files' names, an .info or the list of *clips*; where several do, they must agree.

    Raises:
        ScoreError: the files cannot be ordered, or rows and labels do not fit each other.
    """
    order = in_order(folder, infos, clips)
    files, infos = order.files, order.infos
    binary = [file.path for file in files if folder.format == "bin"]
    type = type_of(binary, classes, views, _labelled(files, infos, clips)) if binary else np.float32
    found = [rows(file, folder.format, classes, type) for file in files]
    counts = [_samples(file, len(one), views) for file, one in zip(files, found, strict=True)]
    if any(count != counts[0] for count in counts[:-1]) or counts[-1] > counts[0]:
        odd = next(number for number, count in enumerate(counts) if count != counts[0])
        raise ScoreError(f"{files[odd].path.name} has {len(found[odd])} rows, {files[0].path.name} has {len(found[0])}",
                         where=str(folder.path), remedy="only the last file may have fewer; " + OTHERS)
    known = _agreed(_labellings(files, counts, infos, clips), classes, folder)
    counted = _covered(files, counts, known, folder)
    chosen = sorted(known.labels)
    scores = mean_of_views(np.concatenate(found), views)[chosen]
    ids = tuple(clip.id for clip in clips) if clips is not None else tuple(map(str, range(len(chosen))))
    notes = (*order.notes, *_typed(type), *_notes(sum(counts) - len(chosen), counted, counts))
    return Scored(ids, scores, np.array(known.sequence, np.int64), notes)


def _labelled(files: Sequence[OutputFile], infos: Sequence[Info], clips: Sequence[Clip] | None) -> int:
    """How many clips, those between them included, have a label somewhere; 0 if nothing says labels."""
    named = sum(len(found[1]) for file in files if (found := labels_in_name(file.stem)))
    return max([len(clips or ()), named, *(max(info.labels) + 1 for info in infos if info.labels)])


def _samples(file: OutputFile, count: int, views: int) -> int:
    if count % views:
        raise ScoreError(f"{count} rows are no whole number of clips of {views} views", where=str(file.path),
                         remedy="the graph gives a row a view; average nothing before scoring")
    return count // views


def _labellings(files: Sequence[OutputFile], counts: Sequence[int], infos: Sequence[Info],
                clips: Sequence[Clip] | None) -> list[NumberedLabels]:
    found: list[NumberedLabels] = []
    in_names = [named for file in files if (named := labels_in_name(file.stem))]
    if len(in_names) == len(files):
        found.append(NumberedLabels("the file names", _in_names(files, counts, [labels for _, labels in in_names])))
    found += [NumberedLabels(info.path.name, info.labels) for info in infos if info.labels]
    if clips is not None:
        found.append(NumberedLabels("the list", {number: clip.label for number, clip in enumerate(clips)}))
    return found


def _in_names(files: Sequence[OutputFile], counts: Sequence[int], labels: Sequence[tuple[int, ...]]) -> dict[int, int]:
    for file, count, own in zip(files, counts, labels, strict=True):
        if len(own) > count:
            raise ScoreError(f"its name has {len(own)} labels, and it has rows of {count} clips", where=str(file.path), remedy=OTHERS)
    starts = accumulate(counts, initial=0)
    return {start + at: label for start, own in zip(starts, labels, strict=False) for at, label in enumerate(own)}


def _agreed(labellings: Sequence[NumberedLabels], classes: int, folder: OutputFolder) -> NumberedLabels:
    """The first of several labellings, if all say the same."""
    if not labellings:
        raise ScoreError("nothing says which labels the results have", where=str(folder.path),
                         remedy="give --info FILE, as the preprocessing script wrote it, or the list with --data")
    first = labellings[0]
    for other in labellings[1:]:
        pairs = list(zip(first.sequence, other.sequence, strict=False))
        differing = next((number for number, (one, two) in enumerate(pairs) if one != two), None)
        if differing is not None or len(first.labels) != len(other.labels):
            what = (f"clip {differing} has label {pairs[differing][0]} in {first.place} and {pairs[differing][1]} in {other.place}"
                    if differing is not None else f"{first.place}: {len(first.labels)} labels, {other.place}: {len(other.labels)}")
            raise ScoreError(what, where=str(folder.path), remedy="lists are shuffled when they are built: give the one that these inputs "
                             "were made from")
    high = max(first.labels.values())
    if high >= classes:
        raise ScoreError(f"label {high} is outside the model's classes 0 to {classes - 1}", where=first.place,
                         remedy="--classes N says how many outputs this checkpoint has")
    return first


def _covered(files: Sequence[OutputFile], counts: Sequence[int], known: NumberedLabels, folder: OutputFolder) -> int:
    """How many clips of a file have a label: its first ones; the rest is padding. The last may have less."""
    said = f"{len(known.labels)} labels in {known.place}, {sum(counts)} clips' rows in {len(files)} files"
    last = max(known.labels)
    if last >= sum(counts):
        raise ScoreError(f"{said}: clip {last} has a label and no row, {files[-1].path.name} is the last file and has rows of {counts[-1]}",
                         where=str(folder.path), remedy=OTHERS)
    usual = 0
    for number, (file, count, start) in enumerate(zip(files, counts, accumulate(counts, initial=0), strict=False)):
        labelled = [at for at in range(count) if start + at in known.labels]
        usual = len(labelled) if number == 0 else usual
        too_few = len(labelled) < usual and number < len(files) - 1
        if not labelled or labelled != list(range(len(labelled))) or too_few or len(labelled) > usual:
            raise ScoreError(f"{said}: {file.path.name} has rows of {count} clips and labels of {len(labelled)} of them",
                             where=str(folder.path), remedy="only the last file may hold padding, at its end; " + OTHERS)
    return usual


def _typed(type: Number) -> tuple[str, ...]:
    return () if type is np.float32 else (f"the files hold {type.__name__}, as the values and their number show",)


def _notes(padding: int, counted: int, counts: Sequence[int]) -> tuple[str, ...]:
    if counted < counts[0] and len(counts) > 1:
        return (f"only the first {counted} of {counts[0]} clips of a file count: the numbers in the .info jump, so the rest is padding",)
    return (f"{padding} clips' rows of padding at the end are left out",) if padding else ()
