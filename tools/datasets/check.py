"""Checks a full data set below `--data-root`: what is there, what is missing, empty or damaged; a run uses what this finds."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tools.datasets import choice, listing, survey, videos
from tools.datasets.ledger import Defect
from tools.datasets.listing import Listing
from tools.errors import OptionError
from tools.machine import events
from tools.spec import catalog
from tools.spec.model import ModelKind, ModelSpec, Spec
from tools.spec.settings import Settings, add_arguments
from tools.storage.context import Context


def readers(settings: Settings, dataset: str) -> list[Spec]:
    """A model of each way in which the models read *dataset*: each list and folder once.

    Raises:
        OptionError: no model reads it.
    """
    specs = [catalog.load_spec(settings.models, name) for name in catalog.model_names(settings.models)]
    found: dict[tuple[str, str], Spec] = {}
    for spec in specs:
        if spec.dataset == dataset:
            found.setdefault((spec.list_file, spec.files_folder), spec)
    if not found:
        raise OptionError(f"no model reads a data set {dataset!r}", where=str(settings.models),
                          remedy=f"choose {', '.join(sorted({spec.dataset for spec in specs}))}")
    return list(found.values())


def _clips(context: Context[ModelSpec]) -> Listing:
    """The rows that a recogniser reads; where it needs rawframes and there are only videos, those of the videos."""
    spec, root = context.spec, Path(context.settings.data_root)
    found = choice.required_listing(context, spec.classes)
    if found.kind == "rawframes" and not found.root.is_dir() and (root / spec.dataset / "videos").is_dir():
        return listing.find_videos(spec, root, spec.classes) or found
    return found


ROWS: Mapping[ModelKind, Callable[[Context[Any]], Listing]] = {"recogniser": _clips, "localiser": videos.listing}


def run(rows: Listing, settings: Settings) -> bool:
    """Check these rows and report what is found; whether the data set is complete."""
    events.say(f"{rows.dataset}: {rows.kind} below {rows.root}, named by {rows.source}; Ctrl-C loses nothing, the next check goes on")
    started = time.monotonic()
    path = survey.check(rows, settings)
    whole = settings.clips > 0 or _report(rows, path)
    if whole and not settings.clips and not rows.is_list:
        _write_list(rows, path)
    print(f"{time.monotonic() - started:.1f} s; kept in {path}")
    return whole


def _report(rows: Listing, path: Path) -> bool:
    """Say what is there and list what is not; whether nothing is lacking."""
    counts, frames, defects = Counter[str](), 0, list[tuple[str, Defect]]()
    for clip, found in survey.findings(rows, path):
        counts[found.defect.word if found.defect else ""] += 1
        frames += found.frames
        if found.defect:
            defects.append((clip.id, found.defect))
    there, total = counts[""], counts.total()
    first = min((defect for _, defect in defects), key=lambda defect: defect.word != "missing", default=None)
    if first is not None and not there:
        raise survey.nothing_there(rows, total, first)
    for id, defect in sorted(defects, key=lambda named: named[1].word):
        print(f"{defect.word:8} {id}: {defect.detail}: {defect.where}")
    shortfall = survey.shortfall(rows, counts, first)
    each = [f"{counts[word]:,} {word}" for word in ("missing", "empty", "damaged") if counts[word]]
    unit = "" if rows.kind == "features" else f" with {frames:,} frames"
    print(f"{rows.dataset}: {there:,} of {total:,} named can be used{unit}; {', '.join(each) or 'nothing is missing, empty or damaged'}")
    if shortfall is not None:
        print(f"{rows.dataset} is not complete: {there:,} of {shortfall.complete:,}; accuracy on it is NO VERDICT")
    if rows.kind == "videos" and rows.list_file.parent.joinpath("videos") == rows.root:
        print(f"the models read their frames: python -m tools.data rawframes --data-root {rows.list_file.parent.parent}")
    return shortfall is None


def _write_list(rows: Listing, path: Path) -> None:
    try:
        survey.write_list(rows, path)
    except OSError as error:  # a read-only data set is used as it is, by its annotations
        print(f"the list is not written ({error.strerror}); runs read {rows.source}")
        return
    print(f"the list of all that is there is written: {rows.list_file}")


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """What `python -m tools.data check` takes."""
    parser.add_argument("dataset", help="ucf101, kinetics400 or activitynet")
    add_arguments(parser)


def check(options: argparse.Namespace) -> int:
    """Check a data set: python -m tools.data check ucf101 --data-root DIR, with DIR/ucf101/; exit status 1 if it is not complete."""
    settings = Settings.of(options)
    if not settings.data_root:
        raise OptionError("whose files are to be checked?", where="--data-root", remedy=f"give the folder that holds {options.dataset}/")
    specs = readers(settings, options.dataset)
    whole = [run(ROWS[spec.kind](Context(settings, spec)), settings) for spec in specs]
    return int(not all(whole))
