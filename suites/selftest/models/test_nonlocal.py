"""TSM-NL: blocks that are an identity as mmaction2 initialises them take part in the mini weights."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.deployments import noise
from suites.selftest.specs import recogniser_spec
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.media.preprocess import Floats, crops, normalise
from tools.pytorch import networks
from tools.pytorch.mini_recogniser import _calibrate, _scale_residuals
from tools.spec.settings import MODELS

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.torch
SPEC = recogniser_spec(MODELS, "nonlocal")
BLOCKS = {f"backbone.layer{stage}.{block}.non_local_block" for stage, block in ((2, 0), (2, 2), (3, 0), (3, 2), (3, 4))}


@pytest.fixture
def network() -> nn.Module:
    """TSM-NL as mmaction2 initialises it."""
    import torch

    torch.manual_seed(0)
    return networks.build_network(SPEC.network)


def silent_norms(network: nn.Module) -> set[str]:
    """BatchNorms whose weight is zero throughout."""
    import torch

    return {name for name, module in network.named_modules()
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm) and not module.weight.any()}


def effects(network: nn.Module) -> dict[str, float]:
    """What each non-local block adds to its input, relative to it, while the network looks at noise."""
    import torch

    found: dict[str, float] = {}
    for name, module in network.named_modules():
        if type(module).__name__ == "NonLocal3d":
            module.register_forward_hook(
                lambda _, given, out, name=name: found.__setitem__(name, float((out - given[0]).norm() / given[0].norm())))
    with torch.inference_mode():
        network._forward(torch.from_numpy(noise(1, 8, 3, 64, 64)), stage="head")  # type: ignore[operator]
    return found


def test_a_fresh_non_local_block_is_an_identity(network: nn.Module) -> None:
    """As initialised the five blocks end in a BatchNorm of zeros and change nothing: no break would show."""
    assert {f"{name}.conv_out.bn" for name in BLOCKS} == silent_norms(network)
    assert dict.fromkeys(BLOCKS, 0.0) == effects(network)


def test_every_block_of_the_mini_weights_changes_what_passes_it(network: nn.Module) -> None:
    """Scaled and calibrated, no BatchNorm is silent; each block moves its input by about its branch scale."""
    _scale_residuals(network, SPEC.mini.residual_scale, SPEC.mini.branch_scale)
    _calibrate(SPEC.network, network, [noise(8, 3, 64, 64)], 1)
    found = effects(network)

    assert set() == silent_norms(network)
    assert BLOCKS == found.keys()
    assert min(found.values()) > SPEC.mini.branch_scale / 2, found


def test_what_the_blocks_multiply_stays_bounded(network: nn.Module) -> None:
    """On an uncalibrated clip, activations stay as large as a BatchNorm makes them.

    Half precision can hold them.
    """
    import torch

    clips = [inputs_of(Recipe(label, 16, (1, label), noise=4.0, travel=160.0)) for label in range(7)]
    _scale_residuals(network, SPEC.mini.residual_scale, SPEC.mini.branch_scale)
    _calibrate(SPEC.network, network, clips[:6], SPEC.mini.calibration_batch)
    largest: list[float] = []
    for module in network.modules():
        module.register_forward_hook(lambda _, given, out: largest.append(float(out.abs().max())))
    with torch.inference_mode():
        network._forward(torch.from_numpy(clips[6])[None], stage="head")  # type: ignore[operator]

    assert max(largest) < 1000


def inputs_of(recipe: Recipe) -> Floats:
    """Eight frames of a made clip as the network sees them, at 64 pixels."""
    how = replace(SPEC.preprocess, short_side=73, crop=64)
    out = np.empty((8, 3, 64, 64), np.float32)
    normalise(crops(render(recipe)[::2], how), how, out)
    return out
