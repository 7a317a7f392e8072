"""The words for clips that cannot be used: of a list of your own all of them, of a data set the first."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tools.datasets.listing import Listing
from tools.errors import ClipgateError, DataError, revive
from tools.localisation.snippet_features import NPY
from tools.media.decode import Clip, ClipError

FEW = 5  # videos that a summary names
ORIGIN = 'tools/localisation/README.md, "Where features come from", names what makes them'


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
    if listing.kind == "features":
        remedy = "; ".join([remedy, *_arrays_told(listing, [defect.clip for defect in defects]), ORIGIN])
    why, where = (first(defects).what, first(defects).where) if defects else ("the list names none", str(listing.source))
    return DataError(f"none of the {len(defects):,} clips of {listing.dataset} can be used: {why}", where=where, remedy=remedy)


def features_told(listing: Listing, defects: Collection[ClipError]) -> list[str]:
    """Lines on the videos of a list that have no features, or none that can be used; none if all are good."""
    lacking = [defect.clip for defect in defects if defect.word == "missing"]
    faults = [f"{defect.clip.id} {defect.detail}" for defect in defects if defect.word != "missing"]
    lines = []
    if lacking:
        lines.append(f"without a file in {listing.root}: {len(lacking):,}, {_few([clip.path.name for clip in lacking])}")
    lines += _arrays_told(listing, lacking)
    if faults:
        lines.append(f"with a file that cannot be used: {len(faults):,}, {_few(faults)}")
    return [*lines, f"to do: put their files there; {ORIGIN}"] if lines else []


def _arrays_told(listing: Listing, lacking: Collection[Clip]) -> list[str]:
    """Where arrays lie in the place of tables: the full data set is of CSV alone."""
    arrays = sum(clip.path.with_suffix(NPY).is_file() for clip in lacking)
    return [f"{arrays:,} of them have a {NPY} there, which --data {listing.root} takes"] if arrays else []


def _few(texts: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(texts) - FEW
    return "; ".join([*texts[:FEW], *([f"and {more:,} more"] if more > 0 else [])])


def first(defects: Collection[ClipError]) -> ClipError:
    """The defect to name: the first clip that is missing, or the first defect if none is."""
    return min(defects, key=lambda defect: defect.word != "missing")
