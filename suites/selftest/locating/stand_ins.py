"""The networks that faults are planted into: small ones of the four recognisers, full-size TSM, TEM and PEM.

Their weights are mmaction2's own at random, BatchNorm calibrated on noise, so that every block takes part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import exported, specialised
from suites.selftest.locating.plant import Norms, noise
from suites.selftest.locating.spoiling import WIDE_EPSILON
from tools.deployment.weights import Weights
from tools.locating.cutting import with_outputs
from tools.locating.on_cpu import as_written
from tools.locating.values import Tensors
from tools.locating.whole import Whole
from tools.machine.files import sha256
from tools.pytorch import networks
from tools.pytorch.mini_recogniser import _calibrate, _scale_residuals
from tools.spec.catalog import load_spec
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS

NAMES = ("tiny", "slowfast", "r2plus1d", "nonlocal", "tsm", "tem", "pem")
SMALL = {"slowfast": (1, 3, 32, 64, 64), "r2plus1d": (1, 3, 8, 64, 64), "nonlocal": (8, 3, 64, 64)}
BATCH = 2
KEPT_BYTES = 2**30
EPSILON = 1e-5
State = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True)
class StandIn:
    """A network's graph, one batch for it, and what a wider epsilon does to each of its convolutions."""

    name: str
    whole: Whole
    feeds: Tensors
    norms: Norms

    @cached_property
    def _all(self) -> Tensors:
        """All tensors of the reference."""
        names = [name for node in self.whole.nodes for name in node.output if name]
        return {**self.feeds, **as_written(with_outputs(self.whole, names), self.feeds)}

    def gives(self, names: Sequence[str]) -> Tensors:
        """The reference's tensors of these names; all are kept where they are small."""
        if sum(self.whole.bytes_of(name) for node in self.whole.nodes for name in node.output) < KEPT_BYTES:
            return self._all
        return {**self.feeds, **as_written(with_outputs(self.whole, [name for name in names if name not in self.feeds]), self.feeds)}


def stand_in(name: str, folder: Path, seed: int = 0) -> StandIn:
    """The network of that name with weights and a batch of that *seed*, made in *folder*."""
    import onnx
    import torch

    network = network_of(name)
    folder = folder / f"{name}-{seed}"
    folder.mkdir()
    checkpoint = weights(network, folder, seed)
    model = onnx.load(str(specialised(network, exported(checkpoint, folder / "onnx"), BATCH)))
    whole = Whole(model)
    state = torch.load(checkpoint.path)["state_dict"]
    return StandIn(name, whole, noise(model, seed), norms(whole, {key: value.double().numpy() for key, value in state.items()}))


def network_of(name: str) -> Network:
    """The network, small where it stands in for a recogniser."""
    spec = load_spec(TINY_MODELS if name == "tiny" else MODELS, {"tem": "bsn", "pem": "bsn"}.get(name, name))
    network = next(one for one in spec.networks if one.name == name)
    return replace(network, input=Tensor(network.input.name, SMALL[name]), rows=1) if name in SMALL else network


def weights(network: Network, folder: Path, seed: int) -> Weights:
    """A checkpoint of random weights with which no BatchNorm is silent."""
    import torch

    torch.manual_seed(seed)
    module = networks.build_network(network)
    if "cls_head" in dict(module.named_children()):
        _scale_residuals(module, 0.3, 0.3)
        clips = np.random.default_rng(seed + 1).standard_normal((2, *network.input.shape)).astype(np.float32)
        _calibrate(network, module, list(clips), 2)
    path = folder / f"{network.name}.pth"
    torch.save({"state_dict": module.state_dict()}, path)
    return Weights(path, sha256(path), network, "own")


def norms(whole: Whole, state: State) -> Norms:
    """What a wider epsilon does to each convolution that a BatchNorm was folded into.

    Which one that is tell the numbers: the weights of a torch module times what a BatchNorm beside it scales
    by are those of the graph.
    """
    from onnx import numpy_helper

    folded = [pair for key, values in state.items() if key.endswith(".weight") and values.ndim > 3 for pair in _folded(key, state)]
    found = {}
    for number, node in enumerate(whole.nodes):
        if node.op_type == "Conv" and len(node.input) > 2:
            values = numpy_helper.to_array(whole.constants[node.input[1]])
            alike = ((weights, norm) for weights, norm in folded if weights.shape == values.shape)
            norm = next((norm for weights, norm in alike if np.allclose(weights, values, rtol=1e-3, atol=1e-6)), "")
            if norm:
                spread, shift = state[f"{norm}.running_var"], state[f"{norm}.bias"]
                factors = np.sqrt(spread + EPSILON) / np.sqrt(spread + WIDE_EPSILON)
                found[whole.node(number).name] = tuple(factors.tolist()), tuple((shift * (1 - factors)).tolist())
    return found


def _folded(key: str, state: State) -> Iterator[tuple[NDArray[np.float64], str]]:
    """The weights *key* with each BatchNorm beside their module, or beside what holds it, folded in."""
    weights = state[key]
    above = [key.rsplit(".", depth)[0] for depth in (2, 3)]
    for norm in (one.removesuffix(".running_var") for one in state if one.endswith(".running_var")):
        if norm.rpartition(".")[0] in above and len(state[f"{norm}.bias"]) == len(weights):
            scale = state[f"{norm}.weight"] / np.sqrt(state[f"{norm}.running_var"] + EPSILON)
            yield weights * scale.reshape(-1, *[1] * (weights.ndim - 1)), norm
