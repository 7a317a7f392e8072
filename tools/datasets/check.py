"""Checks a full data set below `--data-root`, and lists the clips that are missing, empty or damaged."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from tools.datasets import clips, listing, survey, videos
from tools.datasets.defects import features_told
from tools.datasets.listing import Listing
from tools.errors import OptionError
from tools.machine import events
from tools.media.decode import ClipError
from tools.spec import catalog
from tools.spec.model import ModelKind, ModelSpec, Spec
from tools.spec.options import USES, add_arguments
from tools.spec.settings import Settings
from tools.storage.context import Context


def readers(settings: Settings, dataset: str) -> list[Spec]:
    """Models that read *dataset*, one for each list and folder that models read of it.

    Raises:
        OptionError: no model reads it.
    """
    specs = [catalog.load_spec(settings.models, name) for name in catalog.model_names(settings.models)]
    by_files: dict[tuple[str, str], Spec] = {}
    for spec in specs:
        if spec.dataset == dataset:
            by_files.setdefault((spec.list_file, spec.files_folder), spec)
    if not by_files:
        raise OptionError(f"no model reads a data set {dataset!r}", where=str(settings.models),
                          remedy=f"choose {', '.join(sorted({spec.dataset for spec in specs}))}")
    return list(by_files.values())


def _clips(context: Context[ModelSpec]) -> Listing:
    """The rows that a recogniser reads; those of videos where its rawframes have yet to be extracted."""
    spec, root = context.spec, Path(context.settings.data_root)
    rows = clips.full_listing(context, spec.classes)
    if rows.kind == "rawframes" and not rows.root.is_dir() and (root / spec.dataset / "videos").is_dir():
        list_file = spec.list_file.replace("rawframes", "videos")
        as_videos = replace(spec, list_file=list_file, list_format="videos", frames_folder="videos")
        return listing.find(as_videos, root, spec.classes) or rows
    return rows


ROWS: Mapping[ModelKind, Callable[[Context[Any]], Listing]] = {"recogniser": _clips, "localiser": videos.listing}


def run(rows: Listing, settings: Settings) -> bool:
    """Check these rows and print a report; whether the data set is complete."""
    events.say(f"{rows.dataset}: {rows.kind} below {rows.root}, named by {rows.source}; Ctrl-C loses nothing, the next check goes on")
    started = time.monotonic()
    path = survey.check(rows, settings)
    is_complete = settings.clips > 0 or _report(rows, path)
    if is_complete and not settings.clips and not rows.is_list:
        try:
            survey.write_list(rows, path)
            print(f"the list of all that is there is written: {rows.list_file}")
        except OSError as error:  # a read-only data set is used as it is, by its annotations
            print(f"the list is not written ({error.strerror}); runs read {rows.source}")
    print(f"{time.monotonic() - started:.1f} s; kept in {path}")
    return is_complete


def _report(rows: Listing, path: Path) -> bool:
    """Print how many clips can be used, and each that cannot; whether the data set is complete."""
    usable, frames, defects = 0, 0, dict[str, ClipError]()
    for clip, state in survey.states(rows, path):
        frames += state.frames
        if state.defect:
            defects[clip.id] = state.defect
        else:
            usable += 1
    shortfall = survey.shortfall(rows, usable, defects.values())
    for id, defect in sorted(defects.items(), key=lambda named: named[1].word):
        print(f"{defect.word:8} {id}: {defect.detail}: {defect.where}")
    counts, total = Counter(defect.word for defect in defects.values()), usable + len(defects)
    each = [f"{counts[word]:,} {word}" for word in ("missing", "empty", "damaged") if counts[word]]
    unit = "" if rows.kind == "features" else f" with {frames:,} frames"
    print(f"{rows.dataset}: {usable:,} of {total:,} named can be used{unit}; {', '.join(each) or 'nothing is missing, empty or damaged'}")
    if rows.kind == "features":
        print("".join(f"  {line}\n" for line in features_told(rows, defects.values())), end="")
    if shortfall is not None:
        print(f"{rows.dataset} is not complete: {usable:,} of {shortfall.complete:,}; accuracy on it is NO VERDICT")
    if rows.kind == "videos" and rows.list_file.parent.joinpath("videos") == rows.root:
        print(f"the models read their frames: python -m tools.data rawframes --data-root {rows.list_file.parent.parent}")
    return shortfall is None


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """What `python -m tools.data check` takes."""
    parser.add_argument("dataset", help="ucf101, kinetics400 or activitynet")
    add_arguments(parser, USES["data check"])


def check(options: argparse.Namespace) -> int:
    """Check a data set: python -m tools.data check ucf101 --data-root DIR, with DIR/ucf101/.

    The exit status is 1 if it is not complete.
    """
    settings = Settings.of(options)
    if settings.configured:
        events.say(f"options {settings.configured}")
    if not settings.data_root:
        raise OptionError("whose files are to be checked?", where="--data-root", remedy=f"give the folder that holds {options.dataset}/")
    specs = readers(settings, options.dataset)
    complete = [run(ROWS[spec.kind](Context(settings, spec)), settings) for spec in specs]
    return int(not all(complete))
