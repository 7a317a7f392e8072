"""Graphs made of a whole one give the whole's tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.blocks import network, video
from suites.selftest.locating.test_whole import graph
from tools.locating.cutting import cut, with_outputs
from tools.locating.on_cpu import as_written
from tools.locating.values import Span, Tensors
from tools.locating.whole import Whole


def everything(whole: Whole, feeds: Tensors) -> Tensors:
    """All tensors of the reference."""
    names = [name for node in whole.nodes for name in node.output if name]
    return {**feeds, **as_written(with_outputs(whole, names), feeds)}


def require_same(whole: Whole, spans: list[Span], feeds: Tensors) -> None:
    """Check that spans that are fed the whole's tensors make the whole's tensors, bit for bit."""
    import onnx

    tensors = everything(whole, feeds)
    parts = cut(whole, spans, tensors)
    onnx.checker.check_model(parts.model)
    found = as_written(parts.model, parts.feeds(tensors))
    assert {name for span in spans for name in whole.made(span)} == set(found)
    for name, values in found.items():
        assert values.tobytes() == tensors[name].tobytes(), name


@pytest.mark.parametrize("how", ["parts", "nodes", "halves"])
def test_parts_that_are_fed_the_wholes_tensors_make_them_again(how: str) -> None:
    """Whether they are parts of the network, nodes or halves, all in one model: bit for bit."""
    whole = Whole(network())
    count = len(whole.nodes)
    spans = {"parts": whole.segments(), "nodes": [whole.node(number) for number in range(count)],
             "halves": [whole.range(0, count // 2), whole.range(count // 2, count)]}[how]
    require_same(whole, spans, video())


def test_no_part_reads_what_another_makes() -> None:
    """What one makes and another reads is fed: an error does not pass on."""
    whole = Whole(network())
    tensors = everything(whole, video())
    parts = cut(whole, whole.segments(), tensors)
    spoilt = {name: np.zeros_like(value) for name, value in parts.feeds(tensors).items()}
    second, last = whole.segments()[1], whole.segments()[-1]
    fed = {given for given, name in parts.fed if name in (*whole.read(second), *whole.read(last))}
    found = as_written(parts.model, {name: value if name in fed else spoilt[name] for name, value in parts.feeds(tensors).items()})

    for name in (*whole.made(second), *whole.made(last)):
        assert found[name].tobytes() == tensors[name].tobytes()


def test_a_part_can_give_what_lies_inside_it() -> None:
    """Instead of what it makes for others."""
    whole = Whole(network())
    tensors = everything(whole, video())
    inner = whole.nodes[0].output[0]
    parts = cut(whole, [whole.range(0, 5)], tensors, [inner])

    assert [inner] == list(as_written(parts.model, parts.feeds(tensors)))


def test_the_whole_gives_more_outputs_and_keeps_its_own() -> None:
    """Each once, however often it is asked for."""
    whole = Whole(network())
    inner = whole.nodes[2].output[0]
    model = with_outputs(whole, [inner, "scores", inner])

    assert ["scores", inner] == [one.name for one in model.graph.output]
    assert ["scores"] == [one.name for one in whole.model.graph.output]


def odd() -> Any:
    """Whole numbers, truths, nothing at all, an input left out, a Constant, a tensor given and read."""
    from onnx import helper, numpy_helper

    five, none = numpy_helper.from_array(np.array([5], np.int64)), numpy_helper.from_array(np.array([0, 3], np.int64))
    nodes = [helper.make_node("Constant", [], ["five"], value=five), helper.make_node("Constant", [], ["none"], value=none),
             helper.make_node("Shape", ["x"], ["shape"]), helper.make_node("Add", ["shape", "five"], ["more"]),
             helper.make_node("Cast", ["more"], ["wide"], to=1), helper.make_node("Greater", ["x", "low"], ["truths"]),
             helper.make_node("Where", ["truths", "x", "low"], ["kept"]), helper.make_node("Clip", ["kept", "", "low"], ["y"]),
             helper.make_node("Slice", ["y", "zero", "zero"], ["empty"]), helper.make_node("Concat", ["empty", "y"], ["z"], axis=0)]
    low, zero = numpy_helper.from_array(np.array(0.25, np.float32), "low"), numpy_helper.from_array(np.array([0], np.int64), "zero")
    model = graph(nodes, initializer=[low, zero])
    for name in ("z", "wide", "x"):
        model.graph.output.add().CopyFrom(helper.make_tensor_value_info(name, 1, None))
    return model


def test_odd_graphs_are_cut_as_well() -> None:
    """Whole numbers, truths, tensors of nothing, inputs left out, outputs that are read or are inputs."""
    whole = Whole(odd())
    feeds = {"x": np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32)}

    require_same(whole, [whole.node(number) for number in range(len(whole.nodes))], feeds)
    require_same(whole, [whole.range(0, 3), whole.range(3, len(whole.nodes))], feeds)
