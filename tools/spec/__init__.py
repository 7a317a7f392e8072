"""What a person has written down: models with their stored numbers, cases, options.

The names below are those that a model's file imports, here or in a folder of your own (`--models DIR`).
"""

from tools.spec.bins import Bins
from tools.spec.mini import MiniSpec, MiniVideos
from tools.spec.model import Atc, LocaliserSpec, ModelSpec, Network, Preprocess, ProposalSpec, Sampling, Tensor

__all__ = ["Atc", "Bins", "LocaliserSpec", "MiniSpec", "MiniVideos", "ModelSpec", "Network", "Preprocess", "ProposalSpec",
           "Sampling", "Tensor"]
