"""Mini weights of a torch module of a person's own: which layer is fitted, and where none can be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.pytorch.own_networks import of_module
from tools.errors import WeightsError
from tools.pytorch import mini_recogniser, networks
from tools.spec.model import Network

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.torch


def fit(network: Network, clips: int = 8) -> tuple[nn.Module, np.ndarray]:
    """The module with its last layer fitted to noise, and one of the clips."""
    rng, module = np.random.default_rng(0), networks.build_network(network)
    inputs = [rng.standard_normal(network.input.shape, np.float32) for _ in range(clips)]
    head = mini_recogniser._head(network, module)
    mini_recogniser._calibrate(network, module, inputs, 1)
    features = np.stack([mini_recogniser._features(network, module, head, [number], inputs.__getitem__)[0]  # type: ignore[list-item, arg-type]
                         for number in range(clips)])
    weight, bias = mini_recogniser.fit_head(features, np.arange(clips) % 4, 0.01)
    mini_recogniser._set_head(head, weight, bias)
    mini_recogniser._require_last(network, module, inputs[0], features[0] @ weight.T + bias)
    return module, inputs[0]


def test_the_last_linear_layer_that_runs_is_fitted(tmp_path: Path) -> None:
    """Not the last one that is registered; BatchNorm has the statistics of the clips."""
    module, _ = fit(of_module(tmp_path, "def build(): return Net()\n"))
    state = module.state_dict()

    assert (state["net.5.weight"][4:] == 0).all()
    assert (state["net.5.weight"][:4] != 0).any()
    assert (state["net.1.running_mean"] != 0).all()
    assert not any(part.training for part in module.modules())


def test_dropout_stays_off_while_statistics_are_taken(tmp_path: Path) -> None:
    """A layer that drops everything would leave nothing that varies."""
    module, _ = fit(of_module(tmp_path, "def build(): return nn.Sequential(nn.Dropout(1.0), Net())\n"))

    assert (module.state_dict()["1.net.1.running_var"] > 0.01).all()


def test_features_are_the_mean_of_all_rows_that_the_layer_sees(tmp_path: Path) -> None:
    """Of a module that scores every frame and averages the scores, whatever the axes."""
    fit(of_module(tmp_path, "class Frames(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
                            "        self.fc = nn.Linear(3, 5)\n"
                            "    def forward(self, video): return self.fc(video.mean((3, 4))).mean(1)\ndef build(): return Frames()\n"))


INSIDE = """
class Inside(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc, self.conv = nn.Linear(3, 2), nn.Conv1d(2, 5, 1)
    def forward(self, video):
        return self.conv(self.fc(video.mean((1, 3, 4)))[..., None])[..., 0]
build = Inside
"""
UNFITTED = {  # what stands in the way: the function, and what is said
    "no linear layer": ("def build(): return nn.Sequential(nn.Flatten(2), nn.Conv1d(3, 5, 192), nn.Flatten())\n", "no torch.nn.Linear"),
    "one inside": (INSIDE, "no torch.nn.Linear gives its scores"),
    "no bias": ("def build(): return nn.Sequential(nn.Flatten(), nn.Linear(576, 5, bias=False))\n", "the last torch.nn.Linear, 1, has no"),
    "something behind it": ("def build(): return nn.Sequential(nn.Flatten(), nn.Linear(576, 5), nn.Tanh())\n", "its scores are not those"),
}


@pytest.mark.parametrize("what", UNFITTED)
def test_a_module_whose_scores_cannot_be_fitted_asks_for_weights(tmp_path: Path, what: str) -> None:
    """One sentence that says why, and that a checkpoint of one's own does."""
    text, said = UNFITTED[what]
    with pytest.raises(WeightsError, match=f"mini weights cannot be fitted to net:build: {said}") as caught:
        fit(of_module(tmp_path, text))

    assert "--weights FILE" in str(caught.value.remedy)
