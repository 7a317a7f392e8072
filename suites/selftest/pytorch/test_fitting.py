"""How mini weights are fitted: what is scaled, calibrated, collected and written, on tiny networks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest import tiny_graph
from tools.localisation.activitynet import Video
from tools.media.decode import Clip
from tools.pytorch import mini_localiser, mini_recogniser
from tools.pytorch.mini_recogniser import choose_ridge, confident_scale, fit_head, mean_top_probability


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    told: list[tuple[object, ...]] = []
    for module in (mini_recogniser, mini_localiser):
        monkeypatch.setattr(module.events, "progress", lambda *what: told.append(what))
    return told


@pytest.mark.torch
def test_only_the_last_norm_of_a_block_and_those_at_zero_are_scaled() -> None:
    """A branch whose norm starts at zero would be left out whole."""
    from torch import nn

    def norm(weight: float) -> nn.BatchNorm2d:
        made = nn.BatchNorm2d(2)
        nn.init.constant_(made.weight, weight)
        return made

    class Block(nn.Module):
        """A residual block with so many convolutions."""

        def __init__(self, count: int) -> None:
            super().__init__()
            self.downsample = nn.Identity()
            for number in range(1, count + 1):
                setattr(self, f"conv{number}", nn.Sequential(nn.Identity(), norm(1.0), norm(2.0)))

    network = nn.Sequential(Block(2), Block(3), norm(0.0), norm(3.0))
    mini_recogniser._scale_residuals(network, 0.5, 0.03)
    found = {name: round(module.weight[0].item(), 6) for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)}

    assert {"0.conv1.1": 1.0, "0.conv1.2": 2.0, "0.conv2.1": 1.0, "0.conv2.2": 0.5, "1.conv1.1": 1.0, "1.conv1.2": 2.0, "1.conv2.1": 1.0,
            "1.conv2.2": 2.0, "1.conv3.1": 1.0, "1.conv3.2": 0.5, "2": 0.03, "3": 3.0} == found


@pytest.mark.torch
@pytest.mark.parametrize(("together", "batches"), [(1, 4), (2, 2), (3, 2)])
def test_norms_have_the_average_of_what_batches_show(said: list[tuple[object, ...]], together: int, batches: int) -> None:
    """A plain one, whatever they had before; the network is ready to be used then."""
    import torch
    from torch import nn

    class Network(nn.Module):
        """One norm."""

        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(2)
            assert self.norm.running_mean is not None
            self.norm.running_mean.fill_(99.0)

        def _forward(self, batch: torch.Tensor, stage: str) -> None:
            assert stage == "backbone"
            self.norm(batch.reshape(-1, 2))

    inputs = list(np.random.default_rng(0).standard_normal((4, 8, 2)).astype(np.float32))
    network = Network()
    mini_recogniser._calibrate(tiny_graph.NETWORK, network, inputs, together)
    expected = np.mean([np.concatenate(inputs[start : start + together]).mean(axis=0) for start in range(0, 4, together)], axis=0)

    assert network.norm.running_mean is not None
    assert np.allclose(expected, network.norm.running_mean.numpy(), atol=1e-6)
    assert not network.training
    assert [("calibrating BatchNorm", start, 4) for start in range(0, 4, together)] == said
    assert batches == len(said)


@pytest.mark.torch
def test_features_are_what_the_classifier_sees_and_it_is_written_as_fitted(said: list[tuple[object, ...]]) -> None:
    """The mean over a clip's rows; classes that were not fitted get nothing."""
    import torch
    from torch import nn

    class Network(nn.Module):
        """A classifier of what comes in."""

        def __init__(self) -> None:
            super().__init__()
            self.cls_head: Any = nn.Module()
            self.cls_head.fc_cls = nn.Linear(2, 4)

        def _forward(self, batch: torch.Tensor, stage: str) -> torch.Tensor:
            assert stage == "head"
            return self.cls_head.fc_cls(batch[0])

    network, rows = Network(), np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    clips = [Clip(f"v_{number}", Path(), number) for number in range(3)]
    found = mini_recogniser._features(tiny_graph.NETWORK, network, network.cls_head.fc_cls, clips, lambda clip: rows[clip.label])
    assert np.allclose(rows.mean(axis=1), found, atol=1e-6)
    assert [("features of training clips", done, 3) for done in (1, 2, 3)] == said
    network._forward(torch.zeros(1, 1, 2), stage="head")
    assert not network.cls_head.fc_cls._forward_pre_hooks

    weight, bias = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    mini_recogniser._set_head(network.cls_head.fc_cls, weight, bias)
    assert [[1.0, 2.0], [3.0, 4.0], [0.0, 0.0], [0.0, 0.0]] == network.cls_head.fc_cls.weight.tolist()
    assert [5.0, 6.0, 0.0, 0.0] == network.cls_head.fc_cls.bias.tolist()


def test_of_strengths_that_are_as_good_the_larger_is_chosen() -> None:
    """Each clip is told once by a head that has not seen it, whole turns of the classes apart."""
    labels = np.arange(40) % 4
    features = np.eye(4)[labels] * 10 + np.random.default_rng(0).standard_normal((40, 4)) * 0.01
    assert (0.1, 1.0) == choose_ridge(features, labels, (0.01, 0.1, 0.001))
    shuffled = np.random.default_rng(1).standard_normal((40, 4))
    _, agreement = choose_ridge(shuffled, labels, (0.1,))
    assert agreement == round(agreement * 40) / 40 < 0.7


def test_folds_are_of_whole_turns_of_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []

    def fit(features: Any, labels: Any, strength: float) -> tuple[Any, Any]:
        asked.append(features[:, 0].astype(int).tolist())
        return np.zeros((4, 1)), np.arange(4.0)

    monkeypatch.setattr(mini_recogniser, "fit_head", fit)
    numbers = np.arange(24.0)[:, None]
    assert (7.0, 6 / 24) == choose_ridge(numbers, np.arange(24) % 4, (7.0,))
    assert 5 == len(asked)
    assert [[*range(4, 20)], [*range(4), *range(8, 24)]] == asked[:2]
    assert [*range(16), *range(20, 24)] == asked[4]


def test_outputs_that_were_not_fitted_have_logit_zero() -> None:
    """By hand: of one fitted class with logit ln 3 among four it is 3 of 6."""
    assert 0.5 == pytest.approx(mean_top_probability(np.log([[3.0]]), 4))
    assert 0.25 == pytest.approx(mean_top_probability(np.array([[-50.0]]), 5), abs=1e-9)
    weight, bias = fit_head(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1]), 1e-9)
    assert [[0.9, 0.1], [0.1, 0.9]] == np.round(np.array([[0.0], [3.0]]) @ weight.T + bias, 1).clip(0.1, 0.9).tolist()
    factor = confident_scale(np.array([[1.0]]), 2, 0.9)
    assert np.log(9) == pytest.approx(factor, abs=1e-6)
    assert 9999 < confident_scale(np.array([[np.log(9) / 9999.5]]), 2, 0.9) < 10000


def test_a_proposals_overlap_is_with_the_segment_it_fits_best() -> None:
    """By hand, in shares of the video."""
    video = Video("v", 10.0, 250, 250, ((2.0, 4.0), (6.0, 10.0)), Path())
    proposals: Any = SimpleNamespace(start=np.array([0.2, 0.3, 0.0, 0.5]), end=np.array([0.4, 0.5, 0.1, 1.0]))

    assert np.allclose([1.0, 1 / 3, 0.0, 0.8], mini_localiser._best_overlap(proposals, video), atol=1e-6)
    assert np.float32 == mini_localiser._best_overlap(proposals, video).dtype


@pytest.mark.torch
def test_each_epoch_takes_every_video_once(said: list[tuple[object, ...]]) -> None:
    """In an order of its own, sixteen at a time."""
    found = list(mini_localiser._batches(35, 2, "training"))

    assert [16, 16, 3, 16, 16, 3] == [len(rows) for rows in found]
    first, second = ([row for rows in part for row in rows] for part in (found[:3], found[3:]))
    assert [*range(35)] == sorted(first) == sorted(second)
    assert first != second
    assert [("training", 1, 2), ("training", 2, 2)] == said


@pytest.mark.torch
def test_a_step_goes_down_and_shrunk_layers_are_enlarged() -> None:
    import torch
    from torch import nn

    layer = nn.Linear(1, 1, bias=False)
    module = nn.Module()
    module.fc = nn.Linear(1, 1)
    module.fc_ratio = 0.1  # type: ignore[assignment]
    with torch.no_grad():
        module.fc.weight.fill_(2.0)
        layer.weight.fill_(1.0)
    mini_localiser._undo_ratios(module, {"fc": "fc_ratio"})
    assert 20.0 == pytest.approx(module.fc.weight.item())

    optimizer = torch.optim.SGD(layer.parameters(), 0.5)
    for _ in range(2):
        loss = mini_localiser._step(optimizer, (layer.weight**2).sum())
        assert not loss.requires_grad
    assert 0.0 == layer.weight.item()


@pytest.mark.torch
def test_tem_is_trained_on_the_weighed_loss_of_its_three_curves(said: list[tuple[object, ...]]) -> None:
    """Of actions with the network's own weight, of starts and of ends; labels are of shares of each video."""
    import torch
    from torch import nn

    asked: list[Any] = []

    class Tem(nn.Module):
        """Gives one number everywhere, of which a curve's loss is as much as its labels say."""

        def __init__(self) -> None:
            super().__init__()
            self.level = nn.Parameter(torch.tensor(2.0))
            self.loss_weight, self.match_threshold = 10.0, 0.5

        def generate_labels(self, shares: list[torch.Tensor]) -> list[torch.Tensor]:
            asked.extend(share.tolist() for share in shares)
            return [torch.full((len(shares), 4), value) for value in (1.0, 0.1, 0.01)]

        def _forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.level * torch.ones(len(batch), 3, 4)

        def loss_cls(self, scores: torch.Tensor, labels: torch.Tensor, threshold: float) -> torch.Tensor:
            assert (threshold, scores.shape) == (0.5, labels.shape)
            return (scores * labels).mean()

    tem = Tem()
    videos = [Video("v", 10.0, 250, 250, ((2.0, 4.0),), Path())] * 3
    loss = mini_localiser._train_tem(tem, torch.zeros(3, 1), videos, 1)

    assert 2.0 * (10.0 + 0.1 + 0.01) == pytest.approx(loss, rel=1e-6)
    assert [[[0.2, 0.4]]] * 3 == asked
    assert 2.0 - mini_localiser.TEM_RATE == pytest.approx(tem.level.item(), rel=1e-6)
    assert (1e-3, 1e-2, 500, 16) == (mini_localiser.TEM_RATE, mini_localiser.PEM_RATE, mini_localiser.TRAINED_ON, mini_localiser.BATCH)
