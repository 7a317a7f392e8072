"""A recogniser's clips, how each becomes its input, and torch's scores of them."""

from __future__ import annotations

from pathlib import Path

from tools.datasets.clips import ClipSet, clip_set
from tools.deployment.weights import Weights
from tools.errors import OptionError
from tools.measuring import adoption, reference, reference_graph, reference_inputs
from tools.measuring.inputs import TorchInputs
from tools.measuring.predictions import FILE, Predictions, load
from tools.media.batches import Feed
from tools.media.decode import Clip, sampled_frames
from tools.media.preprocess import Floats, crops, normalise
from tools.pytorch import run
from tools.spec.given import reference_name
from tools.spec.model import ListFormat, ModelSpec, Network
from tools.storage.context import Context
from tools.storage.shards import Span
from tools.storage.stages import Stage


def dataset(context: Context[ModelSpec], checkpoints: tuple[Weights, ...]) -> ClipSet:
    """The clips of a run, labelled with classes of its checkpoint."""
    return clip_set(context, checkpoints[0].network.output.shape[0])


def feed(clips: ClipSet, spec: ModelSpec, network: Network | None = None, before: Predictions | None = None) -> Feed:
    """Each clip as the input of the only network."""
    return Feed(tuple(clip.id for clip in clips.clips), spec.network.input.shape,
                lambda number, row: fill(clips.clips[number], clips.format, spec, row))


def fill(clip: Clip, kind: ListFormat, spec: ModelSpec, out: Floats) -> None:
    """Decode, sample and preprocess one clip into *out*, the network's input for it."""
    normalise(crops(sampled_frames(clip, kind, spec.sampling), spec.preprocess), spec.preprocess, out)


def finish(clips: ClipSet, spec: ModelSpec, before: Predictions | None, scores: Predictions, folder: Path) -> None:
    """Do nothing: the scores are the answer."""


def torch_reference(context: Context[ModelSpec], checkpoints: tuple[Weights, ...], clips: ClipSet) -> Predictions | None:
    """Torch's scores, stored or made by a child process; None if that would take too long unasked.

    Of a model that is an ONNX file alone they are ONNX Runtime's.
    """
    few = len(clips.clips) <= reference.IMPLICIT_REFERENCE
    wanted = _stage(context, checkpoints[0], clips, asked=few)
    scores = reference.stored(context, wanted.key, clips)
    if scores is not None:
        return scores
    found = adoption.found_or_made(context, wanted, few=few)
    return load(found.file(FILE)) if found else None


def _stage(context: Context[ModelSpec], checkpoint: Weights, clips: ClipSet, device: str = "auto", *, asked: bool = True) -> Stage:
    if checkpoint.network.graph:
        return reference_graph.stage(context, checkpoint, clips, asked=asked)
    return reference.stage(context, checkpoint, clips, device, asked=asked)


def score_span(spec: ModelSpec, checkpoint: Weights, clips: ClipSet, device: str, span: Span, folder: Path) -> Path:
    """Score a part of the reference, by torch, or by ONNX Runtime where the model is an ONNX file alone.

    The file lies in *folder* as `reference.score_span` leaves it.
    """
    if checkpoint.network.graph:
        return reference_graph.score_span(spec, checkpoint, clips, span, folder)
    return reference.score_span(spec, checkpoint, clips, device, span, folder)


def torch_inputs(context: Context[ModelSpec], clips: ClipSet) -> TorchInputs:
    """Digests of what torch's pipeline makes of a few clips, stored or made by a child process."""
    return reference_inputs.find_or_make(context, reference_inputs.of_clips(context, clips))


def require_torch_device(context: Context[ModelSpec], device: str) -> None:
    """Raise an OptionError unless torch sees *device* here, or ONNX Runtime's CPU is meant."""
    if context.spec.network.graph:
        if device not in ("auto", "cpu"):
            raise OptionError(f"the reference of {context.spec.name} is ONNX Runtime on the CPU, and torch runs no network of it",
                              where="--torch-device", remedy="leave it out")
    elif device != "auto":
        run.torch_device(device)


def make_reference(context: Context[ModelSpec], checkpoints: tuple[Weights, ...], clips: ClipSet, device: str) -> str:
    """Run torch in this process unless the store has its scores; a sentence that says where they are."""
    reference_inputs.of_clips(context, clips).make(context)
    wanted = _stage(context, checkpoints[0], clips, device)
    name = reference_name(context.spec)
    if context.store.find(wanted.key) is None and (among := reference.superset(context.store, wanted.key, clips, name)):
        return among.sentence
    made = wanted.make(context)
    facts = made.facts
    by = facts[reference_graph.FACT] if context.spec.network.graph else f"torch on {facts['torch_device']}"
    return f"top-1 {facts['top1']:.4f} on {facts['clips']} clips, {by}: {made.file(FILE)}"
