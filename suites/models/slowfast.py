"""SlowFast R50 8x8x1 on Kinetics-400, as its ModelZoo guide deploys it: one clip, one view."""

from __future__ import annotations

from typing import TYPE_CHECKING
from unittest import mock

from tools.spec import Bins, MiniSpec, ModelSpec, Network, Preprocess, Sampling, Tensor

if TYPE_CHECKING:
    from torch import Tensor as Video
    from torch import nn


def index_instead_of_resize(module: nn.Module) -> None:
    """Take every k-th frame by plain indexing where the backbone asks for nearest interpolation in time by 1/k.

    Equal values; what it avoids is the five-dimensional Resize that opset 11 would make of it, and few devices have.
    """
    import torch

    def every_kth(video: Video, *, mode: str, scale_factor: tuple[float, float, float]) -> Video:
        step = round(1 / scale_factor[0])
        assert (mode, scale_factor) == ("nearest", (1 / step, 1.0, 1.0)), "not a sampling of whole frames"
        return video if step == 1 else video[:, :, ::step]

    backbone = module.get_submodule("backbone")
    resizing = backbone.forward

    def indexing(video: Video) -> tuple[Video, Video]:
        with mock.patch.object(torch.nn.functional, "interpolate", every_kth):
            both: tuple[Video, Video] = resizing(video)
        return both

    backbone.forward = indexing


SPEC = ModelSpec(
    network=Network(
        name="slowfast",
        config="recognition/slowfast/slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb.py",
        overrides=(),
        input=Tensor("video", (1, 3, 32, 224, 224)),
        output=Tensor("class", (400,)),
        softmax=True,
        export_form=index_instead_of_resize,
    ),
    sampling=Sampling(clip_len=32, interval=2, clips=1),
    preprocess=Preprocess(short_side=256, crop=224, mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375), layout="NCTHW"),
    dataset="kinetics400",
    list_file="kinetics400_val_list_videos.txt",
    frames_folder="videos_val",
    clips=19796,
    list_format="videos",
    mini=MiniSpec(seed=20200716, test_clips=31, train_per_class=9, calibration_clips=8, noise=8.0, travel=80.0, residual_scale=0.3,
                  ridge=(0.0001, 0.001, 0.01, 0.1), top_probability=0.9, reference_top1_at_least=0.85, span=64, test_frames=(64, 150),
                  train_frames=(64, 80)),
    bins=Bins(folder="bin", info="kinetics400.info", one_video=True),
)
