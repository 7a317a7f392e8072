"""A search names the node that errs by itself, or says what else it found."""

from __future__ import annotations

from itertools import pairwise
from math import nan
from typing import Any

import numpy as np
import onnx
import pytest

from suites.selftest.locating import small
from suites.selftest.locating.blocks import network, search, video, with_fault
from suites.selftest.locating.rounding import DEVICES, fp32
from suites.selftest.locating.spoiling import Fault, planted
from tools.locating.on_cpu import as_written
from tools.locating.search import FACTOR, FLOOR, USUAL, Search, limit_of, news, without_node
from tools.locating.values import Difference, Found, Runs, Seen, Span, Tensors
from tools.locating.whole import Whole

FIRST = "/network/block2/conv1/Conv"
SCALED = Fault("scaled-weight", "/network/block2/conv2/Conv")


def together(*kinds: str, factor: float = 1.1) -> Runs:
    """A device that errs where it fuses these operators of the third block, each reading the one before."""

    def device(model: Any, feeds: Tensors) -> dict[str, Any]:
        found = fp32(model, feeds)
        first = next((at for at, node in enumerate(model.graph.node) if node.name == FIRST), len(model.graph.node))
        fused = model.graph.node[first : first + len(kinds)]
        if tuple(node.op_type for node in fused) != kinds or not all(one.output[0] in two.input for one, two in pairwise(fused)):
            return found
        reached = {fused[-1].output[0]}
        for node in model.graph.node[first + len(kinds) :]:
            reached.update(node.output if reached.intersection(node.input) else ())
        return {name: value * np.float32(factor) if name in reached else value for name, value in found.items()}

    return device


@pytest.mark.parametrize("precision", DEVICES)
def test_a_scaled_weight_is_found_in_its_node(precision: str) -> None:
    """However the device rounds: one percent is more than rounding does to a node."""
    found = search(with_fault(SCALED, DEVICES[precision]), precision)

    assert ("node", SCALED.node) == (found.kind, name(found))
    assert found.own is not None
    assert found.own.rms == pytest.approx(0.01, rel=0.5)
    assert found.own.rms > found.limit > found.usual


@pytest.mark.parametrize("precision", DEVICES)
def test_nothing_is_named_without_a_fault(precision: str) -> None:
    """Rounding is no fault."""
    found = search(DEVICES[precision], precision)

    assert ("nothing", None, None, None) == (found.kind, found.span, found.segment, found.own)


def test_an_inherited_error_is_no_error_of_its_own() -> None:
    """Behind the fault every part of the whole graph is wrong; only one is if it is fed the right tensors."""
    found = search(with_fault(SCALED))
    parts = found.seen
    guilty = next(number for number, one in enumerate(parts) if one.span == found.segment)

    assert [number for number, one in enumerate(parts) if one.own and one.own.rms > found.limit] == [guilty]
    assert all(one.cumulative and one.cumulative.rms > found.limit for one in parts[guilty:] if one.span.name.startswith("block"))
    assert all(one.cumulative and one.cumulative.rms < found.limit for one in parts[:guilty])


def test_a_small_fault_does_not_hide_in_its_part() -> None:
    """Where what follows in its part covers it, nodes are looked at by themselves."""
    whole = Whole(network())
    whole.segments = lambda: [whole.range(at, min(at + 5, len(whole.nodes))) for at in range(0, len(whole.nodes), 5)]  # type: ignore[method-assign]
    fault = Fault("scaled-weight", "/network/head/fc/Gemm")
    feeds = {"video": video()["video"] * np.float32(30)}  # softmax is 0 or 1, one percent more or not
    found = Search(whole, feeds, as_written, with_fault(fault)).found()

    assert not [one for one in found.seen if one.own and one.own.rms > found.limit]
    assert ("node", fault.node) == (found.kind, name(found))


def test_what_errs_only_together_is_named_together() -> None:
    """The fewest nodes that do, and no node that is right by itself."""
    whole = Whole(network())
    whole.segments = lambda: [whole.range(0, 8), whole.range(8, 18), whole.range(18, len(whole.nodes))]  # type: ignore[method-assign]
    found = Search(whole, video(), as_written, together("Conv", "Relu", "Conv")).found()

    assert ("together", "/network/block2/conv1/Conv to /network/block2/conv2/Conv") == (found.kind, name(found))
    assert found.segment is not None
    assert (8, 18) == (found.segment.start, found.segment.stop)
    assert found.own is not None
    assert found.own.rms == pytest.approx(0.1, rel=0.01)


def test_what_errs_only_as_a_whole_is_inherited() -> None:
    """No part errs and no node: the error is told, and nothing is named."""
    count = len(network().graph.node)

    def device(model: Any, feeds: Tensors) -> dict[str, Any]:
        found = fp32(model, feeds)
        return {name: value * np.float32(1.1) for name, value in found.items()} if where_whole(model, count) else found

    found = search(device)

    assert ("inherited", None, None) == (found.kind, found.span, found.segment)


def where_whole(model: Any, count: int) -> bool:
    """Whether a graph is not cut: its nodes read its video and each other."""
    return len(model.graph.node) == count and [one.name for one in model.graph.input] == ["video"]


def test_an_error_in_one_item_of_a_batch_is_as_large_as_in_all() -> None:
    """The part is judged by the item that it computes wrongly."""
    def device(model: Any, feeds: Tensors) -> dict[str, Any]:
        spoilt, found = with_fault(SCALED)(model, feeds), fp32(model, feeds)
        for name, value in found.items():
            value[-1] = spoilt[name][-1]
        return found

    found, all_of_it = (Search(Whole(network(items=16)), video(16), as_written, one).found() for one in (device, with_fault(SCALED)))
    assert SCALED.node == name(found)
    assert found.own is not None
    assert all_of_it.own is not None
    assert found.own.rms > 0.7 * all_of_it.own.rms


def test_an_overflow_is_named_where_it_begins() -> None:
    """What reads infinite values is infinite as well, but the first node that is makes them."""
    found = search(with_fault(Fault("overflow", "/network/block1/conv1/Conv", reader="/network/block1/conv2/Conv", factors=(2.0**20,)),
                              DEVICES["fp16"]), "fp16")

    assert "/network/block1/conv1/Conv" == (name(found))
    assert found.own is not None
    assert found.own.unusual > 0
    assert found.usual < 1e-2


def test_the_usual_error_is_that_of_half_the_finite_ones() -> None:
    """Parts that overflow have no say in it; of two parts alone nobody knows what is usual."""
    assert (FACTOR * 0.2, 0.2) == limit_of(seen(0.1, 0.2, 0.3), "fp16")
    assert (FACTOR * 0.2, 0.2) == limit_of(seen(9, 9, 9, 9, 0.1, 0.2, 0.3, unusual=4), "fp16")
    assert (FLOOR["fp16"], 0.1) == limit_of(seen(0.1, 0.2), "fp16")
    assert (FLOOR["fp16"], 1e-6) == limit_of(seen(1e-6, 1e-6, 1e-6), "fp16")


def test_an_error_is_news_beyond_the_limit_and_not_at_it() -> None:
    assert [False, False, True] == [news(one.own, 0.2) for one in seen(0.1, 0.2, 0.3)]
    assert news(seen(0.1, unusual=1)[0].own, 0.2)
    assert not news(None, 0.0)


def seen(*errors: float, unusual: int = 0) -> list[Seen]:
    """Parts with these own errors, of which the first are unusual."""
    return [Seen(Span("", 0, 1), Difference(0, one, 1, 0.5 if at < unusual else 0)) for at, one in enumerate(errors)]


@pytest.mark.parametrize("precision", DEVICES)
def test_a_device_that_errs_everywhere_is_not_right(precision: str) -> None:
    """Where each product is two percent too large, no part stands out; all err more than rounding does."""
    def device(model: Any, feeds: Tensors) -> dict[str, Any]:
        for node in model.graph.node:
            if node.op_type in ("Conv", "Gemm"):
                model = planted(planted(model, Fault("scaled-weight", node.name)), Fault("scaled-weight", node.name))
        return DEVICES[precision](model, feeds)

    whole = Whole(network())
    whole.segments = lambda: [whole.range(at, min(at + 5, len(whole.nodes))) for at in range(0, len(whole.nodes), 5)]  # type: ignore[method-assign]
    found = Search(whole, video(), as_written, device, precision).found()
    assert ("everywhere", None) == (found.kind, found.span)
    assert found.usual > USUAL[precision]


def test_rounding_is_not_everywhere() -> None:
    """Nor is what a kind of numbers does of which nobody has said how it rounds."""
    assert "nothing" == without_node(seen(*[USUAL["fp32"]] * 3), "fp32")
    assert "everywhere" == without_node(seen(*[2 * USUAL["fp32"]] * 3), "fp32")
    assert "nothing" == without_node(seen(0.1, 0.1, 0.1), "bf16")


def test_nothing_is_said_of_what_the_reference_does_not_know() -> None:
    """NaN in the reference is told, and named as nobody's fault."""
    feeds = {"video": video()["video"].copy()}
    feeds["video"][0, 0, 0, 0] = nan
    said: list[str] = []
    found = Search(Whole(network()), feeds, as_written, as_written, say=said.append).found()

    assert found.kind == "nothing"
    assert any("the reference itself holds NaN from block0.conv1 on" in text for text in said)
    assert found.seen[0].own is not None
    assert found.seen[0].own.unknown > 0


def test_one_node_in_one_part_is_told_as_one() -> None:
    said: list[str] = []
    feeds = {"video": small.normal(2, 3)}
    Search(small.whole([small.node("Relu", ["video"], "scores")], feeds, {}), feeds, as_written, as_written, say=said.append).found()

    assert said[0].startswith("1 node in 1 part: at most ")


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_what_is_left_of_nothing_is_no_louder_than_what_it_is_of(precision: str) -> None:
    """A tensor less itself is zero; the last bit of it on a device hides no fault elsewhere."""
    model = network()
    add = next(node for node in model.graph.node if node.name == "/network/block1/Add")
    read = add.input[0]
    sub = onnx.helper.make_node("Sub", [read, read], ["/network/block1/Sub_output_0"], name="/network/block1/Sub")
    more = onnx.helper.make_node("Add", ["/network/block1/Sub_output_0", read], ["/network/block1/more"], name="/network/block1/more")
    add.input[0] = "/network/block1/more"
    at = list(model.graph.node).index(add)
    model.graph.node.insert(at, more)
    model.graph.node.insert(at, sub)

    def device(model: Any, feeds: Tensors) -> dict[str, Any]:
        found = with_fault(SCALED, DEVICES[precision])(model, feeds)
        return {name: value + np.float32(1e-8) if name == sub.output[0] else value for name, value in found.items()}

    whole = Whole(model)
    whole.segments = lambda: [whole.node(number) for number in range(len(whole.nodes))]  # type: ignore[method-assign]
    assert SCALED.node == name(Search(whole, video(), as_written, device, precision).found())
    found = Search(whole, video(), as_written, lambda model, feeds: {
        name: value + np.float32(1 if name == sub.output[0] else 0) for name, value in fp32(model, feeds).items()}).found()
    assert sub.name == name(found)


def test_the_louder_of_two_faults_is_named_first() -> None:
    """And of two about as loud the earlier one, where it begins."""
    small, large = Fault("scaled-weight", "/network/block0/conv1/Conv"), Fault("no-relu", "/network/block3/relu1/Relu")
    other = Fault("no-relu", "/network/block1/relu1/Relu")

    assert large.node == name(search(with_fault(small, with_fault(large))))
    assert other.node == name(search(with_fault(other, with_fault(large))))


def name(found: Found) -> str:
    """What is named; empty if nothing is."""
    return found.span.name if found.span else ""
