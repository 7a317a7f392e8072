"""Detections of a video, and ActivityNet's result file, which is written whole and read strictly."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.machine.files import write_whole
from tools.machine.reading import load_json

Doubles = NDArray[np.float64]
VERSION = "VERSION 1.3"
DETECTIONS = "detections.json"  # the file of a measured localiser's detections
PREFIX = "v_"  # a video is called v_<id>; result files give the id
SHAPE = 'write {"results": {"<video id>": [{"score": 0.5, "segment": [1.0, 2.0]}, ...]}}'


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """*segments* [n, 2] in seconds, start and end, and *scores* [n], of one video."""

    segments: Doubles
    scores: Doubles

    def __len__(self) -> int:
        return len(self.scores)


def none_found() -> Detections:
    """The detections of a video that has none."""
    return Detections(np.empty((0, 2)), np.empty(0))


def write_results(found: Mapping[str, Detections], path: Path) -> None:
    """Write the detections of videos named `v_<id>`, whole or not at all."""
    results = {name.removeprefix(PREFIX): [{"score": score, "segment": segment} for score, segment in
                                           zip(each.scores.tolist(), each.segments.tolist(), strict=True)]
               for name, each in found.items()}
    content = {"version": VERSION, "external_data": {}, "results": results}
    write_whole(path, lambda file: file.write(json.dumps(content).encode()))


def read_results(path: Path, videos: Collection[str]) -> dict[str, Detections]:
    """Read the detections of *videos*, named `v_<id>`; the file may leave videos out.

    Raises:
        DataError: it is no result file, names a video that is not in *videos*, or has an impossible segment
            or score.
    """
    results = read_object(path, "the result file").get("results")
    if not isinstance(results, dict):
        raise DataError("the file holds no results", where=str(path), remedy=SHAPE)
    found = {}
    for id, rows in results.items():
        name = PREFIX + id
        where = f"{path}: results.{id}"
        if name not in videos:
            raise DataError(f"{id} is none of the {len(videos)} videos", where=where,
                            remedy=f"give results of this subset, each video named without {PREFIX}")
        found[name] = _detections(rows, where)
    return found


def read_object(path: Path, what: str) -> Mapping[str, object]:
    """The object in a JSON file, its numbers as floats; empty if the file holds something else.

    Raises:
        DataError: it cannot be read, is not JSON, or one of its objects has a key twice.
    """
    content = load_json(path, DataError, what, object_pairs_hook=_once, parse_int=float)
    return content if isinstance(content, dict) else {}


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of a JSON file; a ValueError if it has a key twice."""
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return content


def _detections(rows: object, where: str) -> Detections:
    """One video's rows as arrays, checked together."""
    if not isinstance(rows, list):
        raise DataError("the detections of a video are no list", where=where, remedy=SHAPE)
    table = np.array([_numbers(row, f"{where}[{number}]") for number, row in enumerate(rows)], np.float64).reshape(-1, 3)
    score, start, end = table.T
    for bad, words in ((~np.isfinite(table).all(axis=1), "is not finite"), (start < 0, "begins before the video"),
                       (end < start, "ends before it begins")):
        if bad.any():
            row = int(bad.argmax())
            raise DataError(f"the detection {words}: score {score[row]}, segment {start[row]} to {end[row]}",
                            where=f"{where}[{row}]", remedy="give finite scores, and segments in seconds with 0 <= start <= end")
    return Detections(np.ascontiguousarray(table[:, 1:]), score.copy())


def _numbers(row: object, where: str) -> Sequence[float]:
    """Score, start and end of one row."""
    if isinstance(row, dict):
        segment = row.get("segment")
        numbers = [row.get("score"), *(segment if isinstance(segment, list) else ())]
        if len(numbers) == 3 and all(isinstance(number, float) for number in numbers):
            return numbers
    raise DataError("a detection is a score and a segment of two numbers", where=where, remedy=SHAPE)
