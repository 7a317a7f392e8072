"""Whether the chosen data are there and can be read as far as their lists tell; no clip is opened for it."""

from __future__ import annotations

from pathlib import Path
from sys import maxsize

from tools.datasets import choice, clips, videos
from tools.datasets.defects import nothing_there, unusable
from tools.datasets.examine import FilesKind, signature
from tools.datasets.listing import Listing
from tools.datasets.lists import at_equal_distances
from tools.localisation.activitynet import check_features
from tools.media.decode import Clip, ClipError, undecodable
from tools.spec.model import LocaliserSpec, Spec
from tools.storage.context import Context


def require_readable(context: Context[Spec], classes: int | None) -> None:
    """Check, before anything is built, that the data that a run is to be judged on are there.

    classes: labels have to be below it; None where nobody knows it before the weights are loaded. Mini data
    are made when they are needed, so there is nothing to check.

    Raises:
        OptionError, DataError: naming the list, the annotations, the line or the first file that is wrong.
    """
    name = choice.chosen(context)
    if name == "mini":
        return
    if isinstance(context.spec, LocaliserSpec):
        _require_videos(context.of(context.spec), own=name != "full")
        return
    listing = clips.listing(context.of(context.spec), maxsize if classes is None else classes)
    if classes is not None or listing.required:  # the class names of a data set say how many classes there are
        _require_files(listing)


def _require_videos(context: Context[LocaliserSpec], *, own: bool) -> None:
    """Check list and annotations, and that the features which must be there are."""
    if not own:
        _require_files(videos.listing(context))
        return
    check_features(at_equal_distances(videos.read(Path(choice.chosen(context)), context), context.settings.clips))


def _require_files(listing: Listing) -> None:
    """Check every line of a list, and that each required clip is there, or, of a data set, the folder of all.

    Annotations that stand for a list are read no further than their first clip: their rows look for files.
    """
    if listing.required:
        if absent := [error for clip in listing.rows() if (error := _absent(clip, listing.kind))]:
            raise unusable(listing, absent)
        return
    if not listing.root.is_dir():
        raise nothing_there(listing, [undecodable(clip, clip.path) for clip in listing.rows()])
    for _ in listing.rows():
        if not listing.is_list:
            return


def _absent(clip: Clip, kind: FilesKind) -> ClipError | None:
    """Why a clip cannot be there; the frames in a folder are not counted, which are hundreds a clip."""
    try:
        if kind != "rawframes":
            signature(clip, kind)
        elif not clip.path.is_dir():
            raise undecodable(clip, clip.path)
    except ClipError as error:
        return error
    return None
