"""mmaction2's networks with a checkpoint's weights: they are exported, and results are compared with them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import WeightsError
from tools.pytorch.checkpoints import read_checkpoint
from tools.pytorch.wrappings import listed
from tools.spec.model import Network

if TYPE_CHECKING:
    from mmengine.config import ConfigDict
    from torch import Tensor, nn


def build_network(network: Network) -> nn.Module:
    """mmaction2's model for *network* with its own initialisation, in evaluation mode.

    Synchronised BatchNorm, which needs a GPU to be calibrated, becomes plain BatchNorm with the same weights.
    """
    import_mmaction()
    from mmaction.registry import MODELS
    from mmengine.model import revert_sync_batchnorm

    config = _model_config(network)
    if "cls_head" in config:
        config.cls_head.num_classes = network.output.shape[0]
    module: nn.Module = revert_sync_batchnorm(MODELS.build(config))
    return module.eval()


def head_outputs(module: nn.Module) -> int:
    """The number of classes of a network; 0 if it has no classifier."""
    head = getattr(module, "cls_head", None)
    return 0 if head is None else int(head.fc_cls.weight.shape[0])


def load_network(network: Network, path: Path, tell: Callable[[str], None] | None = None) -> nn.Module:
    """The network with the checkpoint's weights and number of classes; every key and other shape must match.

    What a framework had put around the weights is passed to *tell*, in words.

    Raises:
        WeightsError: naming the first missing, unexpected or misshapen keys.
    """
    checkpoint = read_checkpoint(path)
    state = checkpoint.state
    if tell and checkpoint.told:
        tell(f"{path.name} is read as weights in {checkpoint.told}")
    if "cls_head" in _model_config(network):
        weight = state.get("cls_head.fc_cls.weight")
        if weight is None:
            raise WeightsError(f"{checkpoint.name} has no classifier 'cls_head.fc_cls.weight': its {len(state)} keys are {listed(state)}",
                               where=str(path), remedy=f"give weights of {network.config}, head and all, by mmaction2's names")
        network = network.with_outputs(len(weight))
    module = build_network(network)
    own = module.state_dict()
    wrong = [f"{key} {tuple(state[key].shape)} instead of {tuple(own[key].shape)}"
             for key in own if key in state and state[key].shape != own[key].shape]
    for name, keys in (("is missing", sorted(own.keys() - state.keys())),
                       ("has unknown", sorted(state.keys() - own.keys())), ("has misshapen", wrong)):
        if keys:
            raise WeightsError(f"{checkpoint.name} {name} {len(keys)} of {len(own)} keys: {', '.join(keys[:3])}",
                               where=str(path), remedy=f"give weights of {network.config}")
    module.load_state_dict(state)
    return module


def deployed(network: Network, module: nn.Module) -> nn.Module:
    """The module to export or compare with: input to scores [B * rows, ...], softmax if the spec says so."""
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


def _model_config(network: Network) -> ConfigDict:
    import mmaction
    from mmengine.config import Config

    config = Config.fromfile(Path(mmaction.__file__).parent / ".mim" / "configs" / network.config)
    for key, value in network.overrides:
        config.merge_from_dict({f"model.{key}": value})
    return config.model
