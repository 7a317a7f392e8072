"""Weights are found in what training frameworks put around them, and what that was is said."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.errors import WeightsError
from tools.pytorch import networks
from tools.pytorch.checkpoints import read_checkpoint
from tools.spec.catalog import load_spec

if TYPE_CHECKING:
    from torch import Tensor

    State = Mapping[str, Tensor]

pytestmark = pytest.mark.torch
[TINY] = load_spec(TINY_MODELS, "tiny").networks


@pytest.fixture(scope="module")
def state() -> State:
    return dict(networks.build_network(TINY).state_dict())


def saved(path: Path, content: object) -> Path:
    import torch

    torch.save(content, path)
    return path


def under(prefix: str, state: State) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


def other(state: State) -> dict[str, Tensor]:
    return {key: value * 2 for key, value in state.items()}


def counted(state: State, name: str = "n_averaged") -> dict[str, Tensor]:
    """What torch's AveragedModel and mmengine's ExponentialMovingAverage give."""
    import torch

    return {**under("module.", state), name: torch.tensor(7)}


def lightning(state: State) -> dict[str, object]:
    return {"state_dict": state, "pytorch-lightning_version": "2.1.0", "epoch": 3, "hyper_parameters": {"lr": 0.1}, "callbacks": {}}


def compiled_part(state: State) -> dict[str, Tensor]:
    return {key.replace("backbone.", "backbone._orig_mod."): value for key, value in state.items()}


WRAPPED: dict[str, tuple[Callable[[State], object], str]] = {
    "bare": (lambda state: state, ""),
    "state_dict": (lambda state: {"state_dict": state, "meta": {}}, ""),
    "DataParallel": (lambda state: {"state_dict": under("module.", state)}, "'module.'"),
    "mmengine EMA": (lambda state: {"state_dict": state, "ema_state_dict": counted(other(state), "steps"), "meta": {}}, "EMA of mmengine"),
    "timm EMA": (lambda state: {"state_dict_ema": state, "epoch": 3, "args": argparse.Namespace(lr=0.1)}, "EMA under 'state_dict_ema'"),
    "nested EMA": (lambda state: {"ema": {"module": state, "decay": 0.9}}, "EMA under 'ema'"),
    "AveragedModel": (counted, "AveragedModel ('module.' and n_averaged)"),
    "AveragedModel of DataParallel": (lambda state: {"state_dict": counted(under("module.", state))}, "AveragedModel"),
    "compiled": (lambda state: {"model": under("_orig_mod.", state)}, "'_orig_mod.' (torch.compile)"),
    "compiled and parallel": (lambda state: under("_orig_mod.module.", state), "'_orig_mod.' (torch.compile), 'module.'"),
    "compiled backbone": (compiled_part, "'_orig_mod.'"),
    "Lightning model": (lambda state: lightning(under("model.", state)), "Lightning, 'model.'"),
    "Lightning net": (lambda state: lightning(under("net._orig_mod.", state)), "Lightning, '_orig_mod.' (torch.compile), 'net.'"),
    "Lightning loss": (lambda state: lightning({**under("model.", state), "loss.weight": next(iter(state.values()))}),
                       "left out: loss.weight"),
    "backbone": (lambda state: under("backbone.", state), "'backbone.'"),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_around_the_weights_is_taken_off_and_named(tmp_path: Path, state: State, name: str) -> None:
    """However a framework saves them, the same tensors have mmaction2's names; what was there is told."""
    import torch

    wrap, words = WRAPPED[name]
    path, told = saved(tmp_path / "own.ckpt", wrap(state)), list[str]()

    found = networks.load_network(TINY, path, told.append).state_dict()

    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], value) for key, value in state.items())
    assert words in read_checkpoint(path).told
    assert bool(words) == bool(told) == any(words in one for one in told if words)


@pytest.mark.parametrize(("wrap", "words"), [
    (lambda state: {"state_dict": state, "state_dict_ema": other(state)},
     "several sets of weights: 'state_dict' and 'state_dict_ema' (EMA)"),
    (lambda state: {"state_dict": state, "ema_state_dict": other(state)}, "'state_dict' and 'ema_state_dict' (EMA)"),
    (lambda state: {"model": state, "model_ema": other(state)}, "'model' and 'model_ema' (EMA)"),
    (lambda state: lightning({**under("model.", state), **under("ema.", state)}), "'model.' and 'ema.' (EMA)"),
    (lambda state: {"epoch": 3, "optimizer": {}}, "no state_dict of tensors: at its top are epoch, optimizer"),
    (lambda state: [1], "no state_dict of tensors: it is a list"),
    (lambda state: under("encoder.", state), "its 12 keys are encoder."),
    (lambda state: {key: value for key, value in state.items() if key.startswith("backbone.")}, "keys are backbone.conv1.conv.weight, "),
    (lambda state: lightning(under("model.", {**state, "neck.weight": next(iter(state.values()))})),
     "the checkpoint (Lightning, 'model.') has unknown 1 of"),
])
def test_what_cannot_be_told_says_what_is_there(tmp_path: Path, state: State, wrap: Callable[[State], object], words: str) -> None:
    """Two sets of weights are both named; weights by other names, or none, are told by the keys there are."""
    with pytest.raises(WeightsError) as caught:
        networks.load_network(TINY, saved(tmp_path / "own.pth", wrap(state)))

    assert words.replace("12", str(len(state))) in str(caught.value)


def test_no_network_has_a_name_that_would_be_taken_off(tmp_path: Path) -> None:
    """Every network of the matrix, saved bare, is read by its own names."""
    from tools.spec.settings import MODELS

    for model in ("tsm", "bsn"):
        for network in load_spec(MODELS, model).networks:
            own = networks.build_network(network).state_dict()
            found = read_checkpoint(saved(tmp_path / "x.pth", own))
            assert (own.keys(), "") == (found.state.keys(), found.told)
