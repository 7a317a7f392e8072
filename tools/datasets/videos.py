"""Which videos a localiser is judged on: a list found or made, their true segments, and the digests of their features."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tools.datasets import clips, survey
from tools.datasets.listing import Listing
from tools.datasets.manifest import Shortfall
from tools.datasets.mini import videos as minivideos
from tools.errors import OptionError
from tools.localisation.activitynet import Subset, Video, check_features, read_videos
from tools.localisation.snippet_features import read_features
from tools.machine import child, events
from tools.machine.files import sha256
from tools.media.decode import Clip
from tools.spec.digest import digest
from tools.spec.model import LocaliserSpec
from tools.spec.settings import Settings
from tools.storage import stages
from tools.storage.entries import Facts, Key
from tools.storage.stages import parse
from tools.storage.store import Store

FILE = "sha256.json"
T = TypeVar("T")


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


def resolve(settings: Settings, spec: LocaliserSpec, on_event: child.OnEvent) -> VideoSet:
    """The videos of a run with the digests of their features; read and checked by a child process if not stored.

    Raises:
        DataError: naming the row or the file that is wrong; OptionError: there is no full data set.
    """
    if clips.source(settings, spec) == "full":
        return _full(settings, spec, on_event)
    source, videos = listed(settings, spec, on_event)
    entry = stages.find_or_run(Store(settings.store), key(source, videos), "tools.datasets.videos", [spec.name, *settings.arguments()],
                              f"checking the features of {len(videos)} videos", on_event)
    return VideoSet(source, videos, tuple(json.loads(entry.file(FILE).read_text())))


def _full(settings: Settings, spec: LocaliserSpec, on_event: child.OnEvent) -> VideoSet:
    """Those videos of the full data set whose features can be used."""
    rows = listing(settings, spec)
    found = survey.resolve(rows, settings, on_event, at_equal_distances)
    digests = {clip.id: clip.sha256 for clip in found.clips}
    videos = tuple(video for video in read(rows.source, spec, settings) if video.name in digests)
    return VideoSet(rows.source, videos, tuple(digests[video.name] for video in videos), found.shortfall)


def listing(settings: Settings, spec: LocaliserSpec) -> Listing:
    """The validation videos of the full data set as rows that can be checked.

    Raises:
        OptionError: there is no list.
    """
    source = clips.required_list(settings, spec)
    videos = read(source, spec, settings)
    return Listing(spec.dataset, source, source, source.parent / spec.features_folder, "features", spec.clips,
                   lambda: (Clip(video.name, video.features, 0, listed=video.listed) for video in videos))


def at_equal_distances(rows: tuple[T, ...], count: int) -> tuple[T, ...]:
    """*count* of the rows, the same ones every time; all for 0."""
    count = min(count or len(rows), len(rows))
    return tuple(rows[number * len(rows) // count] for number in range(count))


def listed(settings: Settings, spec: LocaliserSpec, on_event: child.OnEvent) -> tuple[Path, tuple[Video, ...]]:
    """The list's file and its validation videos, cut to `--clips` at equal distances."""
    source = _list_file(settings, spec, on_event)
    return source, at_equal_distances(read(source, spec, settings), settings.clips)


def read(source: Path, spec: LocaliserSpec, settings: Settings, subset: Subset = "validation") -> tuple[Video, ...]:
    """The videos of a subset of the list *source*; annotations and features lie beside it, or below
    `--data-root` for a list of one's own.
    """
    own = settings.data_root and clips.source(settings, spec) not in ("mini", "full")
    home = Path(settings.data_root) if own else source.parent
    return read_videos(home / spec.annotations, source, home / spec.features_folder, subset)


def _list_file(settings: Settings, spec: LocaliserSpec, on_event: child.OnEvent) -> Path:
    chosen = clips.source(settings, spec)
    if chosen == "mini":
        return minivideos.resolve(settings, spec, on_event).file(spec.list_file)
    return clips.required_list(settings, spec) if chosen == "full" else Path(chosen)


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


def main() -> int:
    """Check the features of a localiser's run."""
    _, settings, spec = parse("videos", main.__doc__)
    if not isinstance(spec, LocaliserSpec):
        raise OptionError(f"{spec.name} is no localiser", remedy=f"python -m tools.data clips {spec.name}")
    source, videos = listed(settings, spec, events.forward)
    entry = Store(settings.store, events.say).build(key(source, videos), lambda folder: build(videos, folder))
    print(f"{len(videos)} videos of {source}: {entry.file(FILE)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
