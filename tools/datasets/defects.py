"""The words for clips that cannot be used: of a list of your own all of them, of a data set the first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tools.datasets.listing import Listing
from tools.errors import ClipgateError, DataError, revive
from tools.media.decode import ClipError


def unusable(listing: Listing, defects: Sequence[ClipError]) -> ClipgateError:
    """The error that names every clip of a required list that cannot be used: one run tells all of them."""
    if len(defects) == 1:
        return revive(*defects[0].parts)
    each = "".join(f"\n  {defect.what}: {defect.where}" for defect in defects)
    remedies = dict.fromkeys(str(defect.remedy) for defect in defects)
    return DataError(f"{len(defects)} clips cannot be used:{each}", where=str(listing.source), remedy="; or ".join(remedies))


def nothing_there(listing: Listing, defects: Collection[ClipError]) -> DataError:
    """The error for a data set of which no clip can be used."""
    videos = listing.list_file.parent / "videos"
    remedy = f"put the data set's files below {listing.root}, as {listing.source} names them"
    if listing.kind == "rawframes" and videos.is_dir():
        remedy = f"extract the frames of the videos: python -m tools.data rawframes --data-root {videos.parent.parent}"
    why, where = (first(defects).what, first(defects).where) if defects else ("the list names none", str(listing.source))
    return DataError(f"none of the {len(defects):,} clips of {listing.dataset} can be used: {why}", where=where, remedy=remedy)


def first(defects: Collection[ClipError]) -> ClipError:
    """The defect to name: the first clip that is missing, or the first defect if none is."""
    return min(defects, key=lambda defect: defect.word != "missing")
