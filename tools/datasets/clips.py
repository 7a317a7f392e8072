"""Which clips a recogniser is judged on: a list found or made, cut to a subset, and every clip checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tools.datasets import choice, survey
from tools.datasets.listing import Listing, of_list
from tools.datasets.lists import ClipList, balanced, read_list
from tools.datasets.mini import clips as mini
from tools.datasets.survey import Shortfall
from tools.media.decode import Clip
from tools.spec.digest import digest
from tools.spec.model import ListFormat, ModelSpec
from tools.storage.context import Context


@dataclass(frozen=True, slots=True)
class ClipSet:
    """What a run is judged on: the clips with their digests; *digest* stands for all their bytes and labels.

    shortfall: what the data set lacks, if it is not complete.
    """

    source: Path
    format: ListFormat
    clips: tuple[Clip, ...]
    shortfall: Shortfall | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(clip.id for clip in self.clips)

    @property
    def digest(self) -> str:
        return digest([self.format, [[clip.id, clip.label, clip.frames, clip.sha256] for clip in self.clips]])


def clip_set(context: Context[ModelSpec], classes: int) -> ClipSet:
    """The clips of a run with their digests and frame counts; checked by a child process if that is not known of them.

    Of a full data set those that can be used, and what it lacks; of a list of one's own all.

    Raises:
        DataError: naming the list line or the clip that is wrong; OptionError: there is no full data set.
    """
    rows = listing(context, classes)
    found = survey.resolve(rows, context)
    assert rows.kind != "features"
    return ClipSet(rows.source, rows.kind, found.clips, found.shortfall)


def listing(context: Context[ModelSpec], classes: int) -> Listing:
    """The rows that are to be checked; errors as for `clip_set`."""
    if choice.chosen(context) == "full":
        return choice.required_listing(context, classes)
    return of_list(clip_list(context, classes))


def clip_list(context: Context[ModelSpec], classes: int) -> ClipList:
    """The mini list or one's own, read and cut to `--clips`."""
    path, root = _list_and_root(context)
    listed = read_list(path, root, classes)
    return replace(listed, clips=balanced(listed.clips, context.settings.clips))


def _list_and_root(context: Context[ModelSpec]) -> tuple[Path, Path]:
    name = choice.chosen(context)
    if name == "mini":
        folder = mini.stage(context.spec).find_or_run(context).folder
        return folder / mini.list_name(context.spec.list_format), folder
    path = Path(name)
    return path, Path(context.settings.data_root) if context.settings.data_root else path.parent
