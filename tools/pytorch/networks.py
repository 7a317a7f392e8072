"""The networks with a checkpoint's weights: they are exported, and results are compared with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import TruthError, WeightsError
from tools.machine.own_code import running
from tools.pytorch import own_module
from tools.pytorch.checkpoints import Checkpoint, read_checkpoint
from tools.pytorch.configs import CLASSIFIER, model_config
from tools.pytorch.wrappings import listed
from tools.spec.model import Network

if TYPE_CHECKING:
    from torch import Tensor, nn


def build_network(network: Network) -> nn.Module:
    """The model for *network* with its own initialisation, in evaluation mode.

    Synchronised BatchNorm, which needs a GPU to be calibrated, becomes plain BatchNorm with the same weights.

    Raises:
        TruthError: its config or module cannot be built.
    """
    if network.module:
        return own_module.build(network)
    import_mmaction()
    from mmaction.registry import MODELS
    from mmengine.model import revert_sync_batchnorm

    config = model_config(network)
    if "cls_head" in config:
        config.cls_head.num_classes = network.output.shape[0]
    start = Path(network.own.start if network.own else network.config)
    with running(network.own, f"mmaction2 cannot build the network of {network.config}", start):
        module: nn.Module = revert_sync_batchnorm(MODELS.build(config))
    if "cls_head" in config and not head(network, module):
        raise TruthError(f"the config {network.config} describes a recogniser without {CLASSIFIER}: its head is {config.cls_head.type}",
                         where=str(start), remedy="give a config whose head has that layer, or build the network by a module of your own")
    return module.eval()


def head(network: Network, module: nn.Module) -> str:
    """The name of the linear layer that gives the scores of the classes; empty if there is none."""
    import torch

    if network.module:
        return own_module.classifier(network, module)
    return CLASSIFIER if isinstance(dict(module.named_modules()).get(CLASSIFIER), torch.nn.Linear) else ""


def head_outputs(network: Network, module: nn.Module) -> int:
    """The number of classes of a network; 0 if it has no classifier."""
    name = head(network, module)
    return int(module.state_dict()[f"{name}.weight"].shape[0]) if name else 0


def load_network(network: Network, path: Path, tell: Callable[[str], None] | None = None) -> nn.Module:
    """The network with the checkpoint's weights and number of classes; every key and other shape must match.

    What a framework had put around the weights is passed to *tell*, in words.

    Raises:
        WeightsError: naming the first missing, unexpected or misshapen keys.
    """
    plain = build_network(network) if network.module else None
    checkpoint = read_checkpoint(path, frozenset(plain.state_dict()) if plain else frozenset())
    state = checkpoint.state
    if tell and checkpoint.told:
        tell(f"{path.name} is read as weights in {checkpoint.told}")
    classes = _classes(network, plain, checkpoint, path)
    module = plain if plain and classes == network.output.shape[0] else build_network(network.with_outputs(classes) if classes else network)
    own = module.state_dict()
    wrong = [f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
             for key in own if key in state and state[key].shape != own[key].shape]
    for name, keys in (("is missing", sorted(own.keys() - state.keys())),
                       ("has unknown", sorted(state.keys() - own.keys())), ("has misshapen", wrong)):
        if keys:
            raise WeightsError(f"{checkpoint.name} {name} {len(keys)} of {len(own)} keys: {', '.join(keys[:3])}",
                               where=str(path), remedy=f"give weights of {network.built_by}")
    module.load_state_dict(state)
    return module


def _classes(network: Network, plain: nn.Module | None, checkpoint: Checkpoint, path: Path) -> int:
    """The number of classes that a checkpoint is of; 0 for a network without them."""
    if plain is not None:
        weight = checkpoint.state.get(f"{head(network, plain)}.weight")
        told = own_module.takes_classes(network)
        return len(weight) if weight is not None and told else network.output.shape[0]
    if "cls_head" not in model_config(network):
        return 0
    weight = checkpoint.state.get(f"{CLASSIFIER}.weight")
    if weight is None:
        raise WeightsError(f"{checkpoint.name} has no classifier '{CLASSIFIER}.weight': its {len(checkpoint.state)} keys are "
                           f"{listed(checkpoint.state)}", where=str(path),
                           remedy=f"give weights of {network.config}, head and all, by mmaction2's names")
    return len(weight)


def forward(network: Network, module: nn.Module, stage: str = "head") -> Callable[[Tensor], Tensor]:
    """The call that maps input to logits [B * rows, ...]; *stage*: how far mmaction2's networks go."""
    call = module if network.module else partial(getattr(module, "_forward"), stage=stage)  # noqa: B009 - torch types it as a tensor
    found: Callable[[Tensor], Tensor] = call
    return found


def deployed(network: Network, module: nn.Module) -> nn.Module:
    """The module to export or compare with: input to scores [B * rows, ...], softmax if the spec says so."""
    import torch

    stage = {"stage": "head"} if hasattr(module, "cls_head") and not network.module else {}

    class Deployed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = module

        def forward(self, video: Tensor) -> Tensor:
            scores: Tensor = self.network(video, **stage)
            return torch.softmax(scores, dim=1) if network.softmax else scores

    if not network.module:
        module.forward = module._forward  # type: ignore[assignment]
    return Deployed().eval()


def import_mmaction() -> None:
    """Import mmaction2 without the warnings of its libraries about parts that are not used here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mmaction.models
        from mmengine.logging import MMLogger
        from mmengine.registry import init_default_scope

        init_default_scope("mmaction")
        MMLogger.get_current_instance().setLevel("ERROR")
    assert mmaction.models

