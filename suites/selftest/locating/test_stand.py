"""A graph is opened as it takes the batch, and its scores are read as the network has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.looking import WIDTH, graph, network
from tools.deployment.specialise import Given, Graph
from tools.engines.fit import Asked
from tools.engines.onnxruntime_session import GIVEN_GRAPH, OWN_GRAPH
from tools.errors import EngineError, GraphError
from tools.locating import locate
from tools.machine.files import sha256


def test_a_graph_that_is_compiled_already_cannot_be_cut(tmp_path: Path) -> None:
    compiled = replace(graph(tmp_path), path=tmp_path / "a.om")

    with pytest.raises(GraphError, match="compiled already") as caught:
        locate.opened(network(), compiled, np.zeros((4, WIDTH), np.float32))
    assert "--graph" in str(caught.value.remedy)


def given_graph(folder: Path, change: Callable[[Any], None]) -> Graph:
    """The graph as a person gives it, changed."""
    import onnx

    one = graph(folder)
    model = onnx.load(str(one.path))
    change(model)
    onnx.save_model(model, str(one.path))
    sha = sha256(one.path)
    return replace(one, digest=sha, given=Given("mine", ((one.path, sha),), Asked("F"), "fp32", shape=f"4,{WIDTH}", input="video"))


def test_a_given_graph_is_fed_in_its_own_layout(tmp_path: Path) -> None:
    """Its free axes are fixed, so that every tensor's size is known."""
    def free(model: Any) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "n"

    stand = locate.opened(network(), given_graph(tmp_path, free), np.ones((4, WIDTH), np.float32))

    assert {"video": (4, WIDTH)} == {name: value.shape for name, value in stand.fed.feeds.items()}
    assert 4 * 4 * WIDTH == stand.fed.whole.bytes_of("m3")


@pytest.mark.parametrize("softmax", [False, True])
def test_scores_of_a_given_graph_are_compared_as_the_network_has_them(tmp_path: Path, *, softmax: bool) -> None:
    """Those among several outputs, and probabilities as logarithms, so that small ones count."""
    def ends_otherwise(model: Any) -> None:
        from onnx import TensorProto, helper

        model.graph.output.insert(0, helper.make_tensor_value_info("t1", TensorProto.FLOAT, [4, 3, 4]))
        model.graph.node[3].output[0] = "flat"
        model.graph.node[4].input[0] = "flat"
        model.graph.initializer.append(helper.make_tensor("shape", TensorProto.INT64, [3], [4, 3, 4]))
        model.graph.node.insert(4, helper.make_node("Reshape", ["flat", "shape"], ["t1"], name="/network/Reshape"))
        model.graph.node[-1].output[0] = "logits"
        model.graph.node.append(helper.make_node("Softmax", ["logits"], ["scores"], name="/network/Softmax", axis=-1))

    batch = 1000 * np.random.default_rng(1).normal(size=(4, WIDTH)).astype(np.float32)
    stand = locate.opened(replace(network(), softmax=softmax), given_graph(tmp_path, ends_otherwise), batch)
    small = stand.rows.copy()
    small[range(4), small.argmin(axis=1)] *= 1.5
    stage, apart_ = locate.scores_beside(stand, {"t1": np.zeros((4, 3, 4), np.float32), "scores": small}, "fp32")

    assert "scores" == stand.output
    assert stage.differs
    assert apart_.weight < stage.limit


@pytest.mark.parametrize("given", [True, False], ids=["given", "ours"])
def test_a_graph_that_is_refused_is_named_with_who_can_say_more(tmp_path: Path, *, given: bool) -> None:
    """By its file: a person's is inspected, and ours is verified."""
    def unknown(model: Any) -> None:
        model.graph.node[0].op_type = "Unheard"

    one = given_graph(tmp_path, unknown)
    stand = locate.opened(network(), one if given else replace(one, given=None), np.ones((4, WIDTH), np.float32))
    with pytest.raises(EngineError) as caught:
        _ = stand.rows
    assert (str(one.path), GIVEN_GRAPH if given else OWN_GRAPH) == (caught.value.where, caught.value.remedy)


def test_a_graph_that_fails_in_a_run_is_named_too(tmp_path: Path) -> None:
    """With what is to be done."""
    one = graph(tmp_path)
    stand = locate.opened(network(), one, np.ones((4, WIDTH), np.float32))
    with pytest.raises(EngineError, match="cannot run the graph") as caught:
        stand.fed.runs(stand.fed.whole.model, {"video": np.ones((4, WIDTH + 1), np.float32)})
    assert (str(one.path), OWN_GRAPH) == (caught.value.where, caught.value.remedy)
