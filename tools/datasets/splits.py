"""The annotations of UCF-101 and Kinetics-400: class names in order, and clips of the validation splits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.datasets.examine import FilesKind
from tools.datasets.lists import read_fields, read_lines, refuse_repeated
from tools.errors import DataError
from tools.machine.reading import file_name, is_whole, read_rows
from tools.machine.reading import number as seconds
from tools.media.decode import Clip

FOLDERS = ("annotations", "ucfTrainTestlist", "")  # mmaction2's, the archive's own, and beside everything else
SPLIT, CLASS_INDEX, TRAINING = "testlist01.txt", "classInd.txt", "trainlist01.txt"
VALIDATION = ("kinetics_val.csv", "kinetics400_val.csv", "val.csv", "validate.csv")
TRAINING_CSV = ("kinetics_train.csv", "kinetics400_train.csv", "train.csv")
FILES = {"ucf101": (SPLIT,), "kinetics400": VALIDATION}  # what a validation list is made of
LABEL_MAPS = ("label_map_k400.txt", "label_map.txt")
NAMES = {"ucf101": CLASS_INDEX, "kinetics400": f"mmaction2's {LABEL_MAPS[0]}, a class a line,"}
COLUMNS = ("label", "youtube_id", "time_start", "time_end")
ENDINGS = (".mp4", ".mkv", ".webm", ".avi")
UCF_FILE = "give the file as UCF-101's archive of splits holds it"
KINETICS_FILE = "give Kinetics' own file"


@dataclass(frozen=True, slots=True)
class Classes:
    """The names of a data set's classes, in the order of their labels, and the file that gives them."""

    names: tuple[str, ...]
    source: Path

    def label(self, name: str, where: str) -> int:
        """The label of a class.

        Raises:
            DataError: there is no such class.
        """
        if plain(name) not in self.names:
            raise DataError(f"{name} is no class of {self.source.name}", where=where,
                            remedy=f"name it as {self.source} does; case counts")
        return self.names.index(plain(name))


def plain(name: str) -> str:
    """A class's name as folders spell it."""
    return name.strip().replace('"', "").replace(" ", "_")


def split_file(dataset: str, folder: Path) -> Path | None:
    """The annotation file below *folder* that a validation list can be made of, if it is there."""
    return _first(folder, FILES.get(dataset, ()))


def classes(dataset: str, folder: Path, count: int) -> Classes | None:
    """The class names that a label file below *folder* gives, or None where there is none.

    Rows of Kinetics give them only if they have all *count* classes of the model: among fewer a class has
    another place.

    Raises:
        DataError: naming the line that is wrong.
    """
    if dataset == "ucf101" and (path := _first(folder, (CLASS_INDEX,))):
        return Classes(_numbered(path), path)
    if path := _first(folder, LABEL_MAPS if dataset in FILES else ()):
        return _mapped(path, count)
    if dataset == "ucf101" and (path := _first(folder, (TRAINING,))):
        return Classes(_of_training(path), path)
    for path in filter(None, [_first(folder, files) for files in (TRAINING_CSV, VALIDATION) if dataset == "kinetics400"]):
        names = tuple(sorted({plain(row["label"]) for _, row in _csv_rows(path)}))
        if len(names) == count:
            return Classes(names, path)
    return None


def unnamed(dataset: str, count: int) -> str:
    """What a user reads who has no file that gives all class names."""
    rows = f", and the rows do not have all {count} classes of the model" if dataset == "kinetics400" else ""
    return f"the labels cannot be known: there is no file of class names{rows}"


def split_clips(dataset: str, path: Path, named: Classes, root: Path, kind: FilesKind) -> Iterator[Clip]:
    """The clips of a validation split, whose files lie below *root*; their frames are not counted yet.

    Raises:
        DataError: naming the line that is wrong.
    """
    rows = _ucf101(path, kind) if dataset == "ucf101" else _kinetics(path, root)
    seen: dict[str, int] = {}
    for number, id, name in rows:
        where = f"{path}:{number}"
        refuse_repeated(seen, id, number, where)
        yield Clip(id, root / id, named.label(name, where), listed=where)


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    paths = (folder / place / name for name in names for place in FOLDERS)
    return next((path for path in paths if path.is_file()), None)


def _mapped(path: Path, count: int) -> Classes:
    """The names of a label map, where a class's line is its label: one of other classes shifts them."""
    names = tuple(plain(line) for _, line in read_lines(path) if line.strip())
    if len(names) != count:
        raise DataError(f"it names {len(names)} classes, and the model has {count}", where=str(path),
                        remedy="give the label map that the model was trained with, all its classes in their order")
    return Classes(names, path)


def _numbered(path: Path) -> tuple[str, ...]:
    """The names of `classInd.txt`, whose lines count from 1; its order is alphabetical whatever the case."""
    names: list[str] = []
    for number, fields in read_fields(path):
        if len(fields) != 2 or fields[0] != str(len(names) + 1):
            raise DataError(f"expected '{len(names) + 1} ClassName', found {' '.join(fields)!r}", where=f"{path}:{number}", remedy=UCF_FILE)
        names.append(fields[1])
    return tuple(names)


def _of_training(path: Path) -> tuple[str, ...]:
    """The names of `trainlist01.txt`, which gives a label, counted from 1, beside every video."""
    names: dict[int, str] = {}
    for number, fields in read_fields(path):
        name, label = fields[0].partition("/")[0], fields[-1]
        if len(fields) != 2 or not is_whole(label) or names.setdefault(int(label), name) != name:
            raise DataError(f"expected 'Class/video.avi label', a label a class, found {' '.join(fields)!r}", where=f"{path}:{number}",
                            remedy=f"{UCF_FILE}, or {CLASS_INDEX} beside it")
    if sorted(names) != list(range(1, len(names) + 1)):
        raise DataError(f"its labels are not 1 to {len(names)}", where=str(path), remedy=f"put {CLASS_INDEX} beside it")
    return tuple(names[label] for label in sorted(names))


def _ucf101(path: Path, kind: FilesKind) -> Iterator[tuple[int, str, str]]:
    """Line, clip and class; a second field, the label that `trainlist01.txt` has, is not looked at."""
    for number, fields in read_fields(path):
        name, slash, file = fields[0].partition("/")
        if not (slash and file.endswith(".avi")) or len(fields) > 2:
            raise DataError(f"expected 'Class/video.avi', found {' '.join(fields)!r}", where=f"{path}:{number}", remedy=UCF_FILE)
        file_name(fields[0], f"{path}:{number}", DataError, UCF_FILE)
        yield number, fields[0] if kind == "videos" else fields[0].removesuffix(".avi"), name


def _kinetics(path: Path, root: Path) -> Iterator[tuple[int, str, str]]:
    """Line, video and class; `<youtube_id>_<start>_<end>.mp4` in the class's folder, or all in one folder."""
    spaced = next((entry for entry in root.glob("* *") if entry.is_dir()), None) if root.is_dir() else None
    if spaced:
        raise DataError("a class's folder has a space in its name, which no list can carry", where=str(spaced),
                        remedy="rename the folders: an underscore for every space")
    for number, row in _csv_rows(path):
        start, end = (int(seconds(row[name], f"{path}:{number}", DataError, f"{name} should be seconds:", KINETICS_FILE))
                      for name in ("time_start", "time_end"))
        stem = f"{row['youtube_id']}_{start:06d}_{end:06d}"
        nested = f"{plain(row['label'])}/{stem}"
        names = [f"{place}{ending}" for ending in ENDINGS for place in (nested, stem)]
        file_name(names[0], f"{path}:{number}", DataError, KINETICS_FILE)
        yield number, next((name for name in names if (root / name).is_file()), names[0]), row["label"]


def _csv_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    for number, row in read_rows(path, DataError, COLUMNS, "the list", KINETICS_FILE):
        whole = {name: field for name in COLUMNS if (field := row[name])}
        if len(whole) < len(COLUMNS):
            raise DataError("the row has too few fields", where=f"{path}:{number}", remedy=KINETICS_FILE)
        yield number, whole
