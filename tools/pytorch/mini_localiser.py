"""Weights for the mini videos: trains both networks of a localiser for seconds, with mmaction2's losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.localisation.activitynet import Video
from tools.localisation.proposals import Proposals, features, propose
from tools.localisation.snippet_features import read_features
from tools.machine import events
from tools.media.preprocess import Floats
from tools.pytorch import networks
from tools.spec.model import LocaliserSpec
from tools.storage.entries import Facts

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.optim import Optimizer

BATCH = 16
TEM_RATE, PEM_RATE = 1e-3, 1e-2
TRAINED_ON = 500  # proposals per video, as in the original training


def build(spec: LocaliserSpec, videos: Sequence[Video], folder: Path) -> Facts:
    """Train TEM on the videos' features and PEM on TEM's proposals; save both as mmaction2 checkpoints."""
    import torch

    torch.manual_seed(spec.mini.seed)
    inputs = torch.from_numpy(np.stack([read_features(video.features).T for video in videos]))
    tem, pem = networks.build_network(spec.tem), networks.build_network(spec.pem)
    _undo_ratios(tem, {"conv3": "conv3_ratio"})
    tem_loss = _train_tem(tem, inputs, videos, spec.mini.tem_epochs)
    with torch.inference_mode():
        curves = tem._forward(inputs).numpy()  # type: ignore[operator]
    _undo_ratios(pem, {"fc1": "fc1_ratio", "fc2": "fc2_ratio"})
    pem_loss = _train_pem(pem, curves, videos, spec)
    for network, module in ((spec.tem, tem), (spec.pem, pem)):
        torch.save({"state_dict": module.state_dict(), "meta": {"clipgate": f"mini weights of {spec.name}"}},
                   folder / f"{network.name}.pth")
    return {"tem_loss": tem_loss, "pem_loss": pem_loss}


def _undo_ratios(module: nn.Module, ratios: dict[str, str]) -> None:
    """Enlarge layers by the factor by which the network shrinks their output; else training takes hours."""
    import torch

    with torch.no_grad():
        for layer, ratio in ratios.items():
            module.get_parameter(f"{layer}.weight").div_(getattr(module, ratio))


def _train_tem(tem: nn.Module, inputs: Tensor, videos: Sequence[Video], epochs: int) -> float:
    import torch

    shares = [torch.from_numpy(video.truth / video.duration_s) for video in videos]
    labels = torch.stack(tem.generate_labels(shares), dim=1)  # type: ignore[operator]
    optimizer = torch.optim.Adam(tem.parameters(), TEM_RATE)
    loss = torch.zeros(())
    for rows in _batches(len(videos), epochs, "training TEM"):
        scores = tem._forward(inputs[rows])  # type: ignore[operator]
        losses = [tem.loss_cls(scores[:, channel], labels[rows, channel], tem.match_threshold)  # type: ignore[operator]
                  for channel in range(3)]
        loss = _step(optimizer, tem.loss_weight * losses[0] + losses[1] + losses[2])
    return float(loss)


def _train_pem(pem: nn.Module, curves: Floats, videos: Sequence[Video], spec: LocaliserSpec) -> float:
    import torch
    from mmaction.structures import ActionDataSample
    from mmengine.structures import InstanceData

    samples = []
    for curve, video in zip(curves, videos, strict=True):
        proposals = propose(curve, spec.proposals.peak_threshold).best(TRAINED_ON)
        sample = ActionDataSample()
        sample.gt_instances = InstanceData(bsp_feature=torch.from_numpy(features(curve, proposals, TRAINED_ON)),
                                           reference_temporal_iou=torch.from_numpy(_best_overlap(proposals, video)))
        samples.append(sample)
    optimizer = torch.optim.Adam(pem.parameters(), PEM_RATE)
    loss = torch.zeros(())
    for rows in _batches(len(videos), spec.mini.pem_epochs, "training PEM"):
        (part,) = pem.loss(None, [samples[row] for row in rows]).values()  # type: ignore[operator]
        loss = _step(optimizer, part)
    return float(loss)


def _best_overlap(proposals: Proposals, video: Video) -> Floats:
    """The largest IoU of each proposal with a true segment."""
    truth = video.truth / video.duration_s
    start, end = proposals.start[:, None], proposals.end[:, None]
    shared = np.clip(np.minimum(end, truth[:, 1]) - np.maximum(start, truth[:, 0]), 0, None)
    union = (end - start) + (truth[:, 1] - truth[:, 0]) - shared
    best: Floats = (shared / union).max(axis=1).astype(np.float32)
    return best


def _batches(count: int, epochs: int, what: str) -> Iterator[list[int]]:
    import torch

    for epoch in range(epochs):
        order = torch.randperm(count).tolist()
        yield from (order[start : start + BATCH] for start in range(0, count, BATCH))
        events.progress(what, epoch + 1, epochs)


def _step(optimizer: Optimizer, loss: Tensor) -> Tensor:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()
