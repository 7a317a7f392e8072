"""Extracts videos to rawframes as mmaction2 does with OpenCV: the same names, and the same bytes in every JPEG."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tools.datasets import splits
from tools.datasets.lists import read_lines
from tools.errors import DataError, OptionError
from tools.machine import events
from tools.machine.locks import hold
from tools.machine.pool import spread
from tools.media.decode import FRAME_NAME, TOLERATED_LOSS

PARTIAL = ".partial"
ENDING = ".avi"
EXIT_INCOMPLETE = 1


def extract(video: Path, folder: Path, partial_folder: Path) -> int:
    """Write every frame of *video* as `img_00001.jpg` ... into *folder*, which is there whole or not at all; how many.

    Raises:
        DataError: the video cannot be decoded, or clearly less of it than its header says.
    """
    import cv2

    partial_folder.mkdir(parents=True)
    reader = cv2.VideoCapture(str(video))
    declared, count = int(reader.get(cv2.CAP_PROP_FRAME_COUNT)), 0
    while True:
        there, frame = reader.read()
        if not there:
            break
        count += 1
        if not cv2.imwrite(str(partial_folder / FRAME_NAME.format(count)), frame):
            raise DataError("a frame cannot be written", where=str(partial_folder),
                            remedy="make room, and start again: what is done is kept")
    reader.release()
    if count == 0 or count < (1 - TOLERATED_LOSS) * declared:
        raise DataError(f"{count} of {max(declared, 0)} frames decode", where=str(video), remedy="restore the video, and start again")
    folder.parent.mkdir(parents=True, exist_ok=True)
    os.rename(partial_folder, folder)
    return count


def _extract(name: str, source: Path, target: Path) -> tuple[str, int, str]:
    """A video's name below *source*, its frames, or what is wrong with it."""
    stem = name.removesuffix(ENDING)
    try:
        return name, extract(source / name, target / stem, target / PARTIAL / stem), ""
    except DataError as error:
        shutil.rmtree(target / PARTIAL / stem, ignore_errors=True)
        return name, 0, f"{error.what}: {error.where}"


def wanted(source: Path, *, everything: bool) -> list[str]:
    """The videos below *source* to extract: those of UCF-101's first test split, where its annotations lie beside it.

    Raises:
        DataError: there are none.
    """
    found = sorted(str(path.relative_to(source)) for path in source.rglob(f"*{ENDING}"))
    split = None if everything else splits.split_file("ucf101", source.parent)
    if split:
        named = {line.split()[0] for _, line in read_lines(split) if line.strip()}
        found = [name for name in found if name in named]
    if not found:
        raise DataError(f"no video{' of ' + split.name if split else ''} is there", where=f"{source}/*/*{ENDING}",
                        remedy="unpack UCF-101 so that every class has its folder of videos there")
    return found


def extract_all(names: list[str], source: Path, target: Path) -> Iterator[tuple[str, int, str]]:
    """Extract those that are not done yet, on all cores; one line each as `_extract` gives it."""
    with hold(target / ".lock", lambda holder: events.say(f"waiting: {holder} is extracting into {target}")):
        shutil.rmtree(target / PARTIAL, ignore_errors=True)  # what was under way when a run was interrupted
        waiting = [name for name in names if not (target / name.removesuffix(ENDING)).is_dir()]
        done = len(names) - len(waiting)
        for found in spread(partial(_extract, source=source, target=target), waiting, 1):
            done += 1
            events.progress("extracting", done, len(names))
            yield found
        shutil.rmtree(target / PARTIAL, ignore_errors=True)


def add_rawframes_arguments(parser: argparse.ArgumentParser) -> None:
    """What `python -m tools.data rawframes` takes."""
    parser.add_argument("source", nargs="?", type=Path, help="folder of <class>/<video>.avi; DIR/ucf101/videos without it")
    parser.add_argument("target", nargs="?", type=Path, help="where <class>/<video>/img_00001.jpg ... go; DIR/ucf101/rawframes without it")
    parser.add_argument("--data-root", type=Path, metavar="DIR", help="folder that holds ucf101/")
    parser.add_argument("--all", action="store_true", help="every video, not only those of the first test split")


def rawframes(options: argparse.Namespace) -> int:
    """Extract UCF-101's frames: python -m tools.data rawframes --data-root DIR; what is already there is left as it is."""
    if options.data_root is None and options.target is None:
        raise OptionError("nothing says what to extract and where to", where="--data-root",
                          remedy="give --data-root DIR, or a source and a target")
    source = options.source or options.data_root / "ucf101" / "videos"
    target = options.target or options.data_root / "ucf101" / "rawframes"
    if not source.is_dir():
        raise OptionError("no such folder", where=str(source), remedy="put the videos there, or give a source and a target")
    names = wanted(source, everything=options.all)
    frames = faults = made = 0
    try:
        for name, count, fault in extract_all(names, source, target):
            frames, made, faults = frames + count, made + (not fault), faults + bool(fault)
            if fault:
                print(f"damaged {name}: {fault}", flush=True)
    except OSError as error:
        raise DataError(f"frames cannot be written: {error}", where=str(target),
                        remedy="make room or the folder writable, and start again: what is done is kept") from error
    print(f"{made} videos extracted to {frames} frames, {len(names) - made - faults} were there before, {faults} are damaged: {target}")
    return EXIT_INCOMPLETE if faults else 0
