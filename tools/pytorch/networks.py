"""mmaction2's own networks, checkpoints and pipelines: what is exported, and what we are compared with."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tools.checkpoints import read_checkpoint
from tools.clips import Clip
from tools.decode import FRAME_NAME
from tools.errors import WeightsError
from tools.preprocess import Floats
from tools.spec import ListFormat, ModelSpec, Network, Sampling

if TYPE_CHECKING:
    import numpy as np
    from mmengine.config import ConfigDict
    from numpy.typing import NDArray
    from torch import Tensor, nn


def build_network(network: Network) -> nn.Module:
    """mmaction2's model for *network* with its own initialisation, in evaluation mode.

    Synchronised BatchNorm, which trains and is calibrated on GPUs alone, becomes the plain one: same weights.
    """
    import_mmaction()
    from mmaction.registry import MODELS
    from mmengine.model import revert_sync_batchnorm

    config = _model_config(network)
    if _classifies(config):
        config.cls_head.num_classes = network.output.shape[0]
    module: nn.Module = revert_sync_batchnorm(MODELS.build(config))
    return module.eval()


def class_count(state: Mapping[str, Tensor], path: Path) -> int:
    """Outputs of the classifier in a checkpoint, read from its head's weight."""
    weight = state.get("cls_head.fc_cls.weight")
    if weight is None:
        raise WeightsError("the checkpoint has no classifier 'cls_head.fc_cls.weight'", where=str(path),
                           remedy="give a whole recogniser, not only a backbone")
    return int(weight.shape[0])


def head_outputs(module: nn.Module) -> int:
    """Classes of a recogniser; 0 for a network without a classifier."""
    head = getattr(module, "cls_head", None)
    return 0 if head is None else int(head.fc_cls.weight.shape[0])


def load_network(network: Network, path: Path) -> nn.Module:
    """The network with the checkpoint's weights, every key and shape matched.

    Raises:
        WeightsError: naming the first missing, unexpected or misshapen keys.
    """
    state = read_checkpoint(path)
    if _classifies(_model_config(network)):
        network = network.with_outputs(class_count(state, path))
    module = build_network(network)
    own = module.state_dict()
    wrong = [f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
             for key in own if key in state and state[key].shape != own[key].shape]
    for name, keys in (("is missing", sorted(own.keys() - state.keys())),
                       ("has unknown", sorted(state.keys() - own.keys())), ("has misshapen", wrong)):
        if keys:
            raise WeightsError(f"the checkpoint {name} {len(keys)} of {len(own)} keys: {', '.join(keys[:3])}",
                               where=str(path), remedy=f"give weights of {network.config}")
    module.load_state_dict(state)
    return module


def deployed(network: Network, module: nn.Module) -> nn.Module:
    """The module that is exported and referred to: preprocessed input in, [B * rows, ...] out, softmax where the spec says."""
    import torch

    stage = {"stage": "head"} if hasattr(module, "cls_head") else {}

    class Deployed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = module

        def forward(self, video: Tensor) -> Tensor:
            scores: Tensor = self.network(video, **stage)
            return torch.softmax(scores, dim=1) if network.softmax else scores

    module.forward = module._forward  # type: ignore[assignment]
    return Deployed().eval()


def clip_loader(spec: ModelSpec, kind: ListFormat) -> Callable[[Clip], Floats]:
    """mmaction2's own test pipeline and normalisation as one call: clip -> the network's input, float32."""
    import_mmaction()
    import numpy as np
    import torch
    from mmaction.models import ActionDataPreprocessor
    from mmengine.dataset import Compose

    how = spec.preprocess
    pipeline = Compose(pipeline_steps(spec, kind))
    normaliser = ActionDataPreprocessor(mean=list(how.mean), std=list(how.deviation), format_shape=how.layout)

    def load(clip: Clip) -> Floats:
        row = {"filename": str(clip.path), "frame_dir": str(clip.path), "filename_tmpl": FRAME_NAME, "modality": "RGB",
               "total_frames": clip.frames, "start_index": int(kind == "rawframes"), "label": clip.label}
        packed = pipeline(row)
        with torch.inference_mode():
            normal = normaliser({"inputs": [packed["inputs"]], "data_samples": [packed["data_samples"]]})["inputs"]
        return np.asarray(normal[0].numpy(), np.float32)

    return load


def pipeline_steps(spec: ModelSpec, kind: ListFormat) -> list[Callable[..., object] | Mapping[str, object]]:
    """mmaction2's transforms from file to packed uint8 crops, with the guides' choice of frames."""
    how = spec.preprocess
    sampler = _sampler(spec.sampling)
    decoding: list[Callable[..., object] | Mapping[str, object]] = (
        [sampler, {"type": "RawFrameDecode"}] if kind == "rawframes"
        else [{"type": "DecordInit"}, sampler, {"type": "DecordDecode"}])
    crop = {"centre": "CenterCrop", "three": "ThreeCrop"}[how.views]
    return [*decoding, {"type": "Resize", "scale": (-1, how.short_side)}, {"type": crop, "crop_size": how.crop},
            {"type": "FormatShape", "input_format": how.layout}, {"type": "PackActionInputs"}]


def _sampler(how: Sampling) -> Callable[..., object]:
    """mmaction2's SampleFrames in test mode with 0.x's rule put back, which 1.x changed for clip_len > 1."""
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


def import_mmaction() -> None:
    """Import mmaction2 without the warnings its stack gives about parts that are not used here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mmaction.models
        from mmengine.logging import MMLogger
        from mmengine.registry import init_default_scope

        init_default_scope("mmaction")
        MMLogger.get_current_instance().setLevel("ERROR")
    assert mmaction.models


def _classifies(config: ConfigDict) -> bool:
    return "cls_head" in config


def _model_config(network: Network) -> ConfigDict:
    import mmaction
    from mmengine.config import Config

    config = Config.fromfile(Path(mmaction.__file__).parent / ".mim" / "configs" / network.config)
    for key, value in network.overrides:
        config.merge_from_dict({f"model.{key}": value})
    return config.model
