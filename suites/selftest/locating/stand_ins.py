"""The networks that faults are planted into: small ones of the four recognisers, full-size TSM, TEM and PEM.

Their weights are mmaction2's own at random, BatchNorm calibrated on noise, so that every block takes part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import exported, specialised
from suites.selftest.locating.plant import Norms, noise
from suites.selftest.locating.spoiling import WIDE_EPSILON
from tools.deployment.weights import Weights
from tools.locating.values import Tensors
from tools.locating.whole import Whole
from tools.machine.files import sha256
from tools.pytorch import networks
from tools.pytorch.mini_recogniser import _calibrate, _scale_residuals
from tools.spec.catalog import load_spec
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS

if TYPE_CHECKING:
    from torch import nn

NAMES = ("tiny", "slowfast", "r2plus1d", "nonlocal", "tsm", "tem", "pem")
SMALL = {"slowfast": (1, 3, 32, 64, 64), "r2plus1d": (1, 3, 8, 64, 64), "nonlocal": (8, 3, 64, 64)}
BATCH = 2
State = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A network's graph, one batch for it, and what a wider epsilon does to each of its convolutions."""

    name: str
    whole: Whole
    feeds: Tensors
    norms: Norms


def stand_in(name: str, folder: Path) -> StandIn:
    """The network of that name, made in *folder*."""
    import onnx
    import torch

    network = network_of(name)
    checkpoint = weights(network, folder)
    model = onnx.load(str(specialised(network, exported(checkpoint, folder / name), BATCH)))
    whole = Whole(model)
    state = torch.load(checkpoint.path)["state_dict"]
    return StandIn(name, whole, noise(model), norms(whole, {key: value.double().numpy() for key, value in state.items()}))


def network_of(name: str) -> Network:
    """The network, small where it stands in for a recogniser."""
    spec = load_spec(TINY_MODELS if name == "tiny" else MODELS, {"tem": "bsn", "pem": "bsn"}.get(name, name))
    network = next(one for one in spec.networks if one.name == name)
    return replace(network, input=Tensor(network.input.name, SMALL[name]), rows=1) if name in SMALL else network


def weights(network: Network, folder: Path) -> Weights:
    """A checkpoint of random weights with which no BatchNorm is silent."""
    import torch

    torch.manual_seed(0)
    module = networks.build_network(network)
    if "cls_head" in dict(module.named_children()):
        _scale_residuals(module, 0.3, 0.3)
        clips = np.random.default_rng(1).standard_normal((2, *network.input.shape)).astype(np.float32)
        _calibrate(network, module, list(clips), 2)
    path = folder / f"{network.name}.pth"
    torch.save({"state_dict": module.state_dict()}, path)
    return Weights(path, sha256(path), network, "own")


def norms(whole: Whole, state: State) -> Norms:
    """What a wider epsilon does to each convolution that a BatchNorm was folded into.

    Which one that is tell the numbers: the convolution's weights times what the BatchNorm scales by are those
    of the graph.
    """
    from onnx import numpy_helper

    found = {}
    for number, node in enumerate(whole.nodes):
        module = ".".join(_names(whole.modules[number]))
        if node.op_type != "Conv" or f"{module}.weight" not in state or len(node.input) < 3:
            continue
        folded = numpy_helper.to_array(whole.constants[node.input[1]])
        for norm in _near(module, state):
            scale, spread, shift = (state[f"{norm}.{one}"] for one in ("weight", "running_var", "bias"))
            if len(scale) == len(folded) and np.allclose(_by_channel(state[f"{module}.weight"], scale / np.sqrt(spread + 1e-5)), folded,
                                                         rtol=1e-3, atol=1e-6):
                factors = np.sqrt(spread + 1e-5) / np.sqrt(spread + WIDE_EPSILON)
                found[whole.node(number).name] = tuple(factors.tolist()), tuple((shift * (1 - factors)).tolist())
    return found


def _near(module: str, state: State) -> list[str]:
    """The BatchNorms beside a convolution, or beside what holds it."""
    above = [module.rsplit(".", depth)[0] for depth in (1, 2)]
    return [key.removesuffix(".running_var") for key in state
            if key.endswith(".running_var") and key.removesuffix(".running_var").rpartition(".")[0] in above]


def _by_channel(values: NDArray[Any], factors: NDArray[Any]) -> NDArray[Any]:
    return values * factors.reshape(-1, *[1] * (values.ndim - 1))


def _names(path: tuple[str, ...]) -> list[str]:
    """A torch module's name from what the exporter writes: layer1, layer1.0 is layer1.0."""
    kept: list[str] = []
    for part in path:
        if kept and part.startswith(f"{kept[-1]}."):
            kept.pop()
        kept.append(part)
    return kept
