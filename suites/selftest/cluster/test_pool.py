"""The rules by which tasks run on a cluster, tried without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from suites.selftest.cluster.scripted import NPU, WORK, Backend, crashed, done, finished, first, lacking, node, pool, said
from tools.cluster.handle import Handle
from tools.cluster.news import Ended, News, Told
from tools.cluster.pool import TRIES
from tools.cluster.values import Answer, Failed
from tools.errors import ClusterError, DataError
from tools.machine.event import Event


def test_work_that_is_lost_runs_again_on_another_node() -> None:
    """And people are told where it was lost and why."""
    backend = Backend(first(1, crashed), "a", "b")
    tasks, told = pool(backend)

    answer = tasks.wait(tasks.submit(WORK, NPU, {}))

    assert ["a", "b"] == backend.places
    assert "b" == answer.node
    assert said(told) == [f"{WORK.key} was lost on a/npu0 (the node is gone): it runs again, attempt 2 of {TRIES}"]


def test_work_that_is_lost_on_the_only_node_runs_there_again() -> None:
    """As a process that was killed may go well the second time."""
    backend = Backend(first(1, crashed), "a")
    tasks, _ = pool(backend)

    tasks.wait(tasks.submit(WORK, NPU, {}))

    assert ["a", "a"] == backend.places


def test_work_is_lost_three_times_at_most() -> None:
    """Then it is an error that names the node and the shard, and other work goes on."""
    backend = Backend(lambda work, there: crashed(there) if work.key == WORK.key else done(work, there), "a", "b")
    tasks, _ = pool(backend)
    handle, other = tasks.submit(WORK, NPU, {}), tasks.submit(replace(WORK, key="tsm-bs16-npu 8-16"), NPU, {})

    with pytest.raises(ClusterError, match=rf"{WORK.key} was lost 3 times, the last time on a/npu0: the node is gone"):
        tasks.wait(handle)

    assert TRIES == sum(work.key == WORK.key for _, work in backend.started)
    assert tasks.wait(other)


def test_a_node_that_lacks_clips_gets_no_more_work_with_that_data() -> None:
    """It is told once, with the clip, and the node goes on with work on other data."""
    other = replace(WORK, digests=(("data", "other"),))
    backend = Backend(lambda work, there: (lacking if there == "id-a" and work.digests != other.digests else finished)(there), "a", "b")
    tasks, told = pool(backend)

    for works in ((WORK, WORK), (WORK, other)):
        handles = [tasks.submit(work, NPU, {}) for work in works]
        assert all(tasks.wait(one) for one in handles)

    assert ["a", "a", "b", "b", "b", "a"] == backend.places
    assert ["a is not used for tsm: clip 7 is not there"] == said(told)


def test_what_may_pass_bars_no_node_at_once() -> None:
    """A full disk, a damaged parcel: it is asked once more, by work that begins after that was told."""
    full = Failed("id-a", "?", "npu0", ("StoreError", "no room", None, None), unfit=True)
    backend = Backend(lambda work, there: full if there == "id-a" and len(backend.started) <= 2 else done(work, there), "a", "b")
    tasks, told = pool(backend)
    both = [tasks.submit(replace(WORK, key=key), NPU, {}) for key in ("1", "2")]
    assert ["a", "a"] == [tasks.wait(one).node for one in both]
    assert ["a is asked once more for tsm: no room"] == said(told)

    backend = Backend(lambda work, there: full if there == "id-a" else done(work, there), "a", "b")
    tasks, told = pool(backend)
    assert "b" == tasks.wait(tasks.submit(WORK, NPU, {})).node
    assert ["a", "a", "b"] == backend.places
    assert ["a is asked once more for tsm: no room", "a is not used for tsm: no room"] == said(told)


def test_where_no_node_is_left_each_is_named_with_its_reason() -> None:
    """Those that lack something, those that are too small, those with other code, and those that are gone."""
    nodes = [node("a"), node("b", npus=0), node("c", cpus=1), node("d"), replace(node("e"), memory_bytes=2**30)]
    backend = Backend(lambda work, there: lacking(there), nodes=nodes)
    tasks, _ = pool(backend)
    del backend.alive[3]

    with pytest.raises(ClusterError) as caught:
        tasks.wait(tasks.submit(WORK, replace(NPU, cpus=2, memory_bytes=2**31), {}))

    assert caught.value.what == (f"no node of the cluster can do {WORK.key}: a: clip 7 is not there; b: it has no NPU; "
                                 "c: it has 1 CPUs, and 2 are asked for; d: it is gone; "
                                 "e: Ray counts 1.0 GiB of memory there, and 2.0 are needed; old: it has other code")


def test_work_that_fails_for_itself_is_raised_as_it_was() -> None:
    """It does not run again: with its class, place and remedy, and the node's name."""
    failed = Failed("id-a", "?", "npu0", ("DataError", "the list is empty", "list.txt", "fill it"))
    backend = Backend(lambda work, there: failed, "a", "b")
    tasks, _ = pool(backend)

    with pytest.raises(DataError, match=r"the list is empty \(on a\)") as caught:
        tasks.wait(tasks.submit(WORK, NPU, {}))

    assert ("list.txt", "fill it", ["a"]) == (caught.value.where, caught.value.remedy, backend.places)


def test_work_that_belongs_to_a_node_waits_for_no_other() -> None:
    """Where that node is gone, nobody else takes it."""
    backend = Backend(done, "a", "b")
    tasks, _ = pool(backend)
    bound = replace(NPU, node="id-b")
    tasks.wait(tasks.submit(WORK, bound, {}))
    del backend.alive[1]

    with pytest.raises(ClusterError, match="a: the work belongs to another node; b: it is gone"):
        tasks.wait(tasks.submit(WORK, bound, {}))

    assert ["b"] == backend.places


def test_work_that_waits_for_a_node_that_dies_ends() -> None:
    """Where no other node can do it, nobody waits for ever."""
    backend = Backend(done, "a")
    tasks, _ = pool(backend)
    handle = tasks.submit(WORK, NPU, {})
    backend.told.clear()  # it waits
    backend.alive.clear()

    with pytest.raises(ClusterError, match="a: it is gone"):
        tasks.wait(handle)
    assert [1] == backend.dropped


def test_events_name_who_tells_them_and_stop_with_the_task() -> None:
    """NODE/DEVICE; what an attempt tells that is over is not heard."""
    backend = Backend(lambda work, there: None, "a")
    tasks, told = pool(backend)
    tasks.submit(WORK, NPU, {})
    progress: Event = {"kind": "progress", "text": "scoring", "done": 1, "total": 8}

    backend.told += [Told(1, progress), Ended(1, Answer("?", "npu0", ())), Told(1, progress)]
    tasks.pump(0)

    begins: Event = {"kind": "cell", "case": "tsm-bs16-npu", "device": "a/npu0"}
    assert told == [{**event, "worker": "a/npu0"} for event in (begins, progress, Event(kind="ended"))]


def test_cancelling_ends_all_work_and_says_how_to_go_on() -> None:
    """Whoever waits gets an error that says so."""
    backend = Backend(lambda work, there: None, "a")
    tasks, _ = pool(backend)
    handles: list[Handle] = [tasks.submit(WORK, NPU, {}) for _ in range(2)]

    tasks.cancel()

    assert backend.cancelled
    for handle in handles:
        with pytest.raises(ClusterError, match="was cancelled") as caught:
            tasks.wait(handle)
        assert "--resume" in str(caught.value.remedy)


def test_what_ends_with_the_cluster_keeps_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work that is cancelled afterwards, as a run that ends does with all of it, was not ended by that."""
    backend = Backend(lambda work, there: None, "a")
    tasks, _ = pool(backend)
    handle = tasks.submit(WORK, NPU, {})

    def gone(seconds: float) -> Sequence[News]:
        raise ClusterError("the cluster cannot be reached any more")

    monkeypatch.setattr(backend, "news", gone)
    tasks.pump(0)
    tasks.cancel()

    with pytest.raises(ClusterError, match="cannot be reached any more"):
        tasks.wait(handle)
