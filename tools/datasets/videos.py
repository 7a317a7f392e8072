"""Which videos a localiser is judged on: a list found or made, their true segments, and the digests of their features."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools.datasets import choice, survey
from tools.datasets.listing import Listing
from tools.datasets.lists import at_equal_distances
from tools.datasets.manifest import Shortfall
from tools.datasets.mini import videos as mini
from tools.localisation.activitynet import Subset, Video, check_features, read_videos
from tools.localisation.snippet_features import read_features
from tools.machine import events
from tools.machine.files import sha256
from tools.media.decode import Clip
from tools.spec.digest import digest
from tools.spec.model import LocaliserSpec
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

FILE = "sha256.json"


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
    """The videos of a run with the digests of their features; read and checked by a child process if not stored.

    Raises:
        DataError: naming the row or the file that is wrong; OptionError: there is no full data set.
    """
    if choice.chosen(context) == "full":
        return _full(context)
    source, videos = listed(context)
    entry = stage(source, videos).find_or_run(context)
    return VideoSet(source, videos, tuple(json.loads(entry.file(FILE).read_text())))


def _full(context: Context[LocaliserSpec]) -> VideoSet:
    """Those videos of the full data set whose features can be used."""
    rows = listing(context)
    found = survey.resolve(rows, context)
    digests = {clip.id: clip.sha256 for clip in found.clips}
    videos = tuple(video for video in read(rows.source, context) if video.name in digests)
    return VideoSet(rows.source, videos, tuple(digests[video.name] for video in videos), found.shortfall)


def listing(context: Context[LocaliserSpec]) -> Listing:
    """The validation videos of the full data set as rows that can be checked.

    Raises:
        OptionError: there is no list.
    """
    source, spec = choice.required_list(context), context.spec
    return Listing(spec.dataset, source, source, source.parent / spec.features_folder, "features", spec.clips,
                   partial(_rows, read(source, context)), at_equal_distances)


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


def stage(source: Path, videos: tuple[Video, ...]) -> Stage:
    """The digests of the features of these videos of a list."""
    return Stage(key(source, videos), f"checking the features of {len(videos)} videos", partial(build, videos))


def key(source: Path, videos: tuple[Video, ...]) -> Key:
    """Checked features are found again by the size and time of every file.

    Raises:
        DataError: naming the first video without features.
    """
    check_features(videos)
    stats = [(video.features, video.features.stat()) for video in videos]
    return Key("features", source.stem, (("files", digest([[str(path), stat.st_size, stat.st_mtime_ns] for path, stat in stats])),))


def build(videos: tuple[Video, ...], folder: Path) -> Facts:
    """Read every feature file once, on all cores, and write the digests of their bytes."""
    from concurrent.futures import ProcessPoolExecutor

    found = []
    with ProcessPoolExecutor(initializer=events.die_with_parent) as pool:
        for sha in pool.map(_check, [video.features for video in videos], chunksize=8):
            found.append(sha)
            events.progress("checking features", len(found), len(videos))
    (folder / FILE).write_text(json.dumps(found, indent=0))
    return {"videos": len(videos)}


def _check(path: Path) -> str:
    read_features(path)
    return sha256(path)
