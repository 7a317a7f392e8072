"""Which clips a recogniser is judged on: a list found or made, cut to a subset, and every clip checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tools.datasets import choice, survey
from tools.datasets.examine import require_unchanged
from tools.datasets.listing import Listing, find, of_list
from tools.datasets.lists import ClipList, balanced, read_list
from tools.datasets.mini import clips as mini
from tools.datasets.survey import Shortfall
from tools.errors import OptionError
from tools.media.decode import Clip
from tools.spec.digest import digest
from tools.spec.model import ListFormat, ModelSpec
from tools.storage.context import Context


@dataclass(frozen=True, slots=True)
class ClipSet:
    """What a run is judged on: the clips with their digests; *digest* stands for all their bytes and labels.

    shortfall: what the data set lacks, if it is not complete.
    """

    format: ListFormat
    clips: tuple[Clip, ...]
    shortfall: Shortfall | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(clip.id for clip in self.clips)

    def part(self, first: int, end: int) -> ClipSet:
        """The clips from number *first* up to *end* alone."""
        return replace(self, clips=self.clips[first:end])

    def require_unchanged(self) -> None:
        """Check that the files of every clip are as they were at their check; a DataError names the clip."""
        require_unchanged(self.clips, self.format)

    @property
    def digest(self) -> str:
        return digest([self.format, [[clip.id, clip.label, clip.frames, clip.sha256] for clip in self.clips]])


def clip_set(context: Context[ModelSpec], classes: int) -> ClipSet:
    """The clips of a run with digests and frames; a child process checks what is new or changed.

    A list of your own is used whole, a full data set as far as clips are good; the set says what it lacks.

    Raises:
        DataError: naming the list line or the clip that is wrong; OptionError: there is no full data set.
    """
    rows = listing(context, classes)
    usable = survey.usable(rows, context)
    assert rows.kind != "features"
    return ClipSet(rows.kind, usable.clips, usable.shortfall)


def listing(context: Context[ModelSpec], classes: int) -> Listing:
    """The rows that are to be checked; errors as for `clip_set`."""
    if choice.chosen(context) == "full":
        return full_listing(context, classes)
    return of_list(clip_list(context, classes), context.spec.sampling)


def full_listing(context: Context[ModelSpec], classes: int) -> Listing:
    """The rows of a full data set, from its list or from the annotations that it can be made of.

    Raises:
        OptionError: neither is there.
    """
    root = context.settings.data_root
    rows = find(context.spec, Path(root), classes) if root else None
    if rows is None:
        raise choice.no_list(context)
    return rows


def clip_list(context: Context[ModelSpec], classes: int) -> ClipList:
    """The mini list, or a list of your own, read and cut to `--clips`.

    Raises:
        OptionError: it is a folder; DataError: naming the line that is wrong.
    """
    name, settings = choice.chosen(context), context.settings
    if name == "mini":
        root = mini.stage(context.spec).find_or_run(context).folder
        path = root / mini.list_name(context.spec.list_format)
    else:
        path = Path(name)
        if path.is_dir():
            raise OptionError(f"{context.spec.name} reads clips by a list, and this is a folder: {path}", where="--data",
                              remedy="give a list file, a line a clip; a folder holds features, for bsn")
        root = Path(settings.data_root) if settings.data_root else path.parent
    whole = read_list(path, root, classes)
    return replace(whole, clips=balanced(whole.clips, settings.clips))
