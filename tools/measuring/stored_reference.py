"""The torch reference of a list if it is in the store; torch is never run for it, nothing is fitted and no clip is read."""

from __future__ import annotations

from dataclasses import dataclass

from tools.datasets import clips as data
from tools.datasets import manifest, survey
from tools.datasets.lists import ClipList, balanced
from tools.datasets.manifest import Manifest
from tools.datasets.mini import clips as minidata
from tools.deployment import weights
from tools.deployment.weights import Weights
from tools.errors import ClipgateError, DataError
from tools.machine import events
from tools.machine.files import sha256
from tools.measuring import reference
from tools.measuring.predictions import FILE, Predictions, load
from tools.spec.model import ModelSpec
from tools.spec.settings import Settings
from tools.storage.store import Store


@dataclass(frozen=True, slots=True)
class StoredReference:
    """What torch scored: *clips* with the weights of *checkpoint*."""

    predictions: Predictions
    clips: Manifest
    checkpoint: Weights


def listed(settings: Settings, spec: ModelSpec, classes: int) -> ClipList | None:
    """The chosen list; None where it is that of mini clips which nobody has made yet."""
    if data.source(settings, spec) == "mini" and Store(settings.store).find(minidata.key(spec.mini)) is None:
        return None
    if data.source(settings, spec) == "full":
        rows = data.required_listing(settings, spec, classes)
        return ClipList(rows.source, spec.list_format, balanced(tuple(rows.rows()), settings.clips))
    return data.clip_list(settings, spec, classes, events.forward)


def find(settings: Settings, spec: ModelSpec, clips_of: ClipList) -> StoredReference | None:
    """The reference of these clips with the weights of *settings*; None where any part of it is not here."""
    store, checkpoint = Store(settings.store), _checkpoint(settings, spec)
    try:
        clips = _checked(settings, spec, clips_of)
    except DataError:  # a list travels without its clips
        return None
    if checkpoint is None or clips is None:
        return None
    wanted = reference.key(spec, checkpoint, clips)
    entry = store.find(wanted)
    rows = load(entry.file(FILE)) if entry else reference.of_superset(store, wanted, clips, events.say)
    return StoredReference(rows, clips, checkpoint) if rows else None


def _checked(settings: Settings, spec: ModelSpec, clips_of: ClipList) -> Manifest | None:
    """The clips with their digests, if all of them have been checked before."""
    if data.source(settings, spec) == "full":
        found = survey.known(data.required_listing(settings, spec, spec.classes), settings)
        return Manifest(clips_of.source, clips_of.format, found.clips) if found and len(found.clips) == len(clips_of.clips) else None
    known = Store(settings.store).find(manifest.key(clips_of))
    return manifest.read(clips_of, known.file(manifest.FILE)) if known else None


def _checkpoint(settings: Settings, spec: ModelSpec) -> Weights | None:
    """The weights that are meant, unchecked: a reference is found by their digest alone."""
    try:
        word = weights.origin(settings, spec)
        if word == "mini":
            return _mini(settings, spec)
        [path] = weights.given(settings, spec, word)
    except ClipgateError:  # nobody said whose weights, or they are not on this machine
        return None
    return Weights(path, sha256(path), spec.network, word) if path.is_file() else None


def _mini(settings: Settings, spec: ModelSpec) -> Weights | None:
    store = Store(settings.store)
    made = store.find(minidata.key(spec.mini))
    fitted = store.find(weights.mini_key(spec, made.key)) if made else None
    name = f"{spec.network.name}.pth"
    return Weights(fitted.file(name), fitted.files[name], spec.network, "mini") if fitted else None
