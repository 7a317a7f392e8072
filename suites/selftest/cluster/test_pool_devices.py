"""What becomes of work whose device fails, and of the device."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suites.selftest.cluster.scripted import NPU, WORK, Backend, done, first, lost, node, pool, remembered, said
from tools.cluster.news import Ended
from tools.cluster.pool import TRIES
from tools.cluster.values import Answer
from tools.errors import ClusterError, DeviceError, EngineError


def test_a_device_that_fails_is_refused_in_the_whole_cluster() -> None:
    """The work runs once more elsewhere, and every task after that knows the device."""
    backend = Backend(first(1, lost), "a", "b")
    tasks, told = pool(backend)

    tasks.wait(tasks.submit(WORK, NPU, {}))
    tasks.wait(tasks.submit(WORK, NPU, {}))

    assert ["a", "b", "b"] == backend.places  # a's only NPU is refused
    assert [set(), {"id-a/npu0"}, {"id-a/npu0"}] == [set(work.refused) for _, work in backend.started]
    assert ["a/npu0 is not used again in this run: it hung"] == said(told)


def test_a_device_that_fails_after_its_work_was_done_is_refused_too() -> None:
    """The answer counts."""
    backend = Backend(lambda work, there: Answer("?", "npu0", (), lost="it hung"), "a", "b")
    tasks, told = pool(backend)

    assert "a" == tasks.wait(tasks.submit(WORK, NPU, {})).node
    assert "b" == tasks.wait(tasks.submit(WORK, NPU, {})).node
    assert "a/npu0 is not used again in this run: it hung" == said(told)[0]


def test_work_whose_device_fails_twice_is_an_error() -> None:
    """It is the error that the device had, of its class."""
    backend = Backend(first(9, lost), "a", "b", "c")
    tasks, _ = pool(backend)

    with pytest.raises(EngineError, match=r"it hung \(on b\)"):
        tasks.wait(tasks.submit(WORK, NPU, {}))

    assert ["a", "b"] == backend.places


def test_a_bad_device_that_is_handed_out_again_costs_no_retry() -> None:
    """As it may be to a task that waited when it failed; but no work goes round for ever."""
    nodes = [node("a", npus=2), node("b"), node("c")]
    second = replace(WORK, key="tsm-bs16-npu 8-16")
    bad = {("id-a", WORK.key), ("id-a", second.key), ("id-b", second.key)}
    backend = Backend(lambda work, there: lost(there) if (there, work.key) in bad else done(work, there), nodes=nodes)
    tasks, _ = pool(backend)
    both = [tasks.submit(WORK, NPU, {}), tasks.submit(second, NPU, {})]

    assert ["b", "c"] == [tasks.wait(one).node for one in both]

    alone = Backend(first(9, lost), nodes=nodes[:1])
    tasks, _ = pool(alone)
    with pytest.raises(EngineError):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert TRIES + 1 >= len(alone.started)


def test_a_device_is_refused_although_nobody_heard_its_task_begin() -> None:
    """The answer says which node it was, for the actor that hears may have been lost."""
    backend = Backend(lambda work, there: None, "a", "b")
    tasks, told = pool(backend)
    handle = tasks.submit(WORK, NPU, {})
    backend.told[:] = [Ended(1, Answer("?", "npu0", (), lost="it hung", node_id="id-a"))]

    assert "a" == tasks.wait(handle).node
    tasks.submit(WORK, NPU, {})
    assert ["a", "b"] == backend.places
    assert ["a/npu0 is not used again in this run: it hung"] == said(told)


def test_a_device_that_was_given_up_before_this_driver_began_costs_no_try() -> None:
    """With --resume a node remembers what its devices did; the work gets one that nobody has given up."""
    nodes = [node("a", npus=6), node("b")]
    backend = Backend(lambda work, there: remembered(there, f"npu{len(backend.started) - 1}") if len(backend.started) < 6
                      else done(work, there), nodes=nodes)
    tasks, told = pool(backend)

    assert "a" == tasks.wait(tasks.submit(WORK, NPU, {})).node
    assert ["a"] * 6 == backend.places
    assert [f"a/npu{index} is not used again in this run: it hung" for index in range(5)] == said(told)


def test_where_every_device_was_given_up_before_each_node_is_named() -> None:
    """The work ends, and does not go round."""
    nodes = [node("a", npus=2), node("b", npus=2)]
    backend = Backend(lambda work, there: remembered(there, f"npu{backend.places.count(there.removeprefix('id-')) - 1}"), nodes=nodes)
    tasks, _ = pool(backend)

    with pytest.raises(ClusterError, match="a: npu0 is not used: it hung; npu1 is not used: it hung; b: npu0 is not used: it hung; npu1"):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert ["a", "a", "b", "b"] == backend.places


def test_a_device_that_is_remembered_again_and_again_ends_the_work() -> None:
    """Whatever hands it out each time."""
    backend = Backend(lambda work, there: remembered(there), nodes=[node("a", npus=2)])
    tasks, _ = pool(backend)

    with pytest.raises(DeviceError, match=r"npu0 is not used again in this run: it hung \(on a\)"):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert TRIES + 2 == len(backend.started)
