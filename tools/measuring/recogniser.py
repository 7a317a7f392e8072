"""A recogniser's clips, how each becomes its input, and torch's scores of them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tools.datasets.clips import ClipSet, clip_set
from tools.deployment.weights import Weights
from tools.measuring import reference
from tools.measuring.predictions import FILE, Predictions
from tools.media.batches import Feed
from tools.media.decode import Clip, read_frames
from tools.media.preprocess import Floats, crops, frame_indices, normalise
from tools.pytorch import run
from tools.spec.model import ListFormat, ModelSpec, Network
from tools.storage.context import Context


def dataset(context: Context[ModelSpec], checkpoints: tuple[Weights, ...]) -> ClipSet:
    """The clips of a run, labelled with classes of its checkpoint."""
    return clip_set(context, checkpoints[0].network.output.shape[0])


def feed(clips: ClipSet, spec: ModelSpec, network: Network | None = None, before: Predictions | None = None) -> Feed:
    """The clips as what the network is fed; nothing comes before it."""
    return Feed(tuple(clip.id for clip in clips.clips), spec.network.input.shape, partial(_fill, clips, spec))


def _fill(clips: ClipSet, spec: ModelSpec, number: int, row: Floats) -> None:
    fill(clips.clips[number], clips.format, spec, row)


def fill(clip: Clip, kind: ListFormat, spec: ModelSpec, out: Floats) -> None:
    """Decode, sample and preprocess one clip into *out*, the network's input for it."""
    frames = read_frames(clip, kind, frame_indices(clip.frames, spec.sampling))
    normalise(crops(frames, spec.preprocess), spec.preprocess, out)


def finish(clips: ClipSet, spec: ModelSpec, before: Predictions | None, scores: Predictions, folder: Path) -> None:
    """The scores are the answer as they are."""


def torch_reference(context: Context[ModelSpec], checkpoints: tuple[Weights, ...], clips: ClipSet) -> Predictions | None:
    """Torch's scores of the clips; None if they are too many to be computed unasked."""
    return reference.scores(context, checkpoints[0], clips)


def require_torch_device(context: Context[ModelSpec], device: str) -> None:
    """Check that torch sees *device* here.

    Raises:
        OptionError: it does not.
    """
    if device != "auto":
        run.torch_device(device)


def make_reference(context: Context[ModelSpec], checkpoints: tuple[Weights, ...], clips: ClipSet, device: str) -> str:
    """Have torch score the clips in this process if the store has no scores of them; where they are, in a sentence."""
    wanted = reference.stage(context, checkpoints[0], clips, device)
    if context.store.find(wanted.key) is None and (among := reference.superset(context.store, wanted.key, clips)):
        return among.sentence
    made = wanted.make(context)
    reference.forget_shards(context, wanted.key)
    facts = made.facts
    return f"top-1 {facts['top1']:.4f} on {facts['clips']} clips, torch on {facts['torch_device']}: {made.file(FILE)}"
