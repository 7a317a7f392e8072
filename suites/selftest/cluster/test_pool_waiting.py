"""Work that waits for a node waits for one that can come, whatever happens to the others."""

from __future__ import annotations

from suites.selftest.cluster.scripted import NPU, WORK, Backend, crashed, done, node, pool
from tools.cluster.candidates import Candidates


def test_work_that_was_lost_and_waits_for_a_node_that_dies_goes_back() -> None:
    """It waits elsewhere first; where that node is gone, the one that it was lost on is better than none."""
    backend = Backend(lambda work, there: crashed(there) if there == "id-a" and len(backend.started) == 1 else done(work, there), "a", "b")
    tasks, _ = pool(backend)
    handle = tasks.submit(WORK, NPU, {})
    tasks.pump(0)
    assert ["a", "b"] == backend.places
    backend.told.clear()  # it waits for b
    del backend.alive[1]

    for _ in range(3):
        tasks.pump(0)
    assert handle.done
    assert "a" == tasks.wait(handle).node
    assert [2] == backend.dropped


def test_a_node_that_nobody_knew_is_not_asked_twice() -> None:
    """It joined later, and turned out unfit: it is left out like any other."""
    candidates = Candidates([node("a")], {})
    candidates.bar(WORK, "id-new", "it has other code")

    assert {"id-new"} == candidates.barred(WORK, NPU)
