"""A cause is a fact of values where nothing else explains an error: range, cancelling, a flat operator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.small import device, named, node, normal, weights, whole
from tools.locating.causes import MOST, known, seen
from tools.locating.evidence import thinned
from tools.locating.on_cpu import as_written
from tools.locating.roundings import rounded
from tools.locating.values import Tensors


def in_half(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


def half_device(model: Any, feeds: Tensors) -> dict[str, np.ndarray]:
    """A device that reads and gives half precision."""
    return {name: in_half(one) for name, one in as_written(model, {name: in_half(one) for name, one in feeds.items()}).items()}


@pytest.mark.parametrize(("scale", "side"), [(2e4, "input range -1.1e5..1.1e5"), (3e3, "output range ")])
def test_values_beyond_half_precision_are_told(scale: float, side: str) -> None:
    """Of the first side that exceeds it, with its range."""
    feeds = {"x": np.round(normal(64, 500, scale=scale))}
    feeds["x"].flat[:2] = np.array([5.5, -5.5], np.float32) * scale
    graph = whole([node("MatMul", ["x", "w"], "y")], feeds, {"w": normal(500, 8, seed=1)})

    [found] = named(graph, feeds, half_device, "fp16")

    assert found.kind == "range"
    assert found.sentence.startswith(side)
    assert found.sentence.endswith("exceeds fp16")


def test_a_device_of_float32_may_read_large_values() -> None:
    """Their range is no cause where nothing becomes infinite."""
    feeds = {"x": normal(8, 8, scale=1e6)}
    graph = whole([node("Relu", ["x"], "y")], feeds, {})

    assert named(graph, feeds, device(after=lambda one: one + normal(8, 8, seed=4, scale=1e5))) == ()


def test_terms_beyond_half_precision_are_told() -> None:
    """Where neither what is read nor what is made exceeds it, but what is added up on the way."""
    feeds = {"x": np.tile(np.array([6e3, -6e3], np.float32), (4, 50)) + normal(4, 100, scale=99)}
    graph = whole([node("ReduceSum", ["x", "axes"], "y", keepdims=0)], feeds, {"axes": np.array([1])})

    [found] = named(graph, feeds, device(after=lambda one: np.full_like(one, np.inf)), "fp16")

    assert found.kind == "range"
    assert "its terms add up to 6.0e5" in found.sentence


def test_values_within_half_precision_are_not() -> None:
    """An infinite result has no such cause where all values are small."""
    feeds = {"x": normal(4, 8)}
    graph = whole([node("Relu", ["x"], "y")], feeds, {})

    assert named(graph, feeds, device(after=lambda one: np.full_like(one, np.inf)), "fp32") == ()


def test_terms_that_cancel_are_told() -> None:
    """Where rounding them, and no more, is the error."""
    base = normal(64, 32, scale=100)
    feeds = {"x": base, "z": base + normal(64, 32, seed=1)}
    graph = whole([node("Sub", ["z", "x"], "y")], feeds, {})

    [found] = named(graph, feeds, half_device, "fp16")

    assert found.kind == "cancellation"
    assert found.sentence == "its terms of about 142 cancel to about 1.01, which magnifies their rounding 141 times"


def test_a_large_error_is_no_cancellation() -> None:
    """An error beyond rounding has another cause, though terms cancel."""
    base = normal(64, 32, scale=100)
    feeds = {"x": base, "z": base + normal(64, 32, seed=1)}
    graph = whole([node("Sub", ["z", "x"], "y")], feeds, {})

    assert named(graph, feeds, device(after=lambda one: one + normal(64, 32, seed=3)), "fp16") == ()


def test_a_mean_far_from_its_variance_cancels() -> None:
    """A BatchNormalization of values that hardly vary about a large mean magnifies their rounding."""
    held = {"scale": np.ones(3, np.float32), "bias": np.zeros(3, np.float32), "mean": np.full(3, 50, np.float32),
            "var": np.full(3, 0.04, np.float32)}
    feeds = {"x": 50 + normal(8, 3, 6, 6, scale=0.2)}
    graph = whole([node("BatchNormalization", ["x", *held], "y")], feeds, held)

    assert [one.kind for one in named(graph, feeds, half_device, "fp16")] == ["cancellation"]


@pytest.mark.parametrize(("kind", "values", "words"), [
    ("Sigmoid", normal(8, 9, scale=40), "of its inputs lie beyond 7.6, where it is flat"),
    ("Softmax", normal(8, 9, scale=400), "of its rows have a largest value"),
    ("Exp", np.linspace(-3, 12, 72, dtype=np.float32).reshape(8, 9), "it overflows from 11.09")])
def test_a_flat_operator_is_told(kind: str, values: np.ndarray, words: str) -> None:
    """With the share of its inputs that say nothing any more, or where it overflows."""
    graph = whole([node(kind, ["x"], "y")], {"x": values}, {})

    found = named(graph, {"x": values}, device(after=lambda one: one + normal(8, 9, scale=float(np.std(one)) / 9)), "fp16")

    assert ["saturated"] == [one.kind for one in found if one.kind != "range"]
    assert any(words in one.sentence for one in found)


def test_a_variance_below_epsilon_is_told() -> None:
    """Since epsilon decides there how a channel is scaled."""
    held = {"scale": np.ones(3, np.float32), "bias": np.zeros(3, np.float32), "mean": np.zeros(3, np.float32),
            "var": np.array([1, 1e-7, 1], np.float32)}
    feeds = {"x": normal(8, 3, 6, 6)}
    graph = whole([node("BatchNormalization", ["x", *held], "y")], feeds, held)

    [found] = named(graph, feeds, device(after=lambda one: one + normal(*one.shape, seed=2, scale=9)))

    assert found.sentence == "the variance of 1 of 3 channels is below its epsilon 1.0e-5"


@pytest.mark.parametrize(("name", "bits"), [("fp16", 11), ("bf16", 8)])
def test_a_coarser_format_is_told(name: str, bits: int) -> None:
    """Of what a node reads, where its output alone does not explain it."""
    held = {"x": normal(16, 24)}
    graph = whole([node("MatMul", ["x", "w"], "y")], held, {"w": normal(24, 8, seed=1)})

    def coarse(model: Any, feeds: Tensors) -> dict[str, np.ndarray]:
        return device(weights("w", lambda value: value.__setitem__(slice(None), rounded(value, bits))))(
            model, {one: rounded(value, bits) for one, value in feeds.items()})

    found = named(graph, held, coarse)

    assert [f"it computes with what it reads rounded to the {bits} bits of {name}"] == [one.sentence for one in found]


def test_half_precision_is_no_cause_on_a_device_of_half_precision() -> None:
    """What is usual there explains nothing."""
    feeds = {"x": normal(16, 24)}
    graph = whole([node("Relu", ["x"], "y")], feeds, {})

    found = named(graph, feeds, lambda model, given: {name: 1.1 * in_half(one) for name, one in as_written(model, given).items()}, "fp16")

    assert "rounding" not in [one.kind for one in found]


def test_rounding_goes_to_the_nearest() -> None:
    """To the even one of two that are as near; the signs stay."""
    assert rounded(np.array([1 + 2**-8, 1 + 3 * 2**-8, -3.3], np.float32), 8).tolist() == [1, 1 + 2**-6, -3.296875]
    assert rounded(np.array([70000, 2049, 1e-9], np.float32), 11).tolist() == [np.inf, 2048, 0]


def test_of_several_nodes_the_one_that_is_read_otherwise_is_named() -> None:
    """Those that err together are told by the one whose other reading explains what they make."""
    feeds = {"x": normal(2, 4, 8, 8)}
    around = {"pads": [1, 1, 1, 1]}
    nodes = [node("Conv", ["x", "w"], "c", **around), node("Relu", ["c"], "r"), node("Conv", ["r", "w"], "y", **around)]
    graph = whole(nodes, feeds, {"w": normal(4, 4, 3, 3, seed=1)})

    def moved(model: Any) -> None:
        model.graph.node[0].attribute[0].ints[:] = [0, 1, 2, 1]

    found = named(graph, feeds, device(moved), start=0, stop=3)

    assert found[0].sentence == "Conv_c: its padding is [0, 1, 2, 1] where the graph's is [1, 1, 1, 1]"
    assert len(found) <= MOST


def test_large_tensors_are_judged_by_the_rows_that_err_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a batch that is large only so many rows are looked at as fit, in their order."""
    monkeypatch.setattr("tools.locating.evidence.BYTES", 8_500)
    feeds = {"x": np.abs(normal(16, 4, 8, 8))}
    feeds["x"][[3, 7, 11, 15]] *= -1
    graph = whole([node("Relu", ["x"], "y")], feeds, {})
    expected = as_written(graph.model, feeds)

    all_of_it = seen(graph, [0], feeds, expected, {"y": feeds["x"]}, as_written, "fp32", 1e-5)
    part = thinned(all_of_it)

    assert part.inputs["x"].tolist() == feeds["x"][[3, 7, 11, 15]].tolist()

    fed = list[int]()

    def noting(model: Any, feeds: Tensors) -> dict[str, np.ndarray]:
        fed.append(len(next(iter(feeds.values()))))
        return as_written(model, feeds)

    assert known(replace(all_of_it, reference=noting, found=all_of_it.expected + normal(16, 4, 8, 8, seed=3))) == ()
    assert set(fed) == {4}
