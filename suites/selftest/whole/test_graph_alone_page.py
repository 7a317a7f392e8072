"""The page on a model that is an ONNX file alone, followed from nothing: its files written, its lines run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.conftest import ONE_THREAD, TINY_MODELS, clean_environment, python
from suites.selftest.whole.pages import FENCE, Page
from tools.datasets.mini import clips
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import ROOT

PAGE = "suites/models/README.md"
LONGEST_S = 600
SOMEBODY = """
import sys
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

MEAN, DEVIATION = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
COLOURS = torch.tensor([[200.0, 90.0, 60.0], [60.0, 90.0, 200.0], [70.0, 180.0, 70.0]])


class Colours(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Conv3d(3, 16, 3, padding=1), torch.nn.ReLU(),
                                            torch.nn.Conv3d(16, 16, 3, padding=1), torch.nn.ReLU())
        self.head = torch.nn.Linear(16, 3)

    def forward(self, frames):
        return self.head(self.features(frames.transpose(1, 2)).mean((2, 3, 4)))


torch.manual_seed(0)
network = Colours()
optimiser = torch.optim.Adam(network.parameters(), 0.01)
for _ in range(150):
    labels = torch.randint(3, (24,))
    pixels = COLOURS[labels].reshape(24, 1, 3, 1, 1) + 25 * torch.randn(24, 1, 3, 1, 1) + 30 * torch.randn(24, 4, 1, 8, 8)
    loss = torch.nn.functional.cross_entropy(network((pixels - MEAN.reshape(3, 1, 1)) / DEVIATION.reshape(3, 1, 1)), labels)
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
torch.onnx.export(network.eval(), (torch.zeros(2, 4, 3, 64, 64),), sys.argv[1], input_names=["frames"], output_names=["scores"],
                  dynamic_axes={"frames": {0: "n"}, "scores": {0: "n"}}, opset_version=13, dynamo=False)
model = onnx.load(sys.argv[1])
for tensor in model.graph.initializer:
    name = tensor.name
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("float16"), name + "_half"))
    model.graph.node.insert(0, helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT))
onnx.save(model, sys.argv[2])
"""


def section() -> Sequence[tuple[str, str]]:
    """The fenced blocks of the section, each with its language."""
    text = Page(PAGE).text.partition("## An ONNX file alone\n")[2]
    return FENCE.findall(re.split(r"^## ", text, flags=re.MULTILINE)[0])


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with nothing built in it; in `mine` what the page says, and what it takes for granted."""
    folder = tmp_path_factory.mktemp("fresh") / "clipgate"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns("artifacts", ".git", ".venv", "__pycache__", ".*_cache"))
    mine = folder / "mine"
    mine.mkdir()
    for _, block in section():
        if named := re.match(r"# (mine/\S+)\n", block):
            (folder / named[1]).write_text(block)
    spec = load_spec(TINY_MODELS, "tiny")
    assert isinstance(spec, ModelSpec)
    clips.build(replace(spec.mini, train_per_class=0), mine)
    rows = [line.split() for line in (mine / clips.list_name("rawframes")).read_text().splitlines()]
    (mine / "list.txt").write_text("".join(f"{path} {frames} {int(label) // 4}\n" for path, frames, label in rows))  # its colour
    done = python("-c", SOMEBODY, str(mine / "colours.onnx"), str(mine / "colours_fp16.onnx"), environment=ONE_THREAD)
    assert done.returncode == 0, done.stderr
    return folder


def words(said: str) -> Mapping[str, str]:
    """The verdict of each metric in a table of results."""
    row = re.compile(r"^colours-bs4-cpu +list\.txt +(\S+(?: expected)?) .*?(PASS|RECORDED(?:: learning \(1 of 8\))?|FAIL|NO VERDICT|ERROR)"
                     r"(?: \(short\))?$",
                     re.MULTILINE)
    return dict(row.findall(said))


@pytest.mark.slow
@pytest.mark.torch
def test_the_page_holds_from_nothing(clone: Path) -> None:
    """Every file and every line of it, in this order, and what it says comes of the first."""
    environment = {**clean_environment(), **ONE_THREAD, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    blocks = section()
    lines = [line for kind, block in blocks if kind == "sh" for line in block.splitlines()]
    [shown] = [block for kind, block in blocks if not kind]
    began, said = time.monotonic(), []
    for line in lines:
        done = subprocess.run(["bash", "-c", line], cwd=clone, env=environment, text=True, capture_output=True, timeout=LONGEST_S,
                              check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"
        said.append(done.stdout)
    own, expected, half, reference = said

    assert words(shown) == words(own)
    assert {"top1": "RECORDED", "top5": "RECORDED", "top1 expected": "PASS"} == words(expected)
    assert {"top1": "PASS", "top5": "PASS", "inputs": "PASS", "difference": "RECORDED", "cosine": "RECORDED",
            "flipped": "RECORDED"} == words(half)
    assert 5 == own.count(": beside ONNX Runtime float32 on the CPU, which is what was measured as well")
    assert "ONNX Runtime" in reference
    assert time.monotonic() - began < LONGEST_S
