"""A clip as a recogniser's input: decode, sample, resize, crop, normalise."""

from __future__ import annotations

from tools.datasets.manifest import Manifest
from tools.media.batches import Source
from tools.media.decode import Clip, read_frames
from tools.media.preprocess import Floats, crops, frame_indices, normalise
from tools.spec.model import ListFormat, ModelSpec


def fill(clip: Clip, kind: ListFormat, spec: ModelSpec, out: Floats) -> None:
    """Decode, sample and preprocess one clip into *out*, the network's input for it."""
    frames = read_frames(clip, kind, frame_indices(clip.frames, spec.sampling))
    normalise(crops(frames, spec.preprocess), spec.preprocess, out)


def source(clips: Manifest, spec: ModelSpec) -> Source:
    """The clips as what a recogniser is run on."""
    return Source(tuple(clip.id for clip in clips.clips), spec.network.input.shape,
                  lambda number, row: fill(clips.clips[number], clips.format, spec, row))
