"""Reads ActivityNet's videos and their true segments, strictly, from its annotations and BSN's list."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from tools.errors import DataError
from tools.localisation.detections import PREFIX, Doubles, read_object
from tools.machine import reading

Subset = Literal["training", "validation", "testing"]
Segments = tuple[tuple[float, float], ...]
REMEDY = "give ActivityNet's own file, or one of its form"


@dataclass(frozen=True, slots=True)
class Video:
    """One video, named `v_<id>`. *feature_frames*: the number of frames that its *features* were made of.

    *segments*: the true ones. *listed*: the file and line that name the video.
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


def read_videos(annotations: Path, listing: Path, features: Path, subset: Subset = "validation",
                chosen: Collection[str] | None = None) -> tuple[Video, ...]:
    """The videos of a subset, or those of them that are *chosen*, in the order of *listing*.

    *annotations*: `anet_anno_action.json`. *listing*: `video_info_new.csv`, of which name and subset are
    read. *features*: the folder of `<name>.csv`; only `check_features` looks into it. A true segment may be
    empty, as some of ActivityNet's are: no detection overlaps it. The testing subset's are not published.

    Raises:
        DataError: naming file and row, for a video listed twice or not annotated, without a length, frames or
            segments, or with a segment that is reversed or not finite.
    """
    known = read_object(annotations, "the annotations")
    videos = []
    for number, name, its_subset in _listed(listing):
        if its_subset != subset or (chosen is not None and name not in chosen):
            continue
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
    """Raise a DataError that names the first video without features, if there is one."""
    missing = [video for video in videos if not video.features.is_file()]
    if missing:
        raise DataError(f"{len(missing)} of {len(videos)} videos have no features, first {missing[0].name}",
                        where=f"{missing[0].features} ({missing[0].listed})",
                        remedy="complete the folder: every video of the subset is judged")


def read_ground_truth(path: Path, subset: Subset = "validation") -> dict[str, Doubles]:
    """True segments [g, 2] in seconds of a subset's videos `v_<id>`, from ActivityNet's JSON or a like one.

    ActivityNet's has the videos by their bare ids under "database"; the other has them by name at its top.

    Raises:
        DataError: naming file and video, for no video of the subset, a video without length or annotations,
            or a reversed segment.
    """
    videos = read_object(path, "the ground truth")
    database = videos.get("database")
    if isinstance(database, dict):
        videos = {PREFIX + id: video for id, video in database.items()}
    truths = {}
    for name, video in videos.items():
        where = f"{path}: {name}"
        if isinstance(video, dict) and video.get("subset") == subset:
            _positive(video, "duration", where)
            truths[name] = np.array(_segments(video, where), np.float64)
    if not truths:
        raise DataError(f"no video is of the subset {subset}", where=str(path),
                        remedy="give ActivityNet's JSON, whose videos say their subset; anet_anno_action.json does not")
    return truths


def read_subsets(path: Path) -> dict[str, str]:
    """The subset of every video of a list; errors as for `read_videos`."""
    return {name: subset for _, name, subset in _listed(path)}


def _listed(path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, name and subset of each video."""
    seen: dict[str, int] = {}
    for number, row in reading.read_rows(path, DataError, ("subset", "video"), "the list of videos", REMEDY):
        name, subset, where = row["video"], row["subset"], f"{path}:{number}"
        if not (name and name.startswith(PREFIX) and subset):
            raise DataError(f"the row names no video {PREFIX}<id> and its subset", where=where, remedy=REMEDY)
        reading.file_name(f"{name}.csv", where, DataError, REMEDY)
        if name in seen:
            raise DataError(f"{name} is listed twice, first on line {seen[name]}", where=where,
                            remedy="name every video once: results are paired by name")
        seen[name] = number
        yield number, name, subset


def _positive(video: object, key: str, where: str) -> float:
    """A length in seconds or frames."""
    value = video.get(key) if isinstance(video, dict) else None
    if not isinstance(value, float) or not (math.isfinite(value) and value > 0):
        raise DataError(f"{key} is {value!r}, not a positive number", where=where, remedy=REMEDY)
    return value


def _segments(video: object, where: str, *, may_lack: bool = False) -> Segments:
    """The true segments of a video; none ends before it starts."""
    annotations = video.get("annotations") if isinstance(video, dict) else None
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
