"""Which clips a run is judged on: a list found or made, cut to a subset, and its manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tools.datasets import listing, manifest, splits, survey
from tools.datasets.listing import Listing
from tools.datasets.lists import ClipList, balanced, read_list
from tools.datasets.manifest import Manifest
from tools.datasets.mini import clips
from tools.errors import OptionError
from tools.machine import child
from tools.spec.model import ModelSpec, Spec
from tools.spec.settings import Settings
from tools.storage import stages
from tools.storage.store import Store

CLIPS = "clips"  # the stage that checks a list of one's own


def source(settings: Settings, spec: Spec) -> str:
    """What `--data auto` means here: `full` where the list, or what it is made of, is found, else `mini`; other choices as they are."""
    if settings.data != "auto":
        return settings.data
    return "full" if settings.data_root and listing.exists(spec, Path(settings.data_root)) else "mini"


def full_list(settings: Settings, spec: Spec) -> Path:
    return Path(settings.data_root) / spec.dataset / spec.list_file


def required_list(settings: Settings, spec: Spec) -> Path:
    """The list of the full data set.

    Raises:
        OptionError: it is not there.
    """
    path = full_list(settings, spec)
    if not settings.data_root or not path.is_file():
        raise OptionError(f"--data full: the list of {spec.dataset} is not there", where=str(path),
                          remedy=f"give --data-root DIR with DIR/{spec.dataset}/{spec.list_file}{_or_splits(spec)}, or use --data mini")
    return path


def _or_splits(spec: Spec) -> str:
    made_of = splits.FILES.get(spec.dataset)
    return f" or what it is made of, annotations/{made_of[0]}" if made_of else ""


def required_listing(settings: Settings, spec: ModelSpec, classes: int) -> Listing:
    """The rows of the full data set, of its list or of the annotations it is made of.

    Raises:
        OptionError: neither is there.
    """
    found = listing.find(spec, Path(settings.data_root), classes) if settings.data_root else None
    if found is None:
        required_list(settings, spec)
        raise AssertionError("a list that is there was not found")
    return found


def word(settings: Settings, spec: Spec) -> str:
    """The data as rows and reports name them: mini, full, or the list's file name; a subset says its size."""
    chosen = source(settings, spec)
    name = chosen if chosen in ("mini", "full") else Path(chosen).name
    return f"{name}[{settings.clips}]" if settings.clips else name


def resolve(settings: Settings, spec: ModelSpec, classes: int, on_event: child.OnEvent) -> Manifest:
    """The clips of a run with their digests and frame counts; made or checked by a child process if not stored.

    Of a full data set those that can be used, and what it lacks; of a list of one's own all.

    Raises:
        DataError: naming the list line or the clip that is wrong; OptionError: there is no full data set.
    """
    if source(settings, spec) == "full":
        rows = required_listing(settings, spec, classes)
        found = survey.resolve(rows, settings, on_event)
        assert rows.kind != "features"
        return Manifest(rows.source, rows.kind, found.clips, found.shortfall)
    listed = clip_list(settings, spec, classes, on_event)
    entry = stages.find_or_run(Store(settings.store), manifest.key(listed), "tools.data",
                              [CLIPS, spec.name, str(classes), *settings.arguments()], f"checking {len(listed.clips)} clips", on_event)
    return manifest.read(listed, entry.file(manifest.FILE))


def clip_list(settings: Settings, spec: ModelSpec, classes: int, on_event: child.OnEvent) -> ClipList:
    """The mini list or one's own, read and cut to `--clips`."""
    path, root = _list_and_root(settings, spec, on_event)
    listed = read_list(path, root, classes)
    return replace(listed, clips=balanced(listed.clips, settings.clips))


def _list_and_root(settings: Settings, spec: ModelSpec, on_event: child.OnEvent) -> tuple[Path, Path]:
    chosen = source(settings, spec)
    if chosen == "mini":
        folder = clips.resolve(settings, spec, on_event).folder
        return folder / clips.list_name(spec.list_format), folder
    path = Path(chosen)
    return path, Path(settings.data_root) if settings.data_root else path.parent
