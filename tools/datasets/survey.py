"""Checks the files of a list: each new or changed one is read once, and a run is told which clips it can use.

A check only notes defects. Whether one ends a run is decided later: a list of your own must be good as a
whole, a full data set is used as far as it is there.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools.datasets.defects import first, nothing_there, unusable
from tools.datasets.examine import FilesKind, examine, signature
from tools.datasets.ledger import ClipState, Ledger, opened, path_of
from tools.datasets.listing import Listing
from tools.datasets.lists import at_equal_distances, balanced
from tools.errors import DataError
from tools.machine import child, events, quiet
from tools.machine.files import write_whole
from tools.machine.locks import hold
from tools.machine.pool import spread
from tools.media.decode import Clip, ClipError, undecodable
from tools.spec.model import Sampling, Spec
from tools.spec.settings import Settings
from tools.storage.context import Context

BATCH = 8  # clips that travel to a process together
ABSENT = (-1, -1)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A data set of which *there* clips or videos can be used, where *complete* should be.

    missing, damaged: how many are known to be so; first: the first of them, and the line that names it.
    command: what lists them all.
    """

    there: int
    complete: int
    missing: int
    damaged: int
    first: str
    command: str
    items: str = "clips"

    @property
    def sentence(self) -> str:
        counts = [f"{count:,} {word}" for count, word in ((self.missing, "missing"), (self.damaged, "damaged")) if count]
        lost = f"{', '.join(counts)}, first {self.first}" if counts else "the list names no more"
        return f"{self.there:,} of {self.complete:,} {self.items}: {lost}; {self.command} lists what is there and what is not"


@dataclass(frozen=True, slots=True)
class Usable:
    """The clips that a run can use, in list order, with digests and frames; and what the data set lacks."""

    clips: tuple[Clip, ...]
    shortfall: Shortfall | None


def check(listing: Listing, settings: Settings) -> Path:
    """Look at every clip of the list, or at those that `--clips` chooses, and return the path of the ledger.

    Raises:
        DataError: a line of the list is wrong; no file has been read then.
    """
    path, count = path_of(settings.artifacts, listing), 0 if listing.required else settings.clips
    waiting = lambda holder: events.say(f"waiting: {holder} is {listing.doing}")
    with hold(path.with_suffix(".lock"), waiting), quiet.working(settings.locks, events.say), opened(path) as ledger:
        while True:  # a chosen clip that turns out damaged is replaced by another
            clips = _wanted(listing, ledger, count)
            _check_clips(listing, clips, ledger)
            if not count or not any((state := ledger.state(clip)) and state.defect for clip in clips):
                return path


def _check_clips(listing: Listing, clips: tuple[Clip, ...], ledger: Ledger) -> None:
    if listing.kind != "features":
        import cv2

        cv2.setNumThreads(1)  # a process a core; and a forked one would wait for threads of OpenCV's pool that it does not have
    shown = 0.0
    doing = "checking features" if listing.kind == "features" else "checking clips"
    jobs = ((clip, listing.kind, listing.sampling, _to_trust(listing, ledger.state(clip))) for clip in clips)
    for done, (clip, state) in enumerate(spread(_check_clip, jobs, BATCH), 1):
        if state is not None:
            ledger.put(clip, state)
        if done == len(clips) or time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            events.progress(doing, done, len(clips), at_rest=False)


def _to_trust(listing: Listing, state: ClipState | None) -> ClipState | None:
    """What spares a clip another look. A required clip's defect does not: its file may have been restored."""
    return None if listing.required and state is not None and state.defect else state


def _check_clip(job: tuple[Clip, FilesKind, Sampling | None, ClipState | None]) -> tuple[Clip, ClipState | None]:
    """The new state of a clip; None where its files are still those of the last check."""
    clip, kind, sampling, before = job
    now = ABSENT
    try:
        now = signature(clip, kind)
        if before is not None and (before.signature, before.asked) == (now, clip.frames):
            return clip, None
        good = examine(clip, kind, sampling)
    except ClipError as error:
        return clip, ClipState(now, clip.frames, defect=error)
    return clip, ClipState(now, clip.frames, good.frames, good.sha256, good.sampled_crc32)


def states(listing: Listing, path: Path) -> Iterator[tuple[Clip, ClipState]]:
    """Each clip that was ever checked with its state in the ledger *path*, in the order of the list."""
    with opened(path) as ledger:
        for clip in listing.rows():
            if state := ledger.state(clip):
                yield clip, state


def usable(listing: Listing, context: Context[Spec]) -> Usable:
    """The clips that a run can use; a child process checks those that are new or have changed.

    Raises:
        DataError: a line of the list is wrong, a required clip cannot be used, or no clip can.
    """
    settings = context.settings
    found = usable_if_checked(listing, settings, look_again=listing.required)
    if found is None:
        absent = [defect for clip in listing.rows() if listing.required and (defect := _absent(clip, listing.kind))]
        if absent:  # a wrong line or a missing file is told before a child process starts
            raise unusable(listing, absent)
        context.say(f"{listing.doing} below {listing.root} ...")
        context.on_event({"kind": "stage", "text": listing.doing})
        started = time.monotonic()
        try:
            child.call(partial(check, listing, settings), listing.doing, on_event=context.on_event,
                       log=settings.store / "logs" / f"check-{listing.dataset}.log")
        finally:
            context.on_event({"kind": "ended", "text": listing.doing})
        context.say(f"{listing.doing}: {time.monotonic() - started:.0f} s")
        found = usable_if_checked(listing, settings)
        if found is None:
            raise DataError("files change while they are checked", where=str(listing.root),
                            remedy="start again when they have come to rest")
    return found


def usable_if_checked(listing: Listing, settings: Settings, *, look_again: bool = False) -> Usable | None:
    """The clips that a run can use; None if a check has yet to read one. No clip is read here.

    look_again: None too if a clip had a defect, which may have been mended.

    Raises:
        DataError: as for `usable`.
    """
    path = path_of(settings.artifacts, listing)
    if not path.is_file():
        return None
    count = 0 if listing.required else settings.clips
    with opened(path) as ledger:
        clips = _wanted(listing, ledger, count)
        checked = {clip: state for clip in clips if (state := _still_true(clip, listing.kind, ledger.state(clip)))}
    if len(checked) < len(clips):
        return None
    good = tuple(replace(clip, frames=state.frames, sha256=state.sha256, signature=state.signature, sampled_crc32=state.sampled_crc32)
                 for clip, state in checked.items() if not state.defect)
    defects = [state.defect for state in checked.values() if state.defect]
    if defects and look_again:
        return None
    if listing.required:
        if defects:
            raise unusable(listing, defects)
        return Usable(good, None)
    lacking = shortfall(listing, len(good), defects)
    return Usable(good, None if count else lacking)


def _absent(clip: Clip, kind: FilesKind) -> ClipError | None:
    try:
        signature(clip, kind)
    except ClipError as error:
        return error
    return None


def _still_true(clip: Clip, kind: FilesKind, before: ClipState | None) -> ClipState | None:
    """The state of a clip whose files are as they were at the last check; None for any other."""
    if before is None:
        return None
    try:
        now = signature(clip, kind)
    except ClipError as error:
        return replace(before, defect=error) if before.signature == ABSENT else None
    return before if (before.signature, before.asked) == (now, clip.frames) else None


def _wanted(listing: Listing, ledger: Ledger, count: int) -> tuple[Clip, ...]:
    """All clips for 0; otherwise *count* of those that are there and not known to be damaged."""
    rows = tuple(listing.rows())
    if not count:
        return rows
    lost = {clip.id: defect for clip in rows if (defect := _known_defect(clip, listing.kind, ledger))}
    if lost and len(lost) == len(rows):
        raise nothing_there(listing, lost.values())
    choose = at_equal_distances if listing.kind == "features" else balanced
    return choose(tuple(clip for clip in rows if clip.id not in lost), count)


def _known_defect(clip: Clip, kind: FilesKind, ledger: Ledger) -> ClipError | None:
    if not clip.path.exists():
        return undecodable(clip, clip.path)
    state = ledger.state(clip)
    if state is None or state.defect is None:  # the files of a clip that was good are not looked at
        return None
    return state.defect if _still_true(clip, kind, state) else None


def shortfall(listing: Listing, there: int, defects: Collection[ClipError]) -> Shortfall | None:
    """What a data set lacks if only *there* of its clips can be used.

    It should have every line of its list, and as many clips as the complete set.

    Raises:
        DataError: no clip can be used at all.
    """
    if not there:
        raise nothing_there(listing, defects)
    rows, missing = there + len(defects), sum(defect.word == "missing" for defect in defects)
    complete = max(listing.complete, rows if listing.is_list else 0)
    if there >= complete:
        return None
    return Shortfall(there, complete, missing, len(defects) - missing, str(first(defects).where) if defects else "",
                     f"python -m tools.data check {listing.dataset} --data-root {listing.list_file.parent.parent}",
                     "videos" if listing.kind == "features" else "clips")


def write_list(listing: Listing, path: Path) -> None:
    """Write a list of the clips that are good by the ledger *path*, in mmaction2's format."""
    good = ((clip, state.frames) for clip, state in states(listing, path) if state.defect is None)
    rows = (f"{clip.id} {frames} {clip.label}\n" if listing.kind == "rawframes" else f"{clip.id} {clip.label}\n" for clip, frames in good)
    write_whole(listing.list_file, lambda file: file.writelines(row.encode() for row in rows))
