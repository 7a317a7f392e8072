"""mmaction2's own test pipeline, from a clip's file to the network's input: ours is compared with it.

Only a video's frames come to it another way than mmaction2's: in order, see `frames`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from tools.media.decode import FRAME_NAME, Clip
from tools.media.preprocess import Floats
from tools.pytorch.frames import count_in_order, read_in_order
from tools.pytorch.networks import import_mmaction
from tools.spec.model import ListFormat, ModelSpec, Sampling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Step = Callable[..., object] | Mapping[str, object]


def clip_loader(spec: ModelSpec, kind: ListFormat) -> Callable[[Clip], Floats]:
    """mmaction2's test pipeline and normalisation as one call, from a clip to the network's float32 input."""
    return loader(pipeline_steps(spec, kind), spec, kind)


def loader(steps: Sequence[Step], spec: ModelSpec, kind: ListFormat) -> Callable[[Clip], Floats]:
    """These steps of a pipeline, and mmaction2's normalisation after them, as one call."""
    import_mmaction()
    import numpy as np
    import torch
    from mmaction.models import ActionDataPreprocessor
    from mmengine.dataset import Compose

    how = spec.preprocess
    pipeline = Compose(steps)
    normaliser = ActionDataPreprocessor(mean=list(how.mean), std=list(how.deviation), format_shape=how.layout)

    def load(clip: Clip) -> Floats:
        packed = pipeline(row(clip, kind))
        with torch.inference_mode():
            normal = normaliser({"inputs": [packed["inputs"]], "data_samples": [packed["data_samples"]]})["inputs"]
        return np.asarray(normal[0].numpy(), np.float32)

    return load


def row(clip: Clip, kind: ListFormat) -> dict[str, object]:
    """What mmaction2's data set makes of a list's line; our count of a video's frames is no part of it."""
    if kind == "rawframes":
        return {"frame_dir": str(clip.path), "filename_tmpl": FRAME_NAME, "modality": "RGB", "total_frames": clip.frames,
                "start_index": 1, "label": clip.label}
    return {"filename": str(clip.path), "modality": "RGB", "start_index": 0, "label": clip.label}


def pipeline_steps(spec: ModelSpec, kind: ListFormat) -> list[Step]:
    """The transforms from file to packed uint8 crops, with the guides' choice of frames."""
    choice = sampler(spec.sampling)
    if kind == "rawframes":
        return [choice, {"type": "RawFrameDecode"}, *after_decoding(spec)]
    return [count_in_order, choice, read_in_order, *after_decoding(spec)]


def after_decoding(spec: ModelSpec) -> list[Step]:
    """mmaction2's transforms from decoded frames to packed uint8 crops."""
    how = spec.preprocess
    crop = {"centre": "CenterCrop", "three": "ThreeCrop"}[how.views]
    return [{"type": "Resize", "scale": (-1, how.short_side)}, {"type": crop, "crop_size": how.crop},
            {"type": "FormatShape", "input_format": how.layout}, {"type": "PackActionInputs"}]


def sampler(how: Sampling) -> Callable[..., object]:
    """mmaction2's SampleFrames in test mode, with the rule of 0.x that 1.x changed for clip_len > 1."""
    import numpy as np
    from mmaction.datasets.transforms import SampleFrames

    class SampleFrames0x(SampleFrames):  # type: ignore[misc]
        def _get_ori_clip_len(self, fps_scale_ratio: float) -> int:
            return how.clip_len * how.interval

        def _get_test_clips(self, num_frames: int, ori_clip_len: int) -> NDArray[np.int64]:
            interval = (num_frames - ori_clip_len + 1) / float(how.clips)
            if num_frames <= ori_clip_len - 1:
                return np.zeros(how.clips, np.int64)
            return (np.arange(how.clips) * interval + interval / 2.0).astype(np.int64)

    return SampleFrames0x(how.clip_len, how.interval, how.clips, test_mode=True)
