"""From a clip's file to the network's input, step by step beside mmaction2's own pipeline."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from tools.datasets.clips import ClipSet
from tools.errors import ReferenceRunError
from tools.locating import chain_localiser, theirs
from tools.locating.clips import FEW, part
from tools.locating.compared import Array, compared
from tools.locating.values import Chosen, Step
from tools.machine.reading import load_npz
from tools.measuring.launch import Found
from tools.measuring.recogniser import fill
from tools.media.decode import Clip, read_frames
from tools.media.preprocess import crops, frame_indices, normalise
from tools.pytorch import pipeline_steps
from tools.pytorch.pipeline_steps import CROPS, FRAMES, INDICES, INPUT, TOTAL
from tools.spec.model import LocaliserSpec, ModelSpec, Preprocess, Spec
from tools.storage.context import Context

PICTURES = ("frame", "row", "column", "channel")
VIEWS = ("view", *PICTURES)
INPUTS = {"NCHW": ("frame", "channel", "row", "column"), "NCTHW": ("view", "channel", "frame", "row", "column")}
EXACT = 1e-4  # within which values lie on a straight line


def steps(context: Context[Spec], found: Found, chosen: Chosen) -> tuple[Step, ...]:
    """The host's steps for the worst of these clips, ours beside mmaction2's.

    Each step is fed what mmaction2's step before it gives, so that what it shows is its own. The last one is
    the whole way, as cells go it.

    Raises:
        DataError: a clip is not there, has changed, or cannot be read.
    """
    ids = (chosen.worst or chosen.ids)[:FEW]
    lacking = theirs.lacking()
    if lacking:
        return (Step("mmaction2's steps", ids[0], None, f"not compared: {', '.join(lacking)} not installed"),)
    few = part(found.dataset, ids)
    few.require_unchanged()
    spec = context.spec
    if isinstance(spec, LocaliserSpec):
        return chain_localiser.steps(context.of(spec), found, ids)
    assert isinstance(few, ClipSet)
    return _of_clips(context.of(spec), few)


def _of_clips(context: Context[ModelSpec], few: ClipSet) -> tuple[Step, ...]:
    with tempfile.TemporaryDirectory() as folder:
        theirs.make(context, partial(pipeline_steps.save, context.spec, few.format, few.clips), Path(folder))
        made = [load_npz(Path(folder, f"{number}.npz"), ReferenceRunError, "what mmaction2 made") for number in range(len(few.clips))]
    return tuple(step for clip, one in zip(few.clips, made, strict=True) for step in _of_clip(clip, few, context.spec, one))


def _of_clip(clip: Clip, few: ClipSet, spec: ModelSpec, made: Mapping[str, Array]) -> list[Step]:
    """Every step of one clip, and the whole of them; *made*: what mmaction2's steps give."""
    how, axes = spec.preprocess, INPUTS[spec.preprocess.layout]
    normal, whole = (np.empty(spec.network.input.shape, np.float32) for _ in range(2))
    normalise(made[CROPS], how, normal)
    fill(clip, few.format, spec, whole)
    return [
        compared("frames chosen", clip.id, frame_indices(clip.frames, spec.sampling), made[INDICES], ("place",),
                 looks=lambda ours, theirs: _counted(clip.frames, int(made[TOTAL]))),
        compared("frames decoded", clip.id, read_frames(clip, few.format, made[INDICES]), made[FRAMES], PICTURES),
        compared("resized and cut", clip.id, crops(made[FRAMES], how), made[CROPS], VIEWS),
        compared("normalised", clip.id, normal, made[INPUT], axes, looks=partial(_constants, how)),
        replace(compared("the network's input", clip.id, whole, made[INPUT], axes), feeds=spec.network.name),
    ]


def _counted(ours: int, total: int) -> str:
    return "" if ours == total else f"of {ours:,} frames, where mmaction2 counts {total:,}"


def _constants(how: Preprocess, ours: Array, theirs: Array) -> str:
    """The mean and the deviation by which the values are ours, where other ones explain them."""
    found = []
    for channel, (mean, deviation) in enumerate(zip(how.mean, how.deviation, strict=True)):
        mine, other = ours[:, channel].ravel().astype(np.float64), theirs[:, channel].ravel().astype(np.float64)
        slope, offset = np.polyfit(other, mine, 1) if np.ptp(other) else (0.0, 0.0)
        if slope <= 0 or np.abs(mine - (slope * other + offset)).max() > EXACT:
            return ""
        found.append((mean - offset * deviation / slope, deviation / slope))
    return f"as with the mean {_listed(found, 0)} and the deviation {_listed(found, 1)}"


def _listed(found: list[tuple[float, float]], which: int) -> str:
    return ", ".join(f"{one[which]:.6g}" for one in found)
