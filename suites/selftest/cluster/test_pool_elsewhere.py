"""Work that failed by what may be chance, or its node's own trouble, is tried once on another node."""

from __future__ import annotations

import pytest

from suites.selftest.cluster.scripted import NPU, WORK, Act, Backend, crashed, done, lacking, lost, pool, said
from tools.cluster.news import Ended, Gone
from tools.cluster.pool import CHANCE
from tools.cluster.values import Failed, Outcome, Work
from tools.errors import STAGES, ChildError, ClipgateError, EngineError


def failing(there: str, kind: str = "ChildError") -> Failed:
    return Failed(there, "?", "npu0", (kind, f"it ended by signal 9 in {there}", None, None))


def by_turns(*outcomes: Act) -> Act:
    """Tasks come to these, one after the other; further ones are done."""
    left = list(outcomes)

    def act(work: Work, there: str) -> Outcome | Gone | None:
        return (left.pop(0) if left else done)(work, there)

    return act


def fails(work: Work, there: str) -> Failed:
    return failing(there)


@pytest.mark.parametrize("kind", sorted(CHANCE))
def test_what_may_be_chance_is_tried_once_on_another_node(kind: str) -> None:
    """One line says where and how it failed."""
    backend = Backend(by_turns(lambda work, there: failing(there, kind)), "a", "b")
    tasks, told = pool(backend)

    assert "b" == tasks.wait(tasks.submit(WORK, NPU, {})).node
    assert [f"{WORK.key} failed on a/npu0: it ended by signal 9 in id-a; it is tried once on another node"] == said(told)


def test_the_second_failure_is_the_error() -> None:
    """Although further nodes are there."""
    backend = Backend(fails, "a", "b", "c")
    tasks, _ = pool(backend)

    with pytest.raises(ChildError, match=r"id-b \(on b\)"):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert ["a", "b"] == backend.places


@pytest.mark.parametrize("kind", sorted(STAGES.keys() - set(CHANCE)))
def test_what_every_node_would_give_is_the_error_at_once(kind: str) -> None:
    backend = Backend(lambda work, there: failing(there, kind), "a", "b")
    tasks, told = pool(backend)

    with pytest.raises(STAGES[kind], match="on a"):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert (["a"], []) == (backend.places, said(told))


def test_on_the_only_node_it_is_the_error_at_once() -> None:
    backend = Backend(fails, "a")
    tasks, told = pool(backend)

    with pytest.raises(ChildError, match="on a"):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert (["a"], []) == (backend.places, said(told))


@pytest.mark.parametrize(("second", "places", "error"), [
    (lambda work, there: crashed(there), ["a", "b", "b"], None),
    (lambda work, there: lacking(there), ["a", "b"], ChildError),
    (lambda work, there: lost(there), ["a", "b"], EngineError),
], ids=["lost", "unfit", "a device failed"])
def test_it_never_goes_back_to_where_it_failed(second: Act, places: list[str], error: type[ClipgateError] | None) -> None:
    """Whatever becomes of it on the other node; where that cannot do it, what failed first is the error."""
    backend = Backend(by_turns(fails, second), "a", "b")
    tasks, _ = pool(backend)
    handle = tasks.submit(WORK, NPU, {})
    while not handle.done:
        tasks.pump(0)

    assert places == backend.places
    assert error is (type(handle.error) if handle.error else None)


def test_it_does_not_wait_for_another_node_that_dies() -> None:
    """What failed is the error."""
    backend = Backend(by_turns(fails), "a", "b")
    tasks, _ = pool(backend)
    handle = tasks.submit(WORK, NPU, {})
    tasks.pump(0)
    backend.told.clear()  # it waits for b
    del backend.alive[1]

    with pytest.raises(ChildError, match="id-a"):
        tasks.wait(handle)
    assert ["a", "b"] == backend.places


def test_work_whose_device_failed_before_is_not_tried_a_third_time() -> None:
    backend = Backend(by_turns(lambda work, there: lost(there), fails), "a", "b", "c")
    tasks, _ = pool(backend)

    with pytest.raises(ChildError, match="on b"):
        tasks.wait(tasks.submit(WORK, NPU, {}))
    assert ["a", "b"] == backend.places


def test_where_nobody_knows_which_node_it_was_it_is_the_error_at_once() -> None:
    """It might go to the same one again."""
    backend = Backend(lambda work, there: None, "a", "b")
    tasks, told = pool(backend)
    handle = tasks.submit(WORK, NPU, {})
    backend.told[:] = [Ended(1, failing(""))]

    with pytest.raises(ChildError):
        tasks.wait(handle)
    assert (["a"], []) == (backend.places, said(told))
