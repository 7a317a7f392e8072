"""The torch reference of a list if the store has it: no torch is run, nothing fitted and no clip read."""

from __future__ import annotations

from dataclasses import dataclass

from tools.datasets import choice, clips, survey
from tools.datasets.clips import ClipSet
from tools.datasets.listing import of_list
from tools.datasets.lists import ClipList, balanced
from tools.deployment import mini, weights
from tools.deployment.origin import origin
from tools.deployment.weights import Weights
from tools.errors import ClipgateError, DataError
from tools.machine.files import sha256
from tools.measuring import reference, reference_graph
from tools.measuring.predictions import Predictions
from tools.spec.given import GRAPH
from tools.spec.model import ModelSpec
from tools.storage.context import Context


@dataclass(frozen=True, slots=True)
class StoredReference:
    """What torch scored: *clips* with the weights of *checkpoint*."""

    predictions: Predictions
    clips: ClipSet
    checkpoint: Weights


def listed(context: Context[ModelSpec], classes: int) -> ClipList | None:
    """The chosen list; None if it is the list of mini clips and nobody has made them yet."""
    chosen = choice.chosen(context)
    if chosen == "mini" and context.store.find(mini.data(context.spec).key) is None:
        return None
    if chosen == "full":
        rows = clips.full_listing(context, classes)
        return ClipList(rows.source, rows.root, context.spec.list_format, balanced(tuple(rows.rows()), context.settings.clips))
    return clips.clip_list(context, classes)


def find(context: Context[ModelSpec], clips_of: ClipList) -> StoredReference | None:
    """The reference of these clips and of `--weights`; None if part of it is missing or of other code."""
    checkpoint = _checkpoint(context)
    try:
        checked = _checked(context, clips_of)
    except DataError:  # a list travels without its clips
        return None
    if checkpoint is None or checked is None:
        return None
    graph = checkpoint.network.graph
    wanted = reference_graph.key(context.spec, checkpoint, checked) if graph else reference.key(context.spec, checkpoint, checked)
    scores = reference.stored(context, wanted, checked)
    return StoredReference(scores, checked, checkpoint) if scores is not None and not context.others else None


def _checked(context: Context[ModelSpec], clips_of: ClipList) -> ClipSet | None:
    """The clips with their digests, if all of them have been checked before."""
    full = choice.chosen(context) == "full"
    rows = clips.full_listing(context, context.spec.classes) if full else of_list(clips_of, context.spec.sampling)
    found = survey.usable_if_checked(rows, context.settings)
    return ClipSet(clips_of.format, found.clips) if found and len(found.clips) == len(clips_of.clips) else None


def _checkpoint(context: Context[ModelSpec]) -> Weights | None:
    """The weights of `--weights`, which are not checked: their digest is enough to find a reference."""
    try:
        word = origin(context)
        if word == "mini":
            return _mini(context)
        if word == GRAPH:
            return weights.checkpoints(context)[0]
        [path] = weights.given(context, word)
    except ClipgateError:  # nobody said which weights, or they are not on this machine
        return None
    return Weights(path, sha256(path), context.spec.network, word) if path.is_file() else None


def _mini(context: Context[ModelSpec]) -> Weights | None:
    made = context.store.find(mini.data(context.spec).key)
    fitted = context.store.find(mini.key(context.spec, made.key)) if made else None
    return weights.mini_weights(context.spec, fitted)[0] if fitted else None
