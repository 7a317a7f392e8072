"""ActivityNet's videos and their true segments, as its annotation files and BSN's list give them: read strictly."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from tools.errors import DataError
from tools.localisation.detections import PREFIX, Doubles, read_json

Subset = Literal["training", "validation", "testing"]
Segments = tuple[tuple[float, float], ...]
REMEDY = "give ActivityNet's own file, or one of its form"


@dataclass(frozen=True, slots=True)
class Video:
    """One video: its name `v_<id>`, its length, the frames its features were made of, its true segments, its features' file;
    and the file and line that name it.
    """

    name: str
    duration_s: float
    frames: int
    feature_frames: int
    segments: Segments
    features: Path
    listed: str = field(default="", compare=False)

    @property
    def truth(self) -> Doubles:
        """The true segments, [g, 2] in seconds."""
        return np.array(self.segments, np.float64).reshape(-1, 2)


def read_videos(annotations: Path, listing: Path, features: Path, subset: Subset = "validation") -> tuple[Video, ...]:
    """The videos of a subset, in the order of *listing*.

    *annotations*: `anet_anno_action.json`; *listing*: `video_info_new.csv`, of which name and subset are read; *features*:
    the folder of `<name>.csv`, which is not looked into (`check_features` does). A true segment may be empty: ActivityNet
    has such, and nobody finds them. Those of the testing subset are not published.

    Raises:
        DataError: naming file and row, for a video listed twice or not annotated, without a length, frames or segments,
            or with a segment that is reversed or not finite.
    """
    content = read_json(annotations, "the annotations")
    known = content if isinstance(content, dict) else {}
    videos = []
    for number, name in _listed(listing, subset):
        if name not in known:
            raise DataError(f"{name} is not annotated", where=f"{listing}:{number}", remedy=f"add it to {annotations}")
        where = f"{annotations}: {name}"
        duration_s, frames, feature_frames = (_positive(known[name], key, where) for key in
                                              ("duration_second", "duration_frame", "feature_frame"))
        segments = _segments(known[name], where, may_lack=subset == "testing")
        videos.append(Video(name, duration_s, int(frames), int(feature_frames), segments, features / f"{name}.csv",
                            f"{listing}:{number}"))
    if not videos:
        raise DataError(f"no video is of the subset {subset}", where=str(listing), remedy=REMEDY)
    return tuple(videos)


def check_features(videos: tuple[Video, ...]) -> None:
    """Make sure that every video's features are there.

    Raises:
        DataError: naming the first that is missing.
    """
    missing = [video for video in videos if not video.features.is_file()]
    if missing:
        raise DataError(f"{len(missing)} of {len(videos)} videos have no features, first {missing[0].name}",
                        where=f"{missing[0].features} ({missing[0].listed})",
                        remedy="complete the folder: every video of the subset is judged")


def read_ground_truth(path: Path, subset: Subset = "validation") -> dict[str, Doubles]:
    """True segments [g, 2] in seconds by video `v_<id>`, from ActivityNet's own JSON or one with the videos at its top.

    In the first the videos stand by their bare ids under "database"; in the second they have their names.

    Raises:
        DataError: naming file and video, for no video of the subset, one without length or annotations, or a reversed segment.
    """
    content = read_json(path, "the ground truth")
    if isinstance(content, dict) and isinstance(content.get("database"), dict):
        content = {PREFIX + id: video for id, video in content["database"].items()}
    truths = {}
    for name, video in content.items() if isinstance(content, dict) else ():
        where = f"{path}: {name}"
        if isinstance(video, dict) and video.get("subset") == subset:
            _positive(video, "duration", where)
            truths[name] = np.array(_segments(video, where), np.float64)
    if not truths:
        raise DataError(f"no video is of the subset {subset}", where=str(path),
                        remedy="give ActivityNet's JSON, whose videos say their subset; anet_anno_action.json does not")
    return truths


def _listed(path: Path, subset: Subset) -> Iterator[tuple[int, str]]:
    """Line and name of every video of the subset."""
    seen: dict[str, int] = {}
    for number, name, of in _rows(path):
        if name in seen:
            raise DataError(f"{name} is listed twice, first on line {seen[name]}", where=f"{path}:{number}",
                            remedy="name every video once: results are paired by name")
        seen[name] = number
        if of == subset:
            yield number, name


def _rows(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, name and subset of every row."""
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            lacking = {"video", "subset"} - set(reader.fieldnames or ())
            if lacking:
                raise DataError(f"the header has no {' and no '.join(sorted(lacking))}", where=f"{path}:1", remedy=REMEDY)
            for row in reader:
                name, subset = row["video"], row["subset"]
                if not (name and name.startswith(PREFIX) and subset):
                    raise DataError(f"the row names no video {PREFIX}<id> and its subset", where=f"{path}:{reader.line_num}",
                                    remedy=REMEDY)
                yield reader.line_num, name, subset
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"the list of videos cannot be read: {error}", where=str(path), remedy=REMEDY) from error


def _positive(video: object, key: str, where: str) -> float:
    """A length in seconds or frames."""
    value = video.get(key) if isinstance(video, dict) else None
    if not isinstance(value, float) or not (math.isfinite(value) and value > 0):
        raise DataError(f"{key} is {value!r}, not a positive number", where=where, remedy=REMEDY)
    return value


def _segments(video: Mapping[str, object], where: str, *, may_lack: bool = False) -> Segments:
    """The true segments of a video, each with its start before its end or at it."""
    annotations = video.get("annotations")
    if not isinstance(annotations, list) or not (annotations or may_lack):
        raise DataError("the video has no annotations", where=where, remedy="leave it out, or say what is in it")
    segments = []
    for number, annotation in enumerate(annotations):
        segment = annotation.get("segment") if isinstance(annotation, dict) else None
        if not isinstance(segment, list) or len(segment) != 2 or not all(isinstance(value, float) for value in segment):
            raise DataError("an annotation has no segment of two numbers", where=f"{where}[{number}]", remedy=REMEDY)
        start, end = segment
        if not 0 <= start <= end < math.inf:
            raise DataError(f"the segment {start} to {end} is impossible", where=f"{where}[{number}]",
                            remedy="give seconds with 0 <= start <= end")
        segments.append((start, end))
    return tuple(segments)
