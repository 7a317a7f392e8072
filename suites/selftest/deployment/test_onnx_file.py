"""What is read of an ONNX file is read wherever it stands: in a node, a branch or a function too."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from suites.selftest import own_graphs
from suites.selftest.own_graphs import OwnModel
from tools.deployment import own_graph
from tools.deployment.onnx_file import external, precision
from tools.errors import GraphError
from tools.machine.files import sha256

if TYPE_CHECKING:
    import onnx

FP16, BF16, FLOAT = 10, 16, 1
THERE = "com.microsoft"


def array(name: str, size: int = 100, kind: Any = np.float32) -> onnx.TensorProto:
    from onnx import numpy_helper

    return numpy_helper.from_array(np.zeros(size, kind), name)


def node(kind: str, takes: str = "x", gives: str = "y", **more: Any) -> onnx.NodeProto:
    from onnx import helper

    return helper.make_node(kind, takes.split(), gives.split(), **more)


def graph(nodes: list[onnx.NodeProto], *held: onnx.TensorProto, sparse: Any = None) -> onnx.GraphProto:
    from onnx import helper

    return helper.make_graph(nodes, "g", [], [], held, sparse_initializer=sparse)


def model(nodes: list[onnx.NodeProto], *held: onnx.TensorProto, functions: Any = (), sparse: Any = None) -> onnx.ModelProto:
    from onnx import helper

    return helper.make_model(graph(nodes, *held, sparse=sparse), functions=functions)


def placed(place: str, tensor: onnx.TensorProto) -> onnx.ModelProto:
    """A model that holds *tensor* at that place only."""
    from onnx import helper

    constant = node("Constant", "", "held", value=tensor)
    branch = graph([constant], array("scale"))
    if place == "constant":
        return model([constant])
    if place == "branch":
        return model([node("If", then_branch=graph([], tensor), else_branch=graph([]))])
    if place == "branch of a branch":
        return model([node("If", then_branch=graph([node("If", then_branch=branch, else_branch=graph([]))]), else_branch=graph([]))])
    if place == "function":
        return model([node("F", domain="mine")], functions=[
            helper.make_function("mine", "F", ["x"], ["y"], [constant], [helper.make_opsetid("", 13)])])
    sparse = helper.make_sparse_tensor(tensor, array("where", 1, np.int64), [5000])
    if place == "sparse":
        return model([], sparse=[sparse])
    if place == "sparse constant":
        return model([node("Constant", "", "held", sparse_value=sparse)])
    return model([node("Identity")], tensor)


PLACES = ["graph", "constant", "branch", "branch of a branch", "function", "sparse", "sparse constant"]


@pytest.mark.parametrize("place", PLACES)
def test_a_file_of_weights_is_found_wherever_it_is_named(place: str) -> None:
    """Else another one there would change no digest."""
    tensor = array("weights")
    tensor.data_location = tensor.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "more.bin"

    assert ["more.bin"] == external(placed(place, tensor))


@pytest.mark.parametrize("place", PLACES)
def test_half_precision_is_found_wherever_it_is(place: str) -> None:
    """A large constant tells it, beside a larger table in float32."""
    found = placed(place, array("weights", 1024, np.float16))
    found.graph.initializer.append(array("table", 9000))

    assert "fp16" == precision(found)


@pytest.mark.parametrize(("kind", "domain", "wanted"), [
    ("QuantizeLinear", "", "int8"), ("DequantizeLinear", "", "int8"), ("DynamicQuantizeLinear", "", "int8"), ("ConvInteger", "", "int8"),
    ("MatMulIntegerToFloat", THERE, "int8"), ("MatMulNBits", THERE, "int8"), ("DynamicQuantizeMatMul", THERE, "int8"),
    ("QGemm", THERE, "int8"), ("QAttention", THERE, "int8"), ("QLinearAdd", THERE, "int8"), ("QuickGelu", THERE, "fp32"),
    ("QMine", "", "fp32"),
])
def test_a_quantised_operator_tells_int8(kind: str, domain: str, wanted: str) -> None:
    """In the graph, in a branch and in a function; what only begins with the same letter does not."""
    from onnx import helper

    one = node(kind, domain=domain)
    function = helper.make_function("mine", "F", ["x"], ["y"], [one], [helper.make_opsetid("", 13)])
    branch = node("If", then_branch=graph([one]), else_branch=graph([]))

    assert {wanted} == {precision(found) for found in (
        model([one], array("w")), model([branch], array("w")), model([node("F", domain="mine")], array("w"), functions=[function]))}


@pytest.mark.parametrize(("kind", "size", "takes", "wanted"), [
    (np.int8, 200, "w", "int8"), (np.uint8, 200, "w", "int8"), (np.int8, 100, "w", "fp32"), (np.int8, 200, "x", "fp32"),
    (np.int64, 200, "w", "fp32"),
])
@pytest.mark.parametrize("as_node", [False, True])
def test_weights_cast_from_whole_numbers_tell_int8(kind: Any, size: int, takes: str, wanted: str, as_node: bool) -> None:
    """Where they are more than the floats; indices are no weights."""
    weights, cast = array("w", size, kind), node("Cast", takes, to=FLOAT)
    held = node("Constant", "", "w", value=array("", size, kind))
    found = model([held, cast], array("f")) if as_node else model([cast], array("f"), weights)

    assert wanted == precision(found)


@pytest.mark.parametrize(("to", "takes", "wanted"), [(FP16, "h", "fp16"), (BF16, "h", "bf16"), (FLOAT, "h", "fp32"), (FP16, "x", "fp32")])
def test_a_cast_to_half_precision_tells_it(to: int, takes: str, wanted: str) -> None:
    """Where a node computes with what it gives; a result may be handed out in half precision."""
    assert wanted == precision(model([node("Cast", "w", "h", to=to), node("MatMul", f"{takes} w")], array("w", 5000)))


def test_a_constant_of_a_few_in_half_precision_is_no_matter() -> None:
    """A scale beside float32 weights."""
    assert "fp32" == precision(model([], array("scale", 1023, np.float16), array("w", 1024)))


def test_a_model_in_half_precision_is_no_reference(tmp_path: Path) -> None:
    """Whatever holds its constants."""
    import onnx

    own: OwnModel = own_graphs.model(tmp_path)
    made = onnx.load(str(own_graphs.save(own.graph, "half")))
    held = [node("Constant", "", one.name, value=one) for one in made.graph.initializer]
    rest = [*made.graph.node]
    del made.graph.initializer[:], made.graph.node[:]
    made.graph.node.extend([*held, *rest])
    onnx.save_model(made, str(own.graph))

    with pytest.raises(GraphError, match="has to be float32, and this one is fp16"):
        own_graph.read(own.spec.network, own.graph, sha256(own.graph), own_graph.asked(own.spec, own.spec.network), tmp_path)
