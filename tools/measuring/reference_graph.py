"""The reference of a model that is an ONNX file alone: ONNX Runtime, float32 on the CPU, nothing optimised.

As for torch, mmaction2's own pipeline feeds it, so that decoding and preprocessing are judged. What the graph
takes and gives is read as for the measured side (`engines.fit`, `scales`): nothing else knows it. So on the
CPU, where ONNX Runtime measures as well, the network is compared with itself, and no verdict on it is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tools.datasets.clips import ClipSet
from tools.deployment import own_graph
from tools.deployment.weights import Weights
from tools.engines import cpu
from tools.machine import versions
from tools.measuring import reference
from tools.measuring.adoption import Earlier
from tools.measuring.reference import Runner
from tools.measuring.scales import Scales
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import frames, pipeline
from tools.spec.digest import spec_digest
from tools.spec.given import reference_name
from tools.spec.model import ModelSpec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.shards import Span
from tools.storage.stages import Stage

FACT = "computed_by"


def stage(context: Context[ModelSpec], checkpoint: Weights, clips: ClipSet, *, asked: bool = True) -> Stage:
    """The graph's scores of these clips; the rest as for torch's."""
    wanted, store = key(context.spec, checkpoint, clips), context.store
    made = store.by_other_code(wanted)
    return Stage(wanted, f"running {checkpoint.path.name} in ONNX Runtime as the reference on {len(clips.clips)} clips",
                 partial(build, context.spec, checkpoint, clips, store.unfinished(wanted), earlier=Earlier(made, asked) if made else None))


def key(spec: ModelSpec, checkpoint: Weights, clips: ClipSet) -> Key:
    """The key of the graph's scores of these clips: its files, how it is read, and what feeds and runs it."""
    decoder = frames.decoder() if clips.format == "videos" else ()
    return Key("reference", spec.name, (
        ("weights", checkpoint.sha256), ("read as", str(own_graph.asked(spec, checkpoint.network))), ("spec", spec_digest(spec)),
        ("clips", clips.digest), *versions.public("torch", "mmaction2", "mmcv-lite", "mmengine", "opencv-python-headless", "onnxruntime"),
        *decoder, code.part(build)))


def build(spec: ModelSpec, checkpoint: Weights, clips: ClipSet, shards: Path, folder: Path, *,
          earlier: Earlier | None = None) -> Facts:
    """Let ONNX Runtime score every clip and save the scores in *folder*.

    Raises:
        ReferenceRunError: scores are not finite. EngineError: ONNX Runtime cannot run the graph.
    """
    return reference.made(spec, clips, _runner(spec, checkpoint, clips), shards, folder, earlier=earlier)


def score_span(spec: ModelSpec, checkpoint: Weights, clips: ClipSet, span: Span, folder: Path) -> Path:
    """Let ONNX Runtime score the clips of *span* alone; the rest as for torch's reference."""
    return reference.kept_span(clips, _runner(spec, checkpoint, clips), span, folder)


def _runner(spec: ModelSpec, checkpoint: Weights, clips: ClipSet) -> Runner:
    [(_, version)] = versions.of("onnxruntime")
    label = f"ONNX Runtime {version}, float32 on the CPU, one thread, no optimisations"
    return Runner(scorer(spec, checkpoint, clips), label, FACT, reference_name(spec))


def scorer(spec: ModelSpec, checkpoint: Weights, clips: ClipSet) -> reference.Score:
    """What gives the scores of chosen ones of *clips*, in batches of the graph's size, the last filled up."""
    asked = own_graph.asked(spec, checkpoint.network)
    engine = cpu.plain(checkpoint.path, checkpoint.network, asked)
    checkpoint.require_unchanged()
    size = engine.fit.taken[0]
    scales = Scales(size, checkpoint.network.softmax, asked.output)

    def score(chosen: Sequence[Clip]) -> Iterator[Floats]:
        load = pipeline.clip_loader(spec, clips.format)
        for first in range(0, len(chosen), size):
            few = chosen[first : first + size]
            inputs = [load(clip) for clip in few]
            scores = scales.of(engine.infer(np.stack([*inputs, *inputs[-1:] * (size - len(few))])))[: len(few)]
            reference.require_finite(scores, tuple(clip.id for clip in few), str(checkpoint.path), reference_name(spec))
            yield scores

    return score
