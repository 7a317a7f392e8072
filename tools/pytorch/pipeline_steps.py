"""mmaction2's test pipeline one step after the other: what each makes of a clip, to compare ours with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.media.decode import Clip
from tools.pytorch.networks import import_mmaction
from tools.pytorch.pipeline import after_decoding, clip_loader, pipeline_steps, row
from tools.spec.model import ListFormat, ModelSpec

TOTAL, INDICES, FRAMES, CROPS, INPUT = "total", "indices", "frames", "crops", "input"
Made = Mapping[str, NDArray[Any]]


def save(spec: ModelSpec, kind: ListFormat, clips: Sequence[Clip], folder: Path) -> None:
    """Write what `maker` makes of the clips, by their numbers: 0.npz, 1.npz and so on."""
    make = maker(spec, kind)
    for number, clip in enumerate(clips):
        np.savez(folder / f"{number}.npz", allow_pickle=False, **make(clip))


def maker(spec: ModelSpec, kind: ListFormat) -> Callable[[Clip], Made]:
    """What mmaction2's steps make of a clip.

    total: how many frames it has. indices: the zero-based numbers of those that are chosen. frames
    [T,H,W,3] uint8 RGB. crops [views,T,crop,crop,3] uint8. input: the network's, float32.
    """
    import_mmaction()
    from mmengine.dataset import Compose

    transforms = Compose(pipeline_steps(spec, kind)).transforms
    decoded = len(transforms) - len(after_decoding(spec))
    resized_and_cut = decoded + 2
    load = clip_loader(spec, kind)

    def make(clip: Clip) -> Made:
        results: Any = row(clip, kind)
        for transform in transforms[:decoded]:
            results = transform(results)
        indices, total = np.ravel(results["frame_inds"]) - results["start_index"], results["total_frames"]
        frames = np.stack(results["imgs"])
        for transform in transforms[decoded:resized_and_cut]:
            results = transform(results)
        cut = np.stack(results["imgs"])
        return {TOTAL: np.array(total), INDICES: indices, FRAMES: frames,
                CROPS: cut.reshape(spec.preprocess.view_count, -1, *cut.shape[1:]), INPUT: load(clip)}

    return make
