"""A torch module that a person's function builds, in place of one of mmaction2's networks."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import TruthError
from tools.machine.own_code import function_of, running
from tools.spec.model import Network

if TYPE_CHECKING:
    from torch import Tensor, nn

CLASSES = "num_classes"  # the argument by which a function is told the number of classes
TRIED = 2  # clips on which a module's input and output are checked


def build(network: Network) -> nn.Module:
    """What the person's function returns, in evaluation mode, once it maps the network's input to its output.

    Raises:
        TruthError: the function raises something, returns no module, or one with other input or output.
    """
    import torch

    with warnings.catch_warnings(action="ignore"):  # of parts of torch that mmengine imports
        from mmengine.model import revert_sync_batchnorm

    start = _start(network)
    with running(network.own, f"{network.module} cannot be run", start):
        function = function_of(network.module, _start(network))
        module = function(**({CLASSES: network.output.shape[0]} if CLASSES in inspect.signature(function).parameters else {}))
    if not isinstance(module, torch.nn.Module):
        raise TruthError(f"{network.module} returns {type(module).__name__}, and not a torch.nn.Module", where=str(start),
                         remedy="let it return the network")
    whole: nn.Module = revert_sync_batchnorm(module).eval()
    _require_fits(network, _tried(network, whole))
    return whole


def takes_classes(network: Network) -> bool:
    """Whether the function is told the number of classes, so that a checkpoint may have another one."""
    with running(network.own, f"{network.module} cannot be run", _start(network)):
        return CLASSES in inspect.signature(function_of(network.module, _start(network))).parameters


def classifier(network: Network, module: nn.Module) -> str:
    """The name of the linear layer that runs last, if it gives a score of every class; else empty."""
    import torch

    called: list[str] = []
    linear = {name: layer for name, layer in module.named_modules() if isinstance(layer, torch.nn.Linear)}
    handles = [layer.register_forward_hook(lambda *_, name=name: called.append(name)) for name, layer in linear.items()]
    classes = _tried(network, module).shape[-1]
    for handle in handles:
        handle.remove()
    return called[-1] if called and linear[called[-1]].out_features == classes else ""


@contextmanager
def trying(network: Network, what: str) -> Iterator[None]:
    """Call a person's module; mmaction2's networks are called as they are."""
    with running(network.own, f"{network.module} cannot be {what}", _start(network)) if network.module else nullcontext():
        yield


def _start(network: Network) -> Path:
    assert network.own
    return Path(network.own.start)


def _tried(network: Network, module: nn.Module) -> Tensor:
    """What the module makes of clips of zeros."""
    import torch

    shape = [TRIED, *network.input.shape]
    with trying(network, f"given {shape}"), torch.no_grad():
        scores = module(torch.zeros(shape))
    if not isinstance(scores, torch.Tensor):
        raise TruthError(f"{network.module} gives {type(scores).__name__}, and not one tensor of scores", where=str(_start(network)),
                         remedy="return the logits alone")
    return scores


def _require_fits(network: Network, scores: Tensor) -> None:
    wanted = [TRIED * network.rows, *network.output.shape]
    if [*scores.shape] != wanted:
        raise TruthError(f"{network.module} gives {[*scores.shape]} for {TRIED} clips, and the model's file says {wanted}",
                         where=str(_start(network)),
                         remedy=f"correct `output` or `rows`, or take the classes as the argument {CLASSES}")
    if scores.shape[-1] > 1 and bool((scores >= 0).all()) and bool(((scores.sum(-1) - 1).abs() < 1e-4).all()):
        raise TruthError(f"{network.module} gives probabilities", where=str(_start(network)),
                         remedy="return the logits; softmax=True puts softmax behind them in the graph and in the reference")
