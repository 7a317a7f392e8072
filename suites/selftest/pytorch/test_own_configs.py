"""mmaction2's configs, of its package or a person's own: what is built, and what is refused in words."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.errors import TruthError
from tools.pytorch import networks
from tools.spec import own
from tools.spec.model import Network, Tensor

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.torch
TSN = "recognition/tsn/tsn_imagenet-pretrained-r50_8xb32-1x1x3-100e_kinetics400-rgb.py"
TSM16 = "recognition/tsm/tsm_imagenet-pretrained-r50_8xb16-1x1x16-50e_kinetics400-rgb.py"
X3D = "recognition/x3d/x3d_s_13x6x1_facebook-kinetics400-rgb.py"
SMALL = (("backbone.pretrained", None), ("backbone.depth", 18), ("cls_head.in_channels", 512))


def of_config(folder: Path, text: str | None, name: str = "c.py", overrides: tuple[tuple[str, str | int | None], ...] = ()) -> Network:
    """The network of this config."""
    if text is not None:
        (folder / name).write_text(text)
    found = Network(name="mine", config=name, overrides=overrides, input=Tensor("video", (4, 3, 32, 32)), output=Tensor("class", (7,)))
    return own.resolved(found, folder / "mine.py")


def scores(network: Network, module: nn.Module) -> tuple[int, ...]:
    """The shape of what the deployed network gives for two clips."""
    import torch

    with torch.inference_mode():
        return tuple(networks.deployed(network, module)(torch.zeros(2, *network.input.shape)).shape)


@pytest.mark.parametrize("views", [1, 3])
def test_a_tsn_of_the_package_is_built_for_any_segments_and_views(tmp_path: Path, views: int) -> None:
    """The consensus is the mean over segments and views, so one row comes out."""
    network = replace(of_config(tmp_path, None, TSN, SMALL), input=Tensor("video", (views * 5, 3, 32, 32)))

    assert network.own is None
    assert (2, 7) == scores(network, networks.build_network(network))


def test_a_config_of_ones_own_inherits_from_itself_and_from_the_package(tmp_path: Path) -> None:
    """TSM with 16 segments, by a file beside the model's: values of every level are in the network."""
    (tmp_path / "base.py").write_text(f"_base_ = 'mmaction::{TSM16}'\nmodel = dict(backbone=dict(pretrained=None, depth=18))\n")
    network = replace(of_config(tmp_path, "_base_ = 'base.py'\nmodel = dict(cls_head=dict(in_channels=512))\n"),
                      input=Tensor("video", (16, 3, 32, 32)))
    module = networks.build_network(network)

    assert 16 == module.get_submodule("backbone").num_segments
    assert (2, 7) == scores(network, module)


def test_custom_imports_find_what_lies_beside_the_model(tmp_path: Path) -> None:
    """Only while the config is read: the path of imports is afterwards what it was."""
    (tmp_path / "own_head_of_test.py").write_text(
        "from mmaction.models import TSNHead\nfrom mmaction.registry import MODELS\n"
        "@MODELS.register_module()\nclass OwnHeadOfTest(TSNHead):\n    pass\n")
    before = [*sys.path]
    network = of_config(tmp_path, f"_base_ = 'mmaction::{TSN}'\ncustom_imports = dict(imports=['own_head_of_test'])\n"
                                  "model = dict(backbone=dict(pretrained=None, depth=18), "
                                  "cls_head=dict(type='OwnHeadOfTest', in_channels=512))\n")

    assert "OwnHeadOfTest" == type(networks.build_network(network).get_submodule("cls_head")).__name__
    assert before == sys.path


CONFIGS = {  # what is wrong: the config, what is said
    "raises": ("model = dict(\n    type=NAME)\n", "mmengine cannot read the config c.py: .*NAME"),
    "no model": ("value = 1\n", "describes no recogniser: it has no `model`"),
    "no dict": ("model = 'Recognizer2D'\n", "describes no recogniser: it has no `model`"),
    "no head": ("model = dict(type='Recognizer2D', backbone=dict(type='ResNet'))\n", "describes no recogniser: its model is Recognizer2D"),
    "another localiser": ("model = dict(type='BMN')\n", "describes no recogniser: its model is BMN without cls_head"),
    "another head": (f"_base_ = 'mmaction::{X3D}'\n", "describes a recogniser without cls_head.fc_cls: its head is X3DHead"),
    "unknown type": ("model = dict(type='Nothing', cls_head=dict())\n", "mmaction2 cannot build the network of c.py: KeyError"),
    "unknown depth": (f"_base_ = 'mmaction::{TSN}'\nmodel = dict(backbone=dict(depth=19))\n", "mmaction2 cannot build the network of c.py"),
    "no such base": ("_base_ = 'mmaction::recognition/none.py'\n", "mmengine cannot read the config c.py"),
    "no such file": (None, "the config 'c.py' is neither beside the model's file nor one of mmaction2"),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_a_config_that_builds_no_recogniser_is_one_sentence(tmp_path: Path, what: str) -> None:
    """With the file and what to do; mmengine's traces stay behind, and no file of its stays open."""
    text, said = CONFIGS[what]
    with pytest.raises(TruthError, match=said) as caught:
        networks.build_network(of_config(tmp_path, text))

    assert "c.py" == Path(str(caught.value.where).partition(":")[0]).name
    assert caught.value.remedy
    assert "\n" not in caught.value.what
    gc.collect()  # pytest fails the test for a file that is open by now
