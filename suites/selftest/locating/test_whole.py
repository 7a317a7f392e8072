"""What a graph consists of: nodes in order, what they read and make, and the parts of the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.blocks import BLOCKS, network
from tools.errors import LocateError
from tools.locating.values import Span
from tools.locating.whole import PARTS, Whole


def graph(nodes: list[Any], **more: Any) -> Any:
    """A model of these nodes from `x` [2, 3] to `y`."""
    from onnx import TensorProto, helper

    made = helper.make_graph(nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
                             [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], **more)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def test_parts_are_the_modules_that_nodes_are_named_by() -> None:
    """Each block with its five nodes where that gives parts enough, and what stands before and after them."""
    whole = Whole(network())
    names = [part.name for part in whole.segments()]

    assert len(names) >= PARTS
    assert {"block0.conv1", "block0.relu1", f"block{BLOCKS - 1}.conv2", "head.fc"} <= set(names)
    assert len(set(names)) == len(names)


def test_parts_follow_each_other_and_leave_no_node_out() -> None:
    """Every node is in one part, in the order of the graph."""
    whole = Whole(network())
    numbers = [number for part in whole.segments() for number in range(part.start, part.stop)]

    assert list(range(len(whole.nodes))) == numbers


def test_a_graph_without_modules_has_parts_of_equally_many_nodes() -> None:
    """Names such as Conv_71 tell of no module; one part alone would have no neighbours."""
    from onnx import helper

    names = ["x", *(f"t{number}" for number in range(29)), "y"]
    whole = Whole(graph([helper.make_node("Relu", [names[at]], [names[at + 1]], name=f"Relu_{at}") for at in range(30)]))
    parts = whole.segments()

    assert len(parts) == PARTS
    assert {2, 3} == {len(part) for part in parts}
    assert "Relu_0 to Relu_1" == parts[0].name
    assert (0, 30) == (parts[0].start, parts[-1].stop)


def test_what_a_rewrite_puts_behind_a_tensor_is_of_its_module() -> None:
    """A node named after a tensor is no module of its own."""
    from onnx import helper

    nodes = [helper.make_node("Relu", ["x"], ["/network/conv3/Conv_output_0"], name="/network/conv3/Conv"),
             helper.make_node("Relu", ["/network/conv3/Conv_output_0"], ["y"], name="/network/conv3/Conv_output_0/Squeeze")]

    assert [("conv3",), ("conv3",)] == Whole(graph(nodes)).modules


def test_constants_and_dead_nodes_are_no_nodes() -> None:
    """A Constant is a constant like others, and what nobody reads is nobody's fault."""
    from onnx import helper, numpy_helper

    value = numpy_helper.from_array(np.ones(3, np.float32))
    nodes = [helper.make_node("Constant", [], ["one"], value=value), helper.make_node("Constant", [], ["two"], value_float=2.0),
             helper.make_node("Add", ["x", "one"], ["sum"], name="Add_2"), helper.make_node("Neg", ["sum"], ["dead"], name="Neg_3"),
             helper.make_node("Abs", ["dead"], ["too"], name="Abs_4"), helper.make_node("Mul", ["sum", "two"], ["y"], name="Mul_5")]
    whole = Whole(graph(nodes))

    assert ["Add_2", "Mul_5"] == [node.name for node in whole.nodes]
    assert {"one", "two"} == set(whole.constants)
    assert (["x"], ["sum"]) == (whole.read(Span("", 0, 1)), whole.made(Span("", 0, 1)))


def test_a_part_makes_what_is_read_behind_it_and_what_the_graph_gives() -> None:
    """A tensor that stays inside is nobody's input; one that the graph gives and others read is made."""
    from onnx import helper

    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Neg", ["a"], ["y"]), helper.make_node("Add", ["x", "y"], ["b"]),
             helper.make_node("Abs", ["b"], ["z"])]
    model = graph(nodes)
    model.graph.output.add().name = "z"
    whole = Whole(model)

    assert ["y"] == whole.made(Span("", 0, 2))
    assert ["y", "z"] == whole.made(Span("", 0, 4))
    assert ["x", "y"] == whole.read(Span("", 2, 4))
    assert "a" == whole.node(0).name


def test_bytes_are_those_of_the_type() -> None:
    """Shape times width; where a shape is not known, as many as the largest tensor has."""
    whole = Whole(network())

    assert 2 * 6 * 8 * 8 * 4 == whole.bytes_of("/network/block0/conv1/Conv_output_0")
    assert 2 * 6 * 8 * 8 * 4 == whole.bytes_of("nowhere")


def test_a_node_that_holds_a_graph_is_refused() -> None:
    """Its inner graph may read any tensor around it, and cannot be cut."""
    from onnx import TensorProto, helper, numpy_helper

    given = helper.make_tensor_value_info("r", TensorProto.FLOAT, None)
    inner = helper.make_graph([helper.make_node("Relu", ["x"], ["r"])], "inner", [], [given])
    node = helper.make_node("If", ["yes"], ["y"], name="If_0", then_branch=inner, else_branch=inner)
    with pytest.raises(LocateError, match="If If_0 holds a graph of its own"):
        Whole(graph([node], initializer=[numpy_helper.from_array(np.ones((), np.bool_), "yes")]))


def test_what_is_no_plain_tensor_is_refused() -> None:
    """A sequence cannot be compared; sparse weights cannot be cut."""
    from onnx import TensorProto, helper

    model = graph([helper.make_node("SequenceConstruct", ["x"], ["y"])])
    model.graph.output[0].CopyFrom(helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, [2, 3]))
    with pytest.raises(LocateError, match="y is no plain tensor"):
        Whole(model)
    hidden = [helper.make_node("SequenceConstruct", ["x"], ["s"]), helper.make_node("SequenceLength", ["s"], ["y"])]
    with pytest.raises(LocateError, match="s is no plain tensor"):
        Whole(graph(hidden))
    value, index = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0]), helper.make_tensor("i", TensorProto.INT64, [1], [0])
    sparse = helper.make_sparse_tensor(value, index, [3])
    with pytest.raises(LocateError, match="sparse"):
        Whole(graph([helper.make_node("Add", ["x", "w"], ["y"])], sparse_initializer=[sparse]))
