"""Extracts videos to rawframes as mmaction2 does with OpenCV: the same file names and the same bytes."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tools.datasets import splits
from tools.datasets.lists import read_fields
from tools.errors import DataError, OptionError
from tools.machine import events
from tools.machine.locks import hold
from tools.machine.pool import spread
from tools.media import container
from tools.media.decode import FRAME_NAME, TOLERATED_LOSS
from tools.spec.options import USES, add_arguments
from tools.spec.settings import Settings

PARTIAL = ".partial"
ENDING = ".avi"
AGAIN = "restore the video, and start again"


def extract(video: Path, folder: Path, partial_folder: Path) -> int:
    """Write every frame of *video* as `img_00001.jpg` ... into *folder*, and return how many.

    The frames are written to *partial_folder*, which becomes *folder* when it is whole.

    Raises:
        DataError: the video cannot be decoded, or clearly less of it than its header says.
    """
    import cv2

    if why := container.refusal(video):
        raise DataError(why, where=str(video), remedy=AGAIN)
    partial_folder.mkdir(parents=True)
    reader = cv2.VideoCapture(str(video))
    declared, count = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)), 0
    while True:
        decoded, frame = reader.read()
        if not decoded:
            break
        count += 1
        if not cv2.imwrite(str(partial_folder / FRAME_NAME.format(count)), frame):
            raise DataError("a frame cannot be written", where=str(partial_folder),
                            remedy="make room, and start again: what is done is kept")
    reader.release()
    if count == 0 or count < (1 - TOLERATED_LOSS) * declared:
        raise DataError(f"{count} of {max(declared, 0)} frames decode", where=str(video), remedy=AGAIN)
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.rename(partial_folder, folder)
    return count


def _extract(name: str, videos: Path, target: Path) -> tuple[str, int, str]:
    """A video's name, its number of frames, and what is wrong with it."""
    stem = name.removesuffix(ENDING)
    try:
        return name, extract(videos / name, target / stem, target / PARTIAL / stem), ""
    except DataError as error:
        shutil.rmtree(target / PARTIAL / stem, ignore_errors=True)
        return name, 0, f"{error.what}: {error.where}"


def wanted(videos: Path, *, everything: bool) -> list[str]:
    """Names of the videos to extract: those of the first test split where its list lies beside the folder.

    Raises:
        DataError: there are none.
    """
    names = sorted(str(path.relative_to(videos)) for path in videos.rglob(f"*{ENDING}"))
    split = None if everything else splits.split_file("ucf101", videos.parent)
    if split:
        in_split = {fields[0] for _, fields in read_fields(split)}
        names = [name for name in names if name in in_split]
    if not names:
        raise DataError(f"no video{' of ' + split.name if split else ''} is there", where=f"{videos}/*/*{ENDING}",
                        remedy="unpack UCF-101 so that every class has its folder of videos there")
    return names


def extract_all(names: list[str], videos: Path, target: Path) -> Iterator[tuple[str, int, str]]:
    """Extract on all cores what is not extracted yet; of each the name, the frames, and what is wrong."""
    with hold(target / ".lock", lambda holder: events.say(f"waiting: {holder} is extracting into {target}")):
        shutil.rmtree(target / PARTIAL, ignore_errors=True)  # what was under way when a run was interrupted
        waiting = [name for name in names if not (target / name.removesuffix(ENDING)).is_dir()]
        before = len(names) - len(waiting)
        for done, extracted in enumerate(spread(partial(_extract, videos=videos, target=target), waiting, 1), before + 1):
            events.progress("extracting", done, len(names))
            yield extracted
        shutil.rmtree(target / PARTIAL, ignore_errors=True)


def add_rawframes_arguments(parser: argparse.ArgumentParser) -> None:
    """What `python -m tools.data rawframes` takes."""
    parser.add_argument("source", nargs="?", type=Path, help="folder of <class>/<video>.avi; DIR/ucf101/videos without it")
    parser.add_argument("target", nargs="?", type=Path, help="where <class>/<video>/img_00001.jpg ... go; DIR/ucf101/rawframes without it")
    parser.add_argument("--all", action="store_true", help="every video, not only those of the first test split")
    add_arguments(parser, USES["data rawframes"])


def rawframes(options: argparse.Namespace) -> int:
    """Extract UCF-101's frames: python -m tools.data rawframes --data-root DIR.

    What is already there is left as it is.
    """
    data_root = Settings.of(options).data_root
    if not data_root and options.target is None:
        raise OptionError("nothing says what to extract and where to", where="--data-root",
                          remedy="give --data-root DIR, or a source and a target")
    videos = options.source or Path(data_root, "ucf101", "videos")
    target = options.target or Path(data_root, "ucf101", "rawframes")
    if not videos.is_dir():
        raise OptionError("no such folder", where=str(videos), remedy="put the videos there, or give a source and a target")
    names = wanted(videos, everything=options.all)
    frames = damaged = extracted = 0
    try:
        for name, count, fault in extract_all(names, videos, target):
            frames, extracted, damaged = frames + count, extracted + (not fault), damaged + bool(fault)
            if fault:
                print(f"damaged {name}: {fault}", flush=True)
    except OSError as error:
        raise DataError(f"frames cannot be written: {error}", where=str(target),
                        remedy="make room or the folder writable, and start again: what is done is kept") from error
    before = len(names) - extracted - damaged
    print(f"{extracted} videos extracted to {frames} frames, {before} were there before, {damaged} are damaged: {target}")
    return int(damaged > 0)
