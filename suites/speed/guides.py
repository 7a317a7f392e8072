"""The guides' way from a clip to its input: mmaction2's pipeline with decord, which seeks in a video.

The torch side of the harness reads videos in order instead. That is slower: beside it our speed would look
better than it is.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import pipeline
from tools.spec.model import ListFormat, ModelSpec

APART = 4  # of a pixel's 255 levels: swscale's quick conversion to RGB, which decord uses, is up to 3 off its exact one


def clip_loader(spec: ModelSpec, kind: ListFormat) -> Callable[[Clip], Floats]:
    """The guides' transforms and mmaction2's normalisation as one call."""
    steps = [{"type": "DecordInit"}, pipeline.sampler(spec.sampling), {"type": "DecordDecode"}, *pipeline.after_decoding(spec)]
    return pipeline.loader(pipeline.pipeline_steps(spec, kind) if kind == "rawframes" else steps, spec, kind)


def tolerance(spec: ModelSpec, kind: ListFormat) -> float:
    """By how much an input of the guides' may differ from ours: videos become RGB by other rounding."""
    return APART / min(spec.preprocess.deviation) if kind == "videos" else 0.0
