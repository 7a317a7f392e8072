"""A torch module of a person's own: built and given weights, or refused in one sentence."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.pytorch.own_networks import of_module
from tools.deployment.weights import _check
from tools.errors import TruthError, WeightsError
from tools.machine.files import sha256
from tools.pytorch import networks
from tools.spec.model import Tensor

pytestmark = pytest.mark.torch


def saved(path: Path, content: object) -> Path:
    import torch

    torch.save(content, path)
    return path


MODULES = {  # what is wrong: the function, what is said, and the line if one is meant
    "raises on import": ("SIZE = NAME\ndef build(): pass\n", "net:build cannot be run: NameError", ":12"),
    "raises": ("def build():\n    return [][1]\n", "net:build cannot be run: IndexError", ":13"),
    "other arguments": ("def build(size): pass\n", "net:build cannot be run: TypeError: .*size", ""),
    "no function": ("def make(): pass\n", "net has no function build", ""),
    "no module": ("def build(): return 3\n", "returns int, and not a torch.nn.Module", ""),
    "other classes": ("def build(): return Net(6)\n", r"gives \[2, 6\] for 2 clips, and the model's file says \[2, 5\]", ""),
    "one row for all": ("class One(Net):\n    def forward(self, video): return super().forward(video).mean(0)\nbuild = One\n",
                        r"gives \[5\] for 2 clips", ""),
    "several tensors": ("class Two(Net):\n    def forward(self, video): return [super().forward(video)]\ndef build(): return Two()\n",
                        "gives list, and not one tensor", ""),
    "probabilities": ("def build(): return nn.Sequential(Net(), nn.Softmax(1))\n", "gives probabilities", ""),
    "other input": ("class In(Net):\n    def forward(self, video):\n        return self.net(video)\ndef build(): return In()\n",
                    r"cannot be given \[2, 2, 3, 8, 8\]: RuntimeError", ""),
}


@pytest.mark.parametrize("what", MODULES)
def test_a_module_that_is_no_network_is_one_sentence(tmp_path: Path, what: str) -> None:
    """With the file, the line at which the person's code stopped, and what to do."""
    text, said, line = MODULES[what]
    network = of_module(tmp_path, text)
    if what == "other input":
        network = replace(network, input=Tensor("video", (2, 3, 8, 8)))
    with pytest.raises(TruthError, match=said) as caught:
        networks.build_network(network)

    assert str(caught.value.where).startswith(f"{tmp_path / 'net.py'}{line}")
    assert caught.value.remedy
    assert "\n" not in caught.value.what


def test_each_folder_has_its_own_module_of_a_name(tmp_path: Path) -> None:
    """A module of the same name from another folder is never taken, and the path of imports is restored."""
    before, found = [*sys.path], []
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "blocks.py").write_text(f"SIZE = {number}\n")
        module = networks.build_network(of_module(tmp_path / str(number), "import blocks\ndef build():\n    net = Net()\n"
                                                                          "    net.size = blocks.SIZE\n    return net\n"))
        found.append(module.size)

    assert [1, 2] == found
    assert before == sys.path


def test_a_module_that_changed_since_it_was_found_is_refused(tmp_path: Path) -> None:
    """The network's keys hold the digest of the first text."""
    network = of_module(tmp_path, "def build(): return Net()\n")
    of_module(tmp_path, "def build(): return Net(5)\n")
    with pytest.raises(TruthError, match=r"net\.py, or what it imports, has changed"):
        networks.build_network(network)


@pytest.mark.parametrize("around", [lambda state: state, lambda state: {"state_dict": state, "epoch": 3},
                                    lambda state: {f"module.{name}": value for name, value in state.items()}],
                         ids=["alone", "under a key", "DataParallel"])
def test_weights_of_a_module_are_read_by_its_own_names(tmp_path: Path, around: object) -> None:
    """Names that begin as a wrapping does, as `net.`, are taken for the module's own where they are."""
    import torch

    network = of_module(tmp_path, "class Bare(Net):\n    def __init__(self):\n        super().__init__()\n        del self.last\n"
                                  "def build(): return Bare()\n")
    state = {name: torch.full_like(value, 3) for name, value in networks.build_network(network).state_dict().items()}
    loaded = networks.load_network(network, saved(tmp_path / "w.pth", around(state))).state_dict()  # type: ignore[operator]

    assert state.keys() == loaded.keys()
    assert all((value == 3).all() for value in loaded.values())


@pytest.mark.parametrize(("change", "said"), [("missing", "is missing 1 of 11 keys: net.0.bias"),
                                              ("unknown", "has unknown 1 of 11 keys: a"),
                                              ("misshapen", r"has misshapen 1 of 11 keys: net.0.bias \(1,\) instead of \(4,\)")])
def test_weights_of_another_module_are_one_sentence(tmp_path: Path, change: str, said: str) -> None:
    """Every key and shape must match, as for mmaction2's networks."""
    network = of_module(tmp_path, "def build(): return Net()\n")
    state = dict(networks.build_network(network).state_dict())
    bias = state.pop("net.0.bias")
    state |= {"missing": {}, "unknown": {"net.0.bias": bias, "a": bias}, "misshapen": {"net.0.bias": bias[:1]}}[change]
    with pytest.raises(WeightsError, match=said) as caught:
        networks.load_network(network, saved(tmp_path / "w.pth", state))

    assert "give weights of net:build" == caught.value.remedy


@pytest.mark.parametrize(("build", "classes"), [("def build(num_classes): return Net(num_classes)\n", 3),
                                                ("def build(): return Net()\n", 5)])
def test_a_function_that_takes_the_classes_gets_those_of_the_checkpoint(tmp_path: Path, build: str, classes: int) -> None:
    """Otherwise the module's own number holds, and a checkpoint of another one does not fit."""
    network = of_module(tmp_path, build)
    small = of_module(tmp_path, "def build(): return Net(3)\n")
    state = networks.build_network(replace(small, output=Tensor("class", (3,)))).state_dict()
    network, path = of_module(tmp_path, build), saved(tmp_path / "w.pth", state)
    if classes == 5:
        with pytest.raises(WeightsError, match="misshapen 2"):
            _check(network, path, sha256(path), tmp_path)
    else:
        assert {"classes": classes} == _check(network, path, sha256(path), tmp_path)


def test_softmax_is_put_behind_the_logits_of_a_module(tmp_path: Path) -> None:
    """Where the model's file says so, and nowhere else."""
    import torch

    network = of_module(tmp_path, "def build(): return Net()\n")
    module, clip = networks.build_network(network), torch.ones(1, 3, 3, 8, 8)
    with torch.inference_mode():
        logits = module(clip)
        assert torch.equal(logits, networks.deployed(network, module)(clip))
        assert torch.equal(torch.softmax(logits, 1), networks.deployed(replace(network, softmax=True), module)(clip))
