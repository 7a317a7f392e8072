"""Checking the files of a list: every changed one is read once, and a run is told what it can use.

What is wrong with a clip is only noted here. Whether that is an error or a shortfall is decided where it is read: a list of
one's own is used whole, a full data set as far as it is there.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools.datasets.examine import FilesKind, examine, signature
from tools.datasets.ledger import Defect, Finding, Ledger, path_of
from tools.datasets.listing import Listing
from tools.errors import DataError
from tools.machine import child, events
from tools.machine.files import write_whole
from tools.machine.locks import hold
from tools.machine.pool import spread
from tools.media.decode import Clip, ClipError, undecodable
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.context import Context

BATCH = 8  # clips that travel to a process together
ABSENT = (-1, -1)


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A data set of which *there* clips or videos can be used, where *complete* should be.

    missing, damaged: how many are known to be so; first: the first of them, and the line that names it.
    listing: the command that lists them all.
    """

    there: int
    complete: int
    missing: int
    damaged: int
    first: str
    listing: str
    items: str = "clips"

    @property
    def sentence(self) -> str:
        counts = [f"{count:,} {word}" for count, word in ((self.missing, "missing"), (self.damaged, "damaged")) if count]
        lost = f"{', '.join(counts)}, first {self.first}" if counts else "the list names no more"
        return f"{self.there:,} of {self.complete:,} {self.items}: {lost}; {self.listing} lists what is there and what is not"


@dataclass(frozen=True, slots=True)
class Usable:
    """What a run can use, in the order of the list, with digests and frames, and what the data set lacks."""

    clips: tuple[Clip, ...]
    shortfall: Shortfall | None


def check(listing: Listing, settings: Settings) -> Path:
    """Look at every clip of the list, or at those that `--clips` chooses, and keep what is found.

    Raises:
        DataError: naming the line of the list that is wrong, before any file is read.
    """
    path, count = path_of(settings.artifacts, listing), _to_choose(listing, settings)
    waiting = lambda holder: events.say(f"waiting: {holder} is {listing.doing}")
    with hold(path.with_suffix(".lock"), waiting), Ledger(path) as ledger:
        while True:  # a chosen clip that turns out damaged is replaced by another
            clips = _wanted(listing, ledger, count)
            _check_clips(listing.kind, clips, ledger)
            if not count or not any((known := ledger.known(clip)) and known.defect for clip in clips):
                return path


def _check_clips(kind: FilesKind, clips: tuple[Clip, ...], ledger: Ledger) -> None:
    shown = 0.0
    doing = "checking features" if kind == "features" else "checking clips"
    jobs = ((clip, kind, ledger.known(clip)) for clip in clips)
    for done, (clip, found) in enumerate(spread(_check_clip, jobs, BATCH), 1):
        if found is not None:
            ledger.put(clip, found)
        if done == len(clips) or time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            events.progress(doing, done, len(clips))


def _check_clip(job: tuple[Clip, FilesKind, Finding | None]) -> tuple[Clip, Finding | None]:
    """What is found of a clip; None where its files are those of the check before."""
    clip, kind, before = job
    now = ABSENT
    try:
        now = signature(clip, kind)
        if before is not None and (before.signature, before.asked) == (now, clip.frames):
            return clip, None
        whole = examine(clip, kind)
    except DataError as error:
        return clip, Finding(now, clip.frames, defect=Defect.of(clip, error))
    return clip, Finding(now, clip.frames, whole.frames, whole.sha256)


def findings(listing: Listing, path: Path) -> Iterator[tuple[Clip, Finding]]:
    """What the check that was kept in *path* has found of each clip, in the order of the list."""
    with Ledger(path) as ledger:
        for clip in listing.rows():
            found = ledger.known(clip)
            if found is not None:
                yield clip, found


def resolve(listing: Listing, context: Context[Spec]) -> Usable:
    """What of a list a run can use; what is new or has changed is read by a child process.

    Raises:
        DataError: naming the line of the list that is wrong; or a required clip that cannot be used; or nothing at all is there.
    """
    settings = context.settings
    found = known(listing, settings)
    if found is None:
        _refuse(listing)
        context.say(f"{listing.doing} below {listing.root} ...")
        started = time.monotonic()
        child.call(partial(check, listing, settings), listing.doing, on_event=context.on_event,
                   log=settings.store / "logs" / f"check-{listing.dataset}.log")
        context.say(f"{listing.doing}: {time.monotonic() - started:.0f} s")
        found = known(listing, settings)
        if found is None:
            raise DataError("files change while they are checked", where=str(listing.root),
                            remedy="start again when they have come to rest")
    return found


def _refuse(listing: Listing) -> None:
    """Tell what is wrong before a child process is started for it: a line, or a required clip that is missing or empty."""
    for clip in listing.rows():
        try:
            if listing.required:
                signature(clip, listing.kind)
        except ClipError as error:
            raise Defect.of(clip, error).error from error


def known(listing: Listing, settings: Settings) -> Usable | None:
    """What a check has found, if that is so of every clip as its files are now; none is read for it.

    Raises:
        DataError: as for `resolve`.
    """
    path = path_of(settings.artifacts, listing)
    if not path.is_file():
        return None
    count = _to_choose(listing, settings)
    with Ledger(path) as ledger:
        clips = _wanted(listing, ledger, count)
        found = [_still(clip, listing.kind, ledger.known(clip)) for clip in clips]
    there = [one for one in found if one is not None]
    return _usable(listing, clips, there, count) if len(there) == len(clips) else None


def _usable(listing: Listing, clips: tuple[Clip, ...], findings: list[Finding], count: int) -> Usable:
    """What can be used of *clips*, by the finding of each."""
    good = tuple(replace(clip, frames=found.frames, sha256=found.sha256)
                 for clip, found in zip(clips, findings, strict=True) if found.defect is None)
    defects = [found.defect for found in findings if found.defect is not None]
    if listing.required:
        if defects:
            raise defects[0].error
        return Usable(good, None)
    defects.sort(key=lambda defect: defect.word != "missing")
    if not good:
        raise nothing_there(listing, len(defects), defects[0])
    counts: dict[str, int] = {**Counter(defect.word for defect in defects), "": len(good)}
    return Usable(good, None if count else shortfall(listing, counts, next(iter(defects), None)))


def _still(clip: Clip, kind: FilesKind, before: Finding | None) -> Finding | None:
    """What is known of a clip whose files are as they were; None for any other."""
    if before is None:
        return None
    try:
        now = signature(clip, kind)
    except ClipError as error:
        return replace(before, defect=Defect.of(clip, error)) if before.signature == ABSENT else None
    return before if (before.signature, before.asked) == (now, clip.frames) else None


def _to_choose(listing: Listing, settings: Settings) -> int:
    """How many clips are to be chosen of those that can be used; 0 for all, and where they are chosen already."""
    return 0 if listing.required else settings.clips


def _wanted(listing: Listing, ledger: Ledger, count: int) -> tuple[Clip, ...]:
    """All clips; or *count* of those that are there and not known to be damaged."""
    rows = tuple(listing.rows())
    if not count:
        return rows
    lost = {clip.id: defect for clip in rows if (defect := _lost(clip, listing.kind, ledger))}
    if lost and len(lost) == len(rows):
        raise nothing_there(listing, len(lost), next(iter(lost.values())))
    return listing.choose(tuple(clip for clip in rows if clip.id not in lost), count)


def _lost(clip: Clip, kind: FilesKind, ledger: Ledger) -> Defect | None:
    """Why a clip is not to be chosen, if that is known."""
    if not clip.path.exists():
        return Defect.of(clip, undecodable(clip, clip.path))
    before = ledger.known(clip)
    still = _still(clip, kind, before) if before and before.defect else None
    return still.defect if still else None


def shortfall(listing: Listing, counts: Mapping[str, int], first: Defect | None) -> Shortfall | None:
    """What the data set lacks: of a list every line counts, of annotations as many as the complete set has.

    counts: clips of each kind of damage, good ones under an empty word; first: the defect to name.
    """
    there, rows, missing = counts.get("", 0), sum(counts.values()), counts.get("missing", 0)
    complete = max(listing.complete, rows if listing.is_list else 0)
    if there >= complete:
        return None
    return Shortfall(there, complete, missing, rows - there - missing, first.where if first else "",
                     f"python -m tools.data check {listing.dataset} --data-root {listing.list_file.parent.parent}",
                     "videos" if listing.kind == "features" else "clips")


def nothing_there(listing: Listing, total: int, first: Defect) -> DataError:
    """The error where no clip can be used at all."""
    videos = listing.list_file.parent / "videos"
    put = f"put the data set's files below {listing.root}, as {listing.source} names them"
    if listing.kind == "rawframes" and videos.is_dir():
        put = f"extract the frames of the videos: python -m tools.data rawframes --data-root {videos.parent.parent}"
    return DataError(f"none of the {total:,} clips of {listing.dataset} can be used: {first.what}", where=first.where, remedy=put)


def write_list(listing: Listing, path: Path) -> None:
    """Write the list that was made of annotations, in mmaction2's format, with the clips that the check in *path* found good."""
    good = ((clip, found.frames) for clip, found in findings(listing, path) if found.defect is None)
    rows = (f"{clip.id} {frames} {clip.label}\n" if listing.kind == "rawframes" else f"{clip.id} {clip.label}\n" for clip, frames in good)
    write_whole(listing.list_file, lambda file: file.writelines(row.encode() for row in rows))
