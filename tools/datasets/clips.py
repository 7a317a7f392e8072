"""Which clips a recogniser is judged on: a list found or made, cut to a subset, and every clip checked."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.datasets import choice, manifest, survey
from tools.datasets.lists import ClipList, balanced, read_list
from tools.datasets.manifest import ClipSet
from tools.datasets.mini import clips as mini
from tools.spec.model import ModelSpec
from tools.storage.context import Context
from tools.storage.stages import Stage


def clip_set(context: Context[ModelSpec], classes: int) -> ClipSet:
    """The clips of a run with their digests and frame counts; made or checked by a child process if not stored.

    Of a full data set those that can be used, and what it lacks; of a list of one's own all.

    Raises:
        DataError: naming the list line or the clip that is wrong; OptionError: there is no full data set.
    """
    if choice.chosen(context) == "full":
        rows = choice.required_listing(context, classes)
        found = survey.resolve(rows, context)
        assert rows.kind != "features"
        return ClipSet(rows.source, rows.kind, found.clips, found.shortfall)
    listed = clip_list(context, classes)
    return manifest.read(listed, stage(listed).find_or_run(context).file(manifest.FILE))


def stage(listed: ClipList) -> Stage:
    """The manifest of a list: every clip with its digest and its frames."""
    return Stage(manifest.key(listed), f"checking {len(listed.clips)} clips", partial(manifest.build, listed))


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
