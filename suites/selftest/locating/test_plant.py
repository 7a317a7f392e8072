"""Planted faults change the node that they are in, in any graph that has it, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.locating import plant
from suites.selftest.locating.blocks import network, video
from suites.selftest.locating.plant import KINDS, Fault, Kind, chosen, effect, number_of, places, planted
from suites.selftest.locating.rounding import DEVICES, in_half, ten_bits
from suites.selftest.locating.test_cutting import everything
from tools.locating.cutting import cut, with_outputs
from tools.locating.difference import difference
from tools.locating.on_cpu import as_written
from tools.locating.values import Tensors
from tools.locating.whole import Whole

HERE: tuple[Kind, ...] = ("scaled-weight", "zeroed-channel", "padding", "no-relu", "overflow", "half-output", "wrong-constant",
                          "dropped-node")


@pytest.fixture(scope="module")
def whole() -> Whole:
    return Whole(network())


@pytest.fixture(scope="module")
def tensors(whole: Whole) -> Tensors:
    return everything(whole, video())


@pytest.mark.parametrize("kind", HERE)
def test_a_fault_changes_its_node_and_what_reads_it(kind: Kind, whole: Whole, tensors: Tensors) -> None:
    """Fed the right tensors, every other node makes the same bits; a reader of an overflow is rewritten."""
    fault = chosen(whole, kind, 5, lambda names: tensors)
    assert fault is not None
    nodes = cut(whole, [whole.node(number) for number in range(len(whole.nodes))], tensors)
    found = as_written(planted(nodes.model, fault), nodes.feeds(tensors))
    wrong = {whole.node(whole.maker[name]).name for name, values in found.items() if values.tobytes() != tensors[name].tobytes()}

    assert wrong == {fault.node} | ({fault.reader} if fault.reader else set())


@pytest.mark.parametrize("kind", HERE)
def test_a_fault_is_the_same_in_the_whole_graph_and_in_a_part(kind: Kind, whole: Whole, tensors: Tensors) -> None:
    """What the node makes in the whole graph is what it makes by itself."""
    fault = chosen(whole, kind, 6, lambda names: tensors)
    assert fault is not None
    span = whole.node(number_of(whole, fault.node))
    [name] = whole.made(span)
    alone = cut(whole, [span], tensors)
    in_whole = as_written(planted(with_outputs(whole, [name]), fault), video())[name]

    assert in_whole.tobytes() == as_written(planted(alone.model, fault), alone.feeds(tensors))[name].tobytes()


def test_places_are_random_and_seeded(whole: Whole, tensors: Tensors) -> None:
    """The same seed plants the same fault; others plant others."""
    found = [chosen(whole, "half-output", seed, lambda names: tensors) for seed in (1, 1, 2, 3, 4)]

    assert found[0] == found[1]
    assert len(set(found)) > 2


def test_a_fault_without_effect_is_none(whole: Whole, tensors: Tensors) -> None:
    """Where nothing is below zero a ReLU may be missing: another place is chosen, or none."""
    [first, *others] = places(whole, "no-relu", np.random.default_rng(0))
    node = whole.nodes[number_of(whole, first.node)]
    reads, makes = node.input[0], node.output[0]
    idle = {**tensors, reads: np.abs(tensors[reads]), makes: np.abs(tensors[reads])}
    picked = {chosen(whole, "no-relu", seed, lambda names: idle) for seed in range(40)}

    assert 0 == effect(whole, first, lambda names: idle)
    assert picked == set(others)
    assert chosen(whole, "no-relu", 0, lambda names: tensors, least=1e9) is None


def test_an_overflow_is_equal_in_float32_and_infinite_in_half(whole: Whole, tensors: Tensors) -> None:
    """The factor is a power of two, which float32 takes without rounding."""
    fault = chosen(whole, "overflow", 7, lambda names: tensors)
    assert fault is not None
    model = planted(whole.model, fault)
    half = as_written(in_half(model), video())["scores"]

    assert difference(as_written(model, video())["scores"], tensors["scores"]).rms < 1e-6
    assert not np.isfinite(half).all()


def test_a_shift_is_reversed_where_zeros_are_put_beside_it() -> None:
    """A Concat of a tensor and of zeros, made as x - x: what came first comes last."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Sub", ["x", "x"], ["no"], name="Sub_0"),
             helper.make_node("Slice", ["no", "a", "b"], ["zeros"], name="Slice_1"),
             helper.make_node("Slice", ["x", "b", "c"], ["rest"], name="Slice_2"),
             helper.make_node("Concat", ["rest", "zeros"], ["y"], name="Concat_3", axis=0)]
    bounds = [numpy_helper.from_array(np.array([number], np.int64), name) for name, number in (("a", 0), ("b", 1), ("c", 9))]
    graph = helper.make_graph(nodes, "shift", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 2])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [4, 2])], bounds)
    whole = Whole(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6))
    feeds = {"x": np.arange(8, dtype=np.float32).reshape(4, 2)}
    [fault] = places(whole, "reversed-shift", np.random.default_rng(0))

    assert [2, 3, 4, 5, 6, 7, 0, 0] == as_written(whole.model, feeds)["y"].ravel().tolist()
    assert [0, 0, 2, 3, 4, 5, 6, 7] == as_written(planted(whole.model, fault), feeds)["y"].ravel().tolist()


@pytest.mark.parametrize("kind", ["Reshape", "Flatten"])
def test_axes_swapped_in_a_reshape_keep_the_shape(kind: str) -> None:
    """The values come as if two axes of the new shape had been taken for each other."""
    from onnx import TensorProto, helper, numpy_helper

    inputs = ["x", "shape"] if kind == "Reshape" else ["x"]
    graph = helper.make_graph([helper.make_node(kind, inputs, ["y"], name="It")], "reshape",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 1])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 3])],
                              [numpy_helper.from_array(np.array([2, 3], np.int64), "shape")])
    whole = Whole(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6))
    feeds = {"x": np.arange(6, dtype=np.float32).reshape(2, 3, 1)}
    [fault] = places(whole, "swapped-axes", np.random.default_rng(0))

    assert [[0, 2, 4], [1, 3, 5]] == as_written(planted(whole.model, fault), feeds)["y"].tolist()


def test_a_wider_epsilon_makes_a_batchnorm_smaller() -> None:
    """By the root of its variance and the usual epsilon over that with the wider one."""
    from onnx import TensorProto, helper, numpy_helper

    numbers = {"scale": [2.0, 1.0], "shift": [0.5, 0.0], "mean": [1.0, -1.0], "variance": [0.01, 1.0]}
    graph = helper.make_graph([helper.make_node("BatchNormalization", ["x", *numbers], ["y"], name="Norm")], "norm",
                              [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 2, 3])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 2, 3])],
                              [numpy_helper.from_array(np.array(values, np.float32), name) for name, values in numbers.items()])
    whole = Whole(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6))
    feeds: dict[str, Any] = {"x": np.random.default_rng(0).normal(size=(1, 2, 3)).astype(np.float32)}
    [fault] = places(whole, "epsilon", np.random.default_rng(0))
    right, wrong = (as_written(model, feeds)["y"] for model in (whole.model, planted(whole.model, fault)))

    assert wrong[0, 0] - 0.5 == pytest.approx((right[0, 0] - 0.5) * np.sqrt((0.01 + 1e-5) / (0.01 + 1e-2)), rel=1e-4)


def test_a_zeroed_channel_is_zero(whole: Whole, tensors: Tensors) -> None:
    """With its bias; the others stay."""
    fault = Fault("zeroed-channel", "/network/block1/conv1/Conv", number=4)
    [name] = whole.made(whole.node(number_of(whole, fault.node)))
    wrong = as_written(planted(with_outputs(whole, [name]), fault), video())[name]

    assert not wrong[:, 4].any()
    assert np.delete(wrong, 4, 1).tobytes() == np.delete(tensors[name], 4, 1).tobytes()


def test_a_node_without_a_name_is_known_by_what_it_makes() -> None:
    """As whoever reads the graph knows it."""
    model = network()
    for node in model.graph.node:
        node.ClearField("name")
    whole = Whole(model)
    tensors = everything(whole, video())
    fault = chosen(whole, "padding", 0, lambda names: tensors)

    assert fault is not None
    assert fault.node.endswith("Conv_output_0")
    assert as_written(planted(model, fault), video())["scores"].tobytes() != tensors["scores"].tobytes()


def test_only_half_precision_has_a_small_range() -> None:
    """What TF32 keeps of a large number is a large number; half precision makes it infinite."""
    whole, large = Whole(network()), {"video": video()["video"] * np.float32(1e5)}
    one = cut(whole, [whole.node(0)], large)
    [exact], [tf32], [fp16] = (DEVICES[name](one.model, one.feeds(large)).values() for name in ("fp32", "tf32", "fp16"))

    assert 1e-5 < difference(tf32, exact).rms < 1e-3
    assert not np.isfinite(fp16).all()


def test_ten_bits_are_kept() -> None:
    """What is left is the nearest number with ten bits behind the first."""
    assert [1.0, 1 + 2**-10, -3.0] == ten_bits(np.array([1 + 2**-12, 1 + 2**-10 + 2**-12, -3.0], np.float32)).tolist()


def test_the_command_writes_one_file_with_the_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints the node. The same seed plants there again."""
    import onnx

    onnx.save_model(network(), str(tmp_path / "g.onnx"))
    assert 0 == plant.main([str(tmp_path / "g.onnx"), "--kind=no-relu", "--seed=3", f"--out={tmp_path / 'spoilt.onnx'}"])
    named = capsys.readouterr().out.split(" in ")[1].split(":")[0]
    ops = {node.name: node.op_type for node in onnx.load(str(tmp_path / "spoilt.onnx")).graph.node}

    assert "Identity" == ops[named]
    assert 1 == list(ops.values()).count("Identity")


def test_the_command_says_where_there_is_no_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A network without a shift has none that could be reversed."""
    import onnx

    onnx.save_model(network(), str(tmp_path / "g.onnx"))
    with pytest.raises(SystemExit):
        plant.main([str(tmp_path / "g.onnx"), "--kind=reversed-shift", f"--out={tmp_path / 'spoilt.onnx'}"])

    assert "has no place for reversed-shift" in capsys.readouterr().err
    assert set(HERE) < set(KINDS)
