"""What is said of what a checkpoint holds: its first names, how many more there are, each wrapping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.pytorch.wrappings import AROUND, AVERAGED, PLAIN, Found, listed, weights_in

if TYPE_CHECKING:
    from torch import Tensor


@pytest.mark.parametrize(("count", "words"), [
    (1, "k0"), (5, "k0, k1, k2, k3, k4"), (6, "k0, k1, k2, k3, k4 and 1 more"), (9, "k0, k1, k2, k3, k4 and 4 more")])
def test_the_first_five_names_are_told(count: int, words: str) -> None:
    names = [f"k{number}" for number in range(count)]
    assert words == listed(names) == listed(dict.fromkeys(names))


def test_where_there_are_no_names_that_is_told() -> None:
    nothing: tuple[object, ...] = ([], {}, 7)
    assert ["no keys"] * 3 == [listed(one) for one in nothing]
    assert "1, 2" == listed({1: "a", 2: "b"})


def test_what_is_no_dict_is_named_by_its_kind() -> None:
    assert [Found({}, instead="it is a list"), Found({}, instead="it is a NoneType")] == [weights_in([1]), weights_in(None)]


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    import torch

    return {"backbone.a": torch.zeros(1), "cls_head.b": torch.ones(1)}


@pytest.mark.torch
def test_every_plain_place_holds_weights_of_which_nothing_is_told(state: dict[str, Tensor]) -> None:
    assert [Found(state)] * len(PLAIN) == [weights_in({name: state, "epoch": 1}) for name in PLAIN]


@pytest.mark.torch
def test_every_averaged_place_is_named(state: dict[str, Tensor]) -> None:
    assert [Found(state, (f"EMA under '{name}'",)) for name in AVERAGED] == [weights_in({name: state}) for name in AVERAGED]


@pytest.mark.torch
@pytest.mark.parametrize("prefix", AROUND)
def test_every_prefix_is_named(state: dict[str, Tensor], prefix: str) -> None:
    wrapped = {f"{prefix}.{key}": value for key, value in state.items()}
    assert Found(state, (AROUND[prefix],)) == weights_in({"state_dict": wrapped})


@pytest.mark.torch
def test_lightning_is_known_by_its_version_or_its_parameters(state: dict[str, Tensor]) -> None:
    """What its module holds beside the network is left out, and told."""
    inside = {**{f"model.{key}": value for key, value in state.items()}, "loss.weight": state["backbone.a"]}
    signs: tuple[dict[str, object], ...] = ({"pytorch-lightning_version": "2"}, {"hyper_parameters": {}})
    for beside in signs:
        assert Found(state, ("Lightning", "'model.'", "left out: loss.weight")) == weights_in({"state_dict": inside, **beside})
    assert Found(inside) == weights_in({"state_dict": inside}) == weights_in(inside)


@pytest.mark.torch
def test_of_several_sets_none_is_taken_and_each_is_named(state: dict[str, Tensor]) -> None:
    several = {"state_dict": state, "ema": state, "epoch": 3}
    assert Found({}, several=("'state_dict'", "'ema' (EMA)"), instead="at its top are state_dict, ema, epoch") == weights_in(several)
    both = {**{f"model.{key}": value for key, value in state.items()}, **{f"ema_model.{key}": value for key, value in state.items()}}
    assert Found({}, several=("'model.'", "'ema_model.' (EMA)")) == weights_in(both)
    assert Found({}, ("Lightning",), instead="at its top are epoch, hyper_parameters, state_dict") == weights_in(
        {"epoch": 1, "hyper_parameters": {}, "state_dict": {}})
