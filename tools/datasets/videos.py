"""Which videos a localiser is judged on: a list found or made, true segments, and digests of the features."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tools.datasets import choice, survey
from tools.datasets.examine import require_unchanged
from tools.datasets.listing import OWN, Listing
from tools.datasets.lists import at_equal_distances
from tools.datasets.mini import videos as mini
from tools.datasets.survey import Shortfall
from tools.errors import DataError
from tools.localisation.activitynet import Subset, Video, check_features, read_videos
from tools.localisation.feature_folder import read_folder
from tools.media.decode import Clip
from tools.spec.digest import digest
from tools.spec.model import LocaliserSpec
from tools.storage.context import Context


@dataclass(frozen=True, slots=True)
class VideoSet:
    """What a run is judged on; *digest* stands for the features' bytes and the true segments.

    features: the file of each video's features, as the check saw it.
    shortfall: what the data set lacks, if it is not complete.
    """

    videos: tuple[Video, ...]
    features: tuple[Clip, ...] = field(compare=False)
    shortfall: Shortfall | None = None

    def require_unchanged(self) -> None:
        """Check that the features of every video are as they were checked; a DataError names the video."""
        require_unchanged(self.features, "features")

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(video.name for video in self.videos)

    @property
    def digest(self) -> str:
        return digest([[video.name, video.duration_s, video.segments, file.sha256]
                       for video, file in zip(self.videos, self.features, strict=True)])


def video_set(context: Context[LocaliserSpec]) -> VideoSet:
    """The videos of a run with the digests of their features; a child process checks what is new or changed.

    A list or folder of your own is used whole, a full data set as far as features are good.
    The set says what it lacks.

    Raises:
        DataError: naming the row or the file that is wrong; OptionError: there is no full data set.
    """
    path = _list_file(context)
    videos = read(path, context)
    if choice.chosen(context) == "full":
        rows = _listing(context.spec.dataset, path, videos, context.spec.clips)
    else:
        videos = at_equal_distances(videos, context.settings.clips)
        check_features(videos)
        rows = _listing(OWN, path, videos, title=f"the features of {len(videos)} videos")
    usable = survey.usable(rows, context)
    files = {clip.id: clip for clip in usable.clips}
    good = tuple(video for video in videos if video.name in files)
    return VideoSet(good, tuple(files[video.name] for video in good), usable.shortfall)


def listing(context: Context[LocaliserSpec]) -> Listing:
    """The validation videos of the full data set as rows that can be checked.

    Raises:
        OptionError: there is no list.
    """
    path, spec = choice.required_list(context), context.spec
    return _listing(spec.dataset, path, read(path, context), spec.clips)


def _listing(dataset: str, path: Path, videos: tuple[Video, ...], complete: int = 0, title: str = "") -> Listing:
    rows = tuple(Clip(video.name, video.features, 0, listed=video.listed) for video in videos)
    return Listing(dataset, path, path, videos[0].features.parent, "features", complete, partial(iter, rows), title)


def listed(context: Context[LocaliserSpec]) -> tuple[Video, ...]:
    """The validation videos of the list, cut to `--clips` at equal distances."""
    return at_equal_distances(read(_list_file(context), context), context.settings.clips)


def read(path: Path, context: Context[LocaliserSpec], subset: Subset = "validation") -> tuple[Video, ...]:
    """The videos of a subset of the list *path*, or those that a folder *path* has features of.

    Annotations and features lie beside a list; those of a list of your own lie below `--data-root` if given.
    """
    root, spec = context.settings.data_root, context.spec
    if path.is_dir():
        home = _home_of(path, context)
        return read_folder(path, home / spec.annotations, home / spec.list_file)
    own = root and choice.chosen(context) not in ("mini", "full")
    home = Path(root) if own else path.parent
    return read_videos(home / spec.annotations, path, home / spec.features_folder, subset)


def _home_of(folder: Path, context: Context[LocaliserSpec]) -> Path:
    """Where list and annotations of a folder's videos are: below `--data-root`, in it or beside it."""
    root, spec = context.settings.data_root, context.spec
    places = dict.fromkeys([*([Path(root), Path(root) / spec.dataset] if root else []), folder, folder.parent])
    lacking = {place: [name for name in (spec.list_file, spec.annotations) if not (place / name).is_file()] for place in places}
    found = next((place for place, names in lacking.items() if not names), None)
    if found is None:
        raise DataError(f"a folder of features needs {spec.list_file} and {spec.annotations}, which say what its videos are: "
                        + "; ".join(f"{place} has no {' and no '.join(names)}" for place, names in lacking.items()), where=str(folder),
                        remedy="put both into the folder or beside it, or give --data-root DIR, where both are")
    return found


def _list_file(context: Context[LocaliserSpec]) -> Path:
    name = choice.chosen(context)
    if name == "mini":
        return mini.stage(context.spec).find_or_run(context).file(context.spec.list_file)
    return choice.required_list(context) if name == "full" else Path(name)
