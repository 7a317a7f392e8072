"""A search gives a device few graphs, known beforehand, and few tensors at once."""

from __future__ import annotations

from math import log2
from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.blocks import network, search, video, with_fault
from suites.selftest.locating.rounding import fp32
from suites.selftest.locating.test_search import SCALED, together
from tools.locating.on_cpu import as_written
from tools.locating.search import Search
from tools.locating.values import Tensors
from tools.locating.whole import Whole


def test_a_search_compiles_no_more_than_a_bisection() -> None:
    """Two graphs of parts and one of nodes; where nodes err together, two halvings of a part more."""
    nodes = len(Whole(network()).nodes)

    assert 2 * log2(nodes) >= search(with_fault(SCALED)).compilations
    assert 2 * log2(nodes) >= search(fp32).compilations
    assert 2 * log2(nodes) >= search(together("Conv", "Relu")).compilations


def test_compilations_are_the_graphs_that_the_device_was_given() -> None:
    """Each counts once."""
    given: list[int] = []

    def noted(model: Any, feeds: Tensors) -> dict[str, Any]:
        given.append(len(model.graph.node))
        return with_fault(SCALED)(model, feeds)

    assert search(noted).compilations == len(given)

EACH = 9  # outputs of a graph in which each node is by itself


@pytest.mark.parametrize("at", range(0, 22, 3))
@pytest.mark.parametrize("count", [2, 3, 7])
def test_halving_keeps_the_bound_and_names_what_errs(at: int, count: int) -> None:
    """Wherever nodes err together, and however many: a part of nearly all nodes needs the most graphs."""
    whole = Whole(network())
    last = len(whole.nodes)
    whole.segments = lambda: [whole.range(0, last - 2), whole.node(last - 2), whole.node(last - 1)]  # type: ignore[method-assign]
    guilty = {node.name for node in whole.nodes[at : min(at + count, last - 2)]}

    def device(model: Any, feeds: Tensors) -> dict[str, Any]:
        found = fp32(model, feeds)
        inside = guilty <= {node.name for node in model.graph.node} and len(model.graph.output) < EACH
        return {name: value * np.float32(1.1 if inside and whole.maker[name] < last - 2 else 1) for name, value in found.items()}

    one = Search(whole, video(), as_written, device)
    found = one.found()
    assert one.compilations <= one.most <= 2 * log2(len(whole.nodes))
    assert found.kind == "together"
    assert found.span is not None
    assert {node.name for node in whole.nodes[found.span.start : found.span.stop]} >= guilty


@pytest.mark.parametrize("bound", [0, 16_000, 40_000])
def test_it_is_known_before_how_many_graphs_groups_need(bound: int) -> None:
    """No search needs more, and one without a fault just as many as it has groups."""
    said: list[str] = []
    for device in (fp32, with_fault(SCALED), together("Conv", "Relu")):
        one = Search(Whole(network()), video(), as_written, device, at_once_bytes=bound, say=said.append)
        one.found()
        assert one.compilations <= one.most
        assert said.pop(0).endswith(f": at most {one.most} graphs for the device")
        said.clear()


@pytest.mark.parametrize("bound", [16_000, 22_000, 40_000])
def test_a_bound_on_bytes_makes_groups_and_changes_nothing(bound: int) -> None:
    """What is fed and given at once stays within the bound, and as near to it as parts allow."""
    sizes: list[int] = []

    def noted(model: Any, feeds: Tensors) -> dict[str, Any]:
        found = with_fault(SCALED)(model, feeds)
        sizes.append(sum(value.nbytes for value in (*feeds.values(), *found.values())))
        return found

    free = search(noted)
    assert max(sizes) > bound
    sizes.clear()
    found = search(noted, at_once_bytes=bound)

    assert bound * 0.6 < max(sizes) <= bound
    assert (free.kind, free.span, free.segment) == (found.kind, found.span, found.segment)
    assert [one.own for one in free.seen] == [one.own for one in found.seen]
    assert [one.cumulative for one in free.seen] == [one.cumulative for one in found.seen]
    assert [one.own for one in search(fp32).halves] == [one.own for one in search(fp32, at_once_bytes=bound).halves]


def test_the_reference_runs_each_node_a_few_times() -> None:
    """Not the whole network for each part, node or group."""
    ran: list[int] = []

    def noted(model: Any, feeds: Tensors) -> dict[str, Any]:
        ran.append(len(model.graph.node))
        return as_written(model, feeds)

    whole = Whole(network())
    Search(whole, video(), noted, with_fault(SCALED), at_once_bytes=60_000).found()

    assert sum(ran) <= 3 * len(whole.nodes)
