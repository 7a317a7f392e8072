"""What the file of a model that is an ONNX file alone may say, and what it need not."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest import own_graphs
from tools.errors import TruthError
from tools.spec.catalog import load_spec
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS


def refused(folder: Path, old: str, new: str) -> str:
    own = own_graphs.model(folder)
    own.says(old, new)
    with pytest.raises(TruthError) as caught:
        load_spec(own.models, "colours")
    return str(caught.value)


@pytest.mark.parametrize(("new", "words"), [
    ('config="a.py", graph="colours.onnx"', "network has config and graph"),
    ('config="a.py", module="net:build"', "network has config and module"),
    ('rows=1', "network has neither config, module nor graph"),
    ('graph="colours.onnx", overrides=(("a", 1),)', "network.overrides is for a network that torch builds"),
    ('graph="colours.onnx", surgery=("constant-shift",)', "network.surgery is for a network that torch builds"),
    ('graph="colours.onnx", graph_input="NN"', "network.graph_input: 'NN' is no layout"),
    ('graph="colours.onnx", graph_output="scores=loud"', "network.graph_output: 'loud' is no scale of scores"),
    ('config="a.py", graph_input="NTCHW"', "network.graph_input is for a network that is an ONNX file"),
    ('config="a.py"', "mini is missing"),
])
def test_a_file_that_says_two_things_is_refused(tmp_path: Path, new: str, words: str) -> None:
    """A network comes from one place, and a model that can be fitted to the mini clips says how."""
    assert words in refused(tmp_path, 'graph="colours.onnx"', new)


def test_a_localiser_is_no_file_alone(tmp_path: Path) -> None:
    """Its two graphs are judged with --graph."""
    text = (MODELS / "bsn.py").read_text()
    config = next(line for line in text.splitlines() if "config=" in line)
    path = tmp_path / "bsn.py"
    path.write_text(text.replace(config, f"{config.partition('config=')[0]}graph='tem.onnx',", 1))

    with pytest.raises(TruthError, match="an ONNX file alone can be a recogniser only"):
        load_spec(tmp_path, "bsn")


def test_input_and_output_are_named() -> None:
    """A config that is left out moves nothing into its place."""
    with pytest.raises(TypeError):
        Network("own", "a.py", (), Tensor("a", (1,)), Tensor("b", (2,)))  # type: ignore[call-arg]
