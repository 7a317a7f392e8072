"""Which videos a localiser is judged on: a list found or made, their true segments, and the digests of their features."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.datasets import choice, survey
from tools.datasets.listing import OWN, Listing
from tools.datasets.lists import at_equal_distances
from tools.datasets.mini import videos as mini
from tools.datasets.survey import Shortfall
from tools.localisation.activitynet import Subset, Video, check_features, read_videos
from tools.media.decode import Clip
from tools.spec.digest import digest
from tools.spec.model import LocaliserSpec
from tools.storage.context import Context


@dataclass(frozen=True, slots=True)
class VideoSet:
    """What a run is judged on; *digest* stands for the features' bytes and the true segments.

    shortfall: what the data set lacks, if it is not complete.
    """

    source: Path
    videos: tuple[Video, ...]
    sha256: tuple[str, ...]
    shortfall: Shortfall | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(video.name for video in self.videos)

    @property
    def digest(self) -> str:
        return digest([[video.name, video.duration_s, video.segments, sha] for video, sha in zip(self.videos, self.sha256, strict=True)])


def video_set(context: Context[LocaliserSpec]) -> VideoSet:
    """The videos of a run with the digests of their features; checked by a child process if that is not known of them.

    Of the full data set those whose features can be used, and what it lacks; of a list of one's own all.

    Raises:
        DataError: naming the row or the file that is wrong; OptionError: there is no full data set.
    """
    if choice.chosen(context) == "full":
        rows = listing(context)
        videos = read(rows.source, context)
    else:
        source, videos = listed(context)
        rows = _required(source, videos)
    found = survey.resolve(rows, context)
    digests = {clip.id: clip.sha256 for clip in found.clips}
    good = tuple(video for video in videos if video.name in digests)
    return VideoSet(rows.source, good, tuple(digests[video.name] for video in good), found.shortfall)


def listing(context: Context[LocaliserSpec]) -> Listing:
    """The validation videos of the full data set as rows that can be checked.

    Raises:
        OptionError: there is no list.
    """
    source, spec = choice.required_list(context), context.spec
    return Listing(spec.dataset, source, source, source.parent / spec.features_folder, "features", spec.clips,
                   partial(_rows, read(source, context)), at_equal_distances)


def _required(source: Path, videos: tuple[Video, ...]) -> Listing:
    """The same of the mini set, or of a list of one's own: every video must have features.

    Raises:
        DataError: naming the first that has none.
    """
    check_features(videos)
    return Listing(OWN, source, source, videos[0].features.parent, "features", 0, partial(_rows, videos), required=True,
                   title=f"the features of {len(videos)} videos")


def _rows(videos: tuple[Video, ...]) -> Iterator[Clip]:
    return (Clip(video.name, video.features, 0, listed=video.listed) for video in videos)


def listed(context: Context[LocaliserSpec]) -> tuple[Path, tuple[Video, ...]]:
    """The list's file and its validation videos, cut to `--clips` at equal distances."""
    source = _list_file(context)
    return source, at_equal_distances(read(source, context), context.settings.clips)


def read(source: Path, context: Context[LocaliserSpec], subset: Subset = "validation") -> tuple[Video, ...]:
    """The videos of a subset of the list *source*; annotations and features lie beside it, or below
    `--data-root` for a list of one's own.
    """
    root, spec = context.settings.data_root, context.spec
    own = root and choice.chosen(context) not in ("mini", "full")
    home = Path(root) if own else source.parent
    return read_videos(home / spec.annotations, source, home / spec.features_folder, subset)


def _list_file(context: Context[LocaliserSpec]) -> Path:
    name = choice.chosen(context)
    if name == "mini":
        return mini.stage(context.spec).find_or_run(context).file(context.spec.list_file)
    return choice.required_list(context) if name == "full" else Path(name)
