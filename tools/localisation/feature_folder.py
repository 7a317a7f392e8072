"""A folder of feature files as data: it chooses among the videos that a list and annotations know."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tools.errors import DataError
from tools.localisation.activitynet import Video, read_subsets, read_videos
from tools.localisation.detections import PREFIX
from tools.localisation.snippet_features import COLUMNS, FORMS, ROWS
from tools.machine import reading

REMEDY = (f"put {PREFIX}<id>.csv of {ROWS} x {COLUMNS} or {PREFIX}<id>.npy of T x {COLUMNS} there; pickles (.pkl) are never opened, since "
          "they can run code: mmaction2's activitynet_feature_postprocessing.py makes CSV of its own")


def read_folder(folder: Path, annotations: Path, listing: Path) -> tuple[Video, ...]:
    """The videos of the subset `validation` that have features in *folder*, in the order of *listing*.

    Raises:
        DataError: naming the file that is of no video, of one that is not listed, or a second one of a video;
            or as for `read_videos`.
    """
    files = _files(folder, listing.name)
    subsets = read_subsets(listing)
    strange = next((path for name, path in files.items() if name not in subsets), None)
    if strange is not None:
        raise DataError(f"{strange.name} is of no video of {listing}", where=str(strange),
                        remedy=f"add the video to the list and to {annotations}, or take the file out of the folder")
    if not any(subset == "validation" for name, subset in subsets.items() if name in files):
        raise DataError(f"none of the folder's {len(files)} videos is of the subset validation", where=f"{folder} ({listing})",
                        remedy="only these are judged: add their features, or say so in the list")
    videos = read_videos(annotations, listing, folder, chosen=files.keys())
    return tuple(replace(video, features=files[video.name]) for video in videos)


def _files(folder: Path, listing: str) -> dict[str, Path]:
    """The feature files by their videos' names; the list, which is a CSV too, may lie among them."""
    found: dict[str, Path] = {}
    with reading.refusing(DataError, "the folder cannot be read", str(folder), REMEDY):
        paths = sorted(folder.iterdir())
    for path in paths:
        if path.suffix.lower() not in FORMS or path.name == listing or path.name.startswith(".") or path.is_dir():
            continue
        if not path.stem.startswith(PREFIX):
            raise DataError(f"{path.name} is named after no video {PREFIX}<id>", where=str(path),
                            remedy=f"name it {PREFIX}<id>{path.suffix}, or take it out of the folder")
        if path.stem in found:
            raise DataError(f"{path.stem} has two files of features, {found[path.stem].name} and {path.name}", where=str(path),
                            remedy="leave one of them in the folder: they may differ")
        found[path.stem] = path
    if not found:
        raise DataError("the folder holds no features", where=str(folder), remedy=REMEDY)
    return found
