"""The mini weights of a model: fitted to its mini data set, which is made first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tools.datasets import videos
from tools.datasets.lists import read_list
from tools.datasets.mini import clips as mini_clips
from tools.datasets.mini import videos as mini_videos
from tools.machine import versions
from tools.pytorch import mini_localiser, mini_recogniser
from tools.spec.digest import digest, spec_digest
from tools.spec.model import LocaliserSpec, ModelKind, ModelSpec, Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.elsewhere import missing_makers, require_makers
from tools.storage.entries import Entry, Facts, Key
from tools.storage.stages import Stage


@dataclass(frozen=True, slots=True)
class MiniStages:
    """How one kind of model gets mini data and mini weights."""

    data: Callable[[Any], Stage]
    fit: Callable[[Context[Any], Path, Path], Facts]


def weights(context: Context[Spec]) -> Entry:
    """The mini weights of a run's model, fitted by a child process if the store has none.

    Only then is the mini data set looked at, which has thousands of files.
    """
    spec = context.spec
    found = context.store.find(key(spec, data(spec).key))
    if found:
        return found
    dataset = _data(context)
    quiet = Context(context.settings, spec)  # without on_event, which cannot travel to the child process
    fitting = Stage(key(spec, dataset.key), "fitting the mini weights", partial(_KINDS[spec.kind].fit, quiet, dataset.folder),
                    takes="one to two minutes for a full-size network")
    return fitting.find_or_run(context)


def data(spec: Spec) -> Stage:
    """The mini data set of a model."""
    return _KINDS[spec.kind].data(spec)


def key(spec: Spec, data_key: Key) -> Key:
    """The key of the weights that are fitted to this mini data set."""
    beside = dict.fromkeys(package for network in spec.networks for package in network.packages)
    shaped_by = (("spec", spec_digest(spec)), ("mini", digest(asdict(spec.mini))),
                 ("data", data_key.digest), *versions.of("torch", "mmaction2", "mmcv-lite", "mmengine", *beside),
                 code.part(_KINDS[spec.kind].fit))
    return Key("weights", f"{spec.name}-mini", shaped_by)


def _data(context: Context[Spec]) -> Entry:
    """The mini data set that the mini weights are fitted to.

    It is not made where the weights cannot be: clips encoded here would be used in place of those that belong
    to imported weights.
    """
    wanted = data(context.spec)
    fitted = key(context.spec, wanted.key)
    if missing_makers(fitted) and context.store.find(wanted.key) is None:
        require_makers(context.settings.store, fitted, "fitting the mini weights", context.spec.name)
    return wanted.find_or_run(context)


def _fit_recogniser(context: Context[ModelSpec], dataset: Path, folder: Path) -> Facts:
    return mini_recogniser.build(context.spec, read_list(dataset / mini_clips.TRAIN_LIST, dataset, context.spec.classes).clips, folder)


def _fit_localiser(context: Context[LocaliserSpec], dataset: Path, folder: Path) -> Facts:
    return mini_localiser.build(context.spec, videos.read(dataset / context.spec.list_file, context, "training"), folder)


_KINDS: Mapping[ModelKind, MiniStages] = {
    "recogniser": MiniStages(mini_clips.stage, _fit_recogniser),
    "localiser": MiniStages(mini_videos.stage, _fit_localiser),
}
