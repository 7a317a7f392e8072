"""A network of a person's own, small enough for a test, with any function that builds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tools.spec import own
from tools.spec.model import Network, Tensor

PARTS = """
import torch
from torch import nn
class Net(nn.Module):
    def __init__(self, classes=5):
        super().__init__()
        self.net = nn.Sequential(nn.Conv3d(3, 4, 3), nn.BatchNorm3d(4), nn.ReLU(), nn.AdaptiveAvgPool3d(1), nn.Flatten(),
                                 nn.Linear(4, classes))
        self.last = nn.Linear(4, 4)  # registered last, and never called
    def forward(self, video):
        return self.net(video.transpose(1, 2))
"""


def of_module(folder: Path, text: str, **other: Any) -> Network:
    """The network that `build` of this text returns."""
    (folder / "net.py").write_text(PARTS + text)
    found = Network(name="mine", module="net:build", input=Tensor("video", (3, 3, 8, 8)), output=Tensor("class", (5,)), **other)
    return own.resolved(found, folder / "mine.py")
