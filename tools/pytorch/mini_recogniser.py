"""Weights for the mini clips: full-size networks with calibrated BatchNorm and a head in closed form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.errors import WeightsError
from tools.machine import events
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import networks, own_module, pipeline
from tools.spec.model import ModelSpec, Network
from tools.storage.entries import Facts

if TYPE_CHECKING:
    from torch import nn

FOLDS = 5
Wide = NDArray[np.float64]


def build(spec: ModelSpec, clips: Sequence[Clip], folder: Path) -> Facts:
    """Fit the head to the first view of the training clips; save the network as an mmaction2 checkpoint."""
    import torch

    torch.manual_seed(spec.mini.seed)
    network = networks.build_network(spec.network)
    _scale_residuals(network, spec.mini.residual_scale, spec.mini.branch_scale)
    load = pipeline.clip_loader(spec, "videos")
    head = _head(spec.network, network)
    first = spec.network.input.shape[0] // (1 if spec.network.module else spec.preprocess.view_count)

    def one_view(clip: Clip) -> Floats:
        return load(clip)[:first]

    inputs = [one_view(clip) for clip in clips[: spec.mini.calibration_clips]]
    with own_module.trying(spec.network, "calibrated"):
        _calibrate(spec.network, network, inputs, spec.mini.calibration_batch)
    features = _features(spec.network, network, head, clips, one_view)
    labels = np.array([clip.label for clip in clips])
    strength, agreement = choose_ridge(features, labels, spec.mini.ridge)
    weight, bias = fit_head(features, labels, strength)
    factor = confident_scale(features @ weight.T + bias, spec.classes, spec.mini.top_probability)
    _set_head(head, weight * factor, bias * factor)
    _require_last(spec.network, network, inputs[0], (features[0] @ weight.T + bias) * factor)
    torch.save({"state_dict": network.state_dict(), "meta": {"clipgate": f"mini weights of {spec.name}"}}, folder / f"{spec.name}.pth")
    return {"ridge": strength, "cross_validated_top1": agreement, "head_scale": factor,
            "top_probability": mean_top_probability((features @ weight.T + bias) * factor, spec.classes)}


def _scale_residuals(network: nn.Module, scale: float, branch_scale: float) -> None:
    """Set the weight of each residual block's last BatchNorm; small ones keep a deep random network linear.

    A BatchNorm that starts at zero, as at the end of a non-local block, would leave out its whole branch.
    """
    import torch

    for module in network.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and module.affine and not module.weight.any():
            torch.nn.init.constant_(module.weight, branch_scale)
    for block in network.modules():
        if hasattr(block, "downsample") and hasattr(block, "conv2"):
            last = block.get_submodule("conv3" if hasattr(block, "conv3") else "conv2")
            norms = [module for module in last.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
            if norms and norms[-1].affine:  # a network of other people may have them elsewhere
                torch.nn.init.constant_(norms[-1].weight, scale)


def _calibrate(how: Network, network: nn.Module, inputs: Sequence[Floats], together: int) -> None:
    """Set the running statistics of every BatchNorm to the average over batches of *together* inputs.

    Statistics of one clip at a time leave out how clips differ. Dot-product attention is cubic in its input:
    after five such blocks, what their BatchNorms did not see has become infinite.
    """
    import torch

    norms = [module for module in network.modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain average, not a moving one
    for module in norms if how.module else [network]:  # of a person's own, dropout stays off
        module.train()
    run = networks.forward(how, network, "backbone")
    with torch.no_grad():
        for start in range(0, len(inputs), together):
            events.progress("calibrating BatchNorm", start, len(inputs))
            run(torch.from_numpy(np.stack(inputs[start : start + together])))
    network.eval()


def _features(how: Network, network: nn.Module, head: nn.Linear, clips: Sequence[Clip], load: Callable[[Clip], Floats]) -> Wide:
    """What the classifier layer sees, averaged over segments and views: [clips, features]."""
    import torch

    seen: list[Wide] = []

    def keep(layer: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        seen.append(inputs[0].double().reshape(-1, inputs[0].shape[-1]).mean(0).numpy())

    handle, run = head.register_forward_pre_hook(keep), networks.forward(how, network)
    with torch.inference_mode():
        for done, clip in enumerate(clips, 1):
            run(torch.from_numpy(load(clip))[None])
            events.progress("features of training clips", done, len(clips))
    handle.remove()
    return np.stack(seen)


def choose_ridge(features: Wide, labels: NDArray[np.int64], strengths: Sequence[float]) -> tuple[float, float]:
    """The strength with the best cross-validated top-1, the larger of equals; and that top-1."""
    fold = np.arange(len(labels)) // (labels.max() + 1) % FOLDS
    scored = []
    for strength in strengths:
        right = 0
        for number in range(FOLDS):
            weight, bias = fit_head(features[fold != number], labels[fold != number], strength)
            guess = (features[fold == number] @ weight.T + bias).argmax(axis=1)
            right += int((guess == labels[fold == number]).sum())
        scored.append((right / len(labels), strength))
    agreement, strength = max(scored)
    return strength, agreement


def fit_head(features: Wide, labels: NDArray[np.int64], strength: float) -> tuple[Wide, Wide]:
    """Ridge regression of one-hot labels on standardised features: [classes, features] and bias [classes].

    *strength* is relative to the mean squared norm of a standardised feature row. It solves the dual form, as
    there are fewer clips than features.
    """
    centre, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    rows = (features - centre) / deviation
    targets = np.eye(labels.max() + 1)[labels]
    kernel = rows @ rows.T
    ridge = strength * np.trace(kernel) / len(rows)
    duals = np.linalg.solve(kernel + ridge * np.eye(len(rows)), targets - targets.mean(axis=0))
    weight = (duals.T @ rows) / deviation
    return weight, targets.mean(axis=0) - weight @ centre


def mean_top_probability(logits: Wide, classes: int) -> float:
    """The mean of the largest softmax probability, where the outputs that were not fitted have logit 0."""
    full = np.concatenate([logits, np.zeros((len(logits), classes - logits.shape[1]))], axis=1)
    powers = np.exp(full - full.max(axis=1, keepdims=True))
    return float((powers.max(axis=1) / powers.sum(axis=1)).mean())


def confident_scale(logits: Wide, classes: int, wanted: float) -> float:
    """The factor that brings the mean top probability of *logits* to *wanted*.

    Raises:
        WeightsError: no factor up to 10,000 does.
    """
    low, high = 0.0, 1e4
    if mean_top_probability(logits * high, classes) < wanted:
        raise WeightsError("the fitted head cannot be made confident", remedy="make the mini clips of this model easier")
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_top_probability(logits * middle, classes) < wanted else (low, middle)
    return high


def _head(how: Network, network: nn.Module) -> nn.Linear:
    """The classifier, whose weights are fitted.

    Raises:
        WeightsError: there is none that can be.
    """
    import torch

    name = networks.head(how, network)
    head = network.get_submodule(name) if name else None
    if isinstance(head, torch.nn.Linear) and head.bias is not None:
        return head
    lacks = f"the last torch.nn.Linear, {name}, has no bias" if name else "no torch.nn.Linear gives its scores"
    raise WeightsError(f"mini weights cannot be fitted to {how.built_by}: {lacks}", where=how.own.start if how.own else None,
                       remedy="give your own: --weights FILE with a list of your own clips, --data LIST")


def _set_head(head: nn.Linear, weight: Wide, bias: Wide) -> None:
    """Write the fitted classes into the classifier; the others get zero weight and bias."""
    import torch

    with torch.no_grad():
        head.weight.zero_()
        head.bias.zero_()
        head.weight[: len(weight)] = torch.from_numpy(weight).float()
        head.bias[: len(bias)] = torch.from_numpy(bias).float()


def _require_last(how: Network, network: nn.Module, clip: Floats, logits: Wide) -> None:
    """Check that the network's scores of a clip are those of the fitted layer, or their mean."""
    import torch

    with torch.inference_mode():
        scores = networks.forward(how, network)(torch.from_numpy(clip)[None]).double().mean(0).numpy()
    if np.abs(scores[: len(logits)] - logits).max() > 0.01 * max(float(np.ptp(logits)), 1e-6):
        raise WeightsError(f"mini weights cannot be fitted to {how.built_by}: its scores are not those of its last torch.nn.Linear",
                           where=how.own.start if how.own else None,
                           remedy="return that layer's output; or give your own: --weights FILE with a list of your own clips")
