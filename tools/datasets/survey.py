"""Checking a full data set: its list is verified, every changed file is read once, and a run is told what it can use."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools.datasets.examine import Kind, examine, signature
from tools.datasets.ledger import Checked, Fault, Known, Look, Word, path_of
from tools.datasets.listing import Listing
from tools.datasets.manifest import Shortfall
from tools.errors import DataError
from tools.machine import child, events
from tools.machine.files import write_whole
from tools.machine.locks import hold
from tools.machine.pool import spread
from tools.media.decode import Clip
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage.context import Context

BATCH = 8  # clips that travel to a process together
ABSENT = (-1, -1)


@dataclass(frozen=True, slots=True)
class Survey:
    """What a run can use, in the order of the list, with digests and frames, and what the data set lacks."""

    clips: tuple[Clip, ...]
    shortfall: Shortfall | None


def check(listing: Listing, settings: Settings) -> Path:
    """Look at every clip of the data set, or at those that `--clips` chooses, and keep what is found.

    Raises:
        DataError: naming the line of the list that is wrong, before any file is read.
    """
    path = path_of(settings.artifacts, listing)
    waiting = lambda holder: events.say(f"waiting: {holder} is checking {listing.dataset}")
    with hold(path.with_suffix(".lock"), waiting), Checked(path) as kept:
        if settings.clips:
            while True:  # a clip that turns out damaged is replaced by another
                chosen = _chosen(listing, kept, settings.clips)
                _look_at(listing.kind, chosen, len(chosen), kept)
                if not any((known := kept.known(clip.id)) and known.fault for clip in chosen):
                    return path
        total = sum(1 for _ in listing.rows())
        _look_at(listing.kind, listing.rows(), total, kept)
        kept.forget_others()
    return path


def _look_at(kind: Kind, clips: Iterable[Clip], total: int, kept: Checked) -> None:
    shown = 0.0
    jobs = ((place, clip, kind, kept.known(clip.id)) for place, clip in enumerate(clips))
    for done, look in enumerate(spread(_look, jobs, BATCH), 1):
        kept.put(look)
        if done == total or time.monotonic() - shown > 0.2:
            shown = time.monotonic()
            events.progress("checking", done, total)


def _look(job: tuple[int, Clip, Kind, Known | None]) -> Look:
    place, clip, kind, known = job
    found = ABSENT
    try:
        found = signature(clip, kind)
        if known and (known.signature, known.asked) == (found, clip.frames):
            return Look(place, clip, clip.frames, found, same=True)
        return Look(place, examine(clip, kind), clip.frames, found)
    except DataError as error:
        return Look(place, clip, clip.frames, found, _fault(clip, error))


def _fault(clip: Clip, error: DataError) -> Fault:
    word: Word = "damaged"
    if not clip.path.exists():
        word = "missing"
    elif error.what.endswith("is empty"):
        word = "empty"
    where = error.where or str(clip.path)
    return Fault(word, error.what, where if clip.listed in where else f"{where} ({clip.listed})")


def resolve(listing: Listing, context: Context[Spec]) -> Survey:
    """What of a data set a run can use; what is new or has changed is read by a child process.

    Raises:
        DataError: naming the line of the list that is wrong; or nothing at all is there.
    """
    settings = context.settings
    path = path_of(settings.artifacts, listing)
    found = _up_to_date(listing, path, settings.clips)
    if found is None:
        doing = f"checking {listing.dataset}"
        context.say(f"{doing} below {listing.root} ...")
        started = time.monotonic()
        child.call(partial(check, listing, settings), doing, on_event=context.on_event,
                   log=settings.store / "logs" / f"check-{listing.dataset}.log")
        context.say(f"{doing}: {time.monotonic() - started:.0f} s")
        found = _up_to_date(listing, path, settings.clips)
        if found is None:
            raise DataError("files change while they are checked", where=str(listing.root),
                            remedy="start again when they have come to rest")
    return found


def known(listing: Listing, settings: Settings) -> Survey | None:
    """What a check has found, if no file has changed since; nothing is read for it."""
    path = path_of(settings.artifacts, listing)
    return _up_to_date(listing, path, settings.clips) if path.is_file() else None


def _up_to_date(listing: Listing, path: Path, count: int) -> Survey | None:
    """What is known, if that is so of every clip as its files are now."""
    if not path.is_file():
        sum(1 for _ in listing.rows())  # a wrong list is told before a child process is started for it
        return None
    with Checked(path) as kept:
        clips = _chosen(listing, kept, count) if count else tuple(listing.rows())
        looks = [_glance(place, clip, listing.kind, kept.known(clip.id)) for place, clip in enumerate(clips)]
    known = [look for look in looks if look is not None]
    if len(known) < len(clips):
        return None
    good = tuple(look.clip for look in known if look.fault is None)
    faults = sorted((look.fault for look in known if look.fault is not None), key=lambda fault: fault.word != "missing")
    if not good:
        raise nothing_there(listing, len(faults), faults[0])
    counts: dict[Word, int] = {**Counter(fault.word for fault in faults), "": len(good)}
    return Survey(good, None if count else shortfall(listing, counts, next(iter(faults), None)))


def _glance(place: int, clip: Clip, kind: Kind, known: Known | None) -> Look | None:
    """What is known of a clip whose files are as they were; None for any other."""
    if known is None:
        return None
    try:
        found = signature(clip, kind)
    except DataError as error:
        found = ABSENT
        if known.fault is not None and known.signature == ABSENT:
            return Look(place, clip, clip.frames, found, _fault(clip, error), same=True)
    if (known.signature, known.asked) != (found, clip.frames):
        return None
    return Look(place, replace(clip, frames=known.frames, sha256=known.sha256), clip.frames, found, known.fault, same=True)


def _chosen(listing: Listing, kept: Checked, count: int) -> tuple[Clip, ...]:
    """*count* clips of those that are there and not known to be damaged."""
    return listing.choose(tuple(_usable(listing, kept)), count)


def _usable(listing: Listing, kept: Checked) -> Iterator[Clip]:
    found, lost, first = 0, 0, None
    for clip in listing.rows():
        if not clip.path.exists():
            fault: Fault | None = Fault("missing", f"clip {clip.id} is missing", f"{clip.path} ({clip.listed})")
        else:
            known = kept.known(clip.id)
            look = _glance(0, clip, listing.kind, known) if known and known.fault else None
            fault = look.fault if look else None
        if fault is not None:
            lost, first = lost + 1, first or fault
            continue
        found += 1
        yield clip
    if first is not None and not found:
        raise nothing_there(listing, lost, first)


def shortfall(listing: Listing, counts: Mapping[Word, int], first: Fault | None) -> Shortfall | None:
    """What the data set lacks: of a list every line counts, of annotations as many as the complete set has.

    counts: clips of each fault, good ones under an empty word; first: the fault to name.
    """
    there, rows, missing = counts.get("", 0), sum(counts.values()), counts.get("missing", 0)
    complete = max(listing.complete, rows if listing.is_list else 0)
    if there >= complete:
        return None
    return Shortfall(there, complete, missing, rows - there - missing, first.at if first else "",
                     f"python -m tools.data check {listing.dataset} --data-root {listing.list_file.parent.parent}",
                     "videos" if listing.kind == "features" else "clips")


def nothing_there(listing: Listing, total: int, first: Fault) -> DataError:
    """The error where no clip can be used at all."""
    videos = listing.list_file.parent / "videos"
    put = f"put the data set's files below {listing.root}, as {listing.source} names them"
    if listing.kind == "rawframes" and videos.is_dir():
        put = f"extract the frames of the videos: python -m tools.data rawframes --data-root {videos.parent.parent}"
    return DataError(f"none of the {total:,} clips of {listing.dataset} can be used: {first.what}", where=first.at, remedy=put)


def write_list(listing: Listing, kept: Checked) -> None:
    """Write the list that was made of annotations, in mmaction2's format."""
    rows = (f"{id} {frames} {label}\n" if listing.kind == "rawframes" else f"{id} {label}\n" for id, frames, label in kept.good())
    write_whole(listing.list_file, lambda file: file.writelines(row.encode() for row in rows))
