"""Which tensor of an exported graph is what a module gave in torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from suites.selftest.deployments import noise
from tools.locating.in_torch import InTorch
from tools.locating.whole import Whole
from tools.pytorch.layers import Called, Layers

if TYPE_CHECKING:
    import onnx

    from tools.deployment.weights import Weights
    from tools.spec.model import Spec
    from tools.storage.context import Context

SHAPE = (2, 4)


def graph(*paths: str) -> onnx.ModelProto:
    """A chain of nodes of these names, each of which makes a tensor that is called after it."""
    from onnx import TensorProto, helper

    names = ["x", *(f"{path}_output" for path in paths)]
    nodes = [helper.make_node("Relu", [names[number]], [names[number + 1]], name=path) for number, path in enumerate(paths)]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)] for name in (names[0], names[-1])]
    return helper.make_model(helper.make_graph(nodes, "g", *ends))


def found(paths: list[str], *calls: tuple[str, int | None]) -> dict[str, tuple[str, str]]:
    """By the tensors of a graph of nodes of these names: what the calls of modules have in their place.

    calls: the module of each, and the number of the call whose output it takes.
    """
    torch = InTorch(cast("Context[Spec]", None), cast("Weights", None), noise(*SHAPE))
    vars(torch)["layers"] = Layers(np.zeros(1), tuple(Called(f"network/{module}", SHAPE, takes) for module, takes in calls), {})
    there = torch.counterparts(Whole(graph(*paths)))
    return {name.removeprefix("/network/"): (one.names[0], one.reads[0][1]) for name, one in there.items()}


def test_a_module_without_nodes_is_part_of_the_one_before() -> None:
    """A BatchNorm that became part of a convolution, but none that reads something else."""
    calls = ("conv", None), ("bn", 0), ("relu", 1)

    assert {"conv/Conv_output": ("1 gives", "0 takes"), "relu/Relu_output": ("2 gives", "2 takes")} == found(
        ["/network/conv/Conv", "/network/relu/Relu"], *calls)
    assert {"conv/Conv_output": ("0 gives", "0 takes")} == found(["/network/conv/Conv"], ("conv", None), ("bn", None))


def test_a_module_that_runs_often_is_found_each_time() -> None:
    """In the order of its runs; where one of them has no nodes, none is taken for another."""
    calls = ("relu", None), ("conv", None), ("relu", None)
    paths = ["/network/relu/Relu", "/network/conv/Conv", "/network/relu/Relu_1"]

    assert ["0 gives", "1 gives", "2 gives"] == [gives for gives, _ in found(paths, *calls).values()]
    assert ["conv/Conv_output"] == [*found(paths[:2], *calls)]


def test_the_second_of_two_modules_of_one_path_is_numbered() -> None:
    """As in two pathways; a module whose own name ends in a number is no second one."""
    assert {"conv/Conv_output": ("0 gives", "0 takes"), "conv_1/Conv_output": ("1 gives", "1 takes")} == found(
        ["/network/conv/Conv", "/network/conv_1/Conv"], ("conv", None), ("conv", None))
    assert {"conv/Conv_output": ("1 gives", "1 takes"), "conv_1/Conv_output": ("0 gives", "0 takes")} == found(
        ["/network/conv/Conv", "/network/conv_1/Conv"], ("conv_1", None), ("conv", None))
