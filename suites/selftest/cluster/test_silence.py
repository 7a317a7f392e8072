"""Work of which nothing is heard: people are told why it waits, and what hangs runs again elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from suites.selftest.cluster.scripted import NPU, WORK, Backend, node, said
from tools.cluster.news import Began, Ended, Told
from tools.cluster.pool import Pool
from tools.cluster.silence import AGAIN_S, GAP_S, MARGIN_S, WAITS_S, Silence
from tools.cluster.values import Answer
from tools.machine import child
from tools.machine.event import Event

SECOND = replace(WORK, key="tsm-bs16-npu 8-16")
PATIENCE_S = child.STALL_S + MARGIN_S
WAITS = f"{WORK.key} waits: no node that can do it has 1 NPU and 1 CPUs free, all are in use by others on the cluster"


@dataclass
class Bench:
    """A pool whose tasks begin, tell and end when the test says so, and a clock that the test moves on."""

    backend: Backend
    now_s: float = 0.0

    def __post_init__(self) -> None:
        self.told: list[Event] = []
        self.pool = Pool(self.backend, self.told.append, Silence(lambda: self.now_s))

    def passes(self, seconds: float) -> None:
        """Let time pass in which the driver pumps."""
        until = self.now_s + seconds
        while self.now_s < until:
            self.now_s += GAP_S / 2
            self.pool.pump(0)


@pytest.fixture
def bench() -> Bench:
    return Bench(Backend(lambda work, there: None, nodes=[node("a"), node("b")]))


def test_work_that_waits_for_others_is_told(bench: Bench) -> None:
    """Once in a while, and no more once it has begun."""
    bench.pool.submit(WORK, NPU, {})
    bench.backend.told.clear()  # it waits
    bench.passes(WAITS_S - GAP_S)
    assert [] == said(bench.told)
    bench.passes(2 * GAP_S)
    assert [WAITS] == said(bench.told)
    bench.passes(AGAIN_S)
    assert [WAITS, WAITS] == said(bench.told)
    bench.backend.told.append(Began(1, "id-a", "npu0"))
    bench.passes(AGAIN_S)

    assert [WAITS, WAITS] == said(bench.told)


def test_work_of_one_kind_that_waits_is_told_together(bench: Bench) -> None:
    """By the one that waits first, and how many more do."""
    for work in (WORK, SECOND):
        bench.pool.submit(work, NPU, {})
    bench.backend.told.clear()
    bench.passes(2 * WAITS_S)

    assert [WAITS.replace("waits", "and 1 more wait")] == said(bench.told)


def test_work_that_waits_for_ours_is_not_told(bench: Bench) -> None:
    """A long list keeps every device busy; nobody has to be asked why."""
    for work in (WORK, SECOND):
        bench.pool.submit(work, NPU, {})
    bench.backend.told.pop()  # the second waits
    bench.passes(2 * WAITS_S)

    assert [] == said(bench.told)


def test_a_task_that_tells_nothing_for_long_runs_again_elsewhere(bench: Bench) -> None:
    """As one on a node that is stopped; it is said for how long, and what it gives later does not count."""
    handle = bench.pool.submit(WORK, NPU, {})
    bench.passes(PATIENCE_S + GAP_S)

    assert ["a", "b"] == bench.backend.places
    assert [1] == bench.backend.dropped
    assert [f"{WORK.key} was lost on a/npu0 (nothing was heard of it for 1215 s): it runs again, attempt 2 of 3"] == said(bench.told)
    bench.backend.told += [Ended(1, Answer("?", "npu0", (), seconds=1)), Ended(2, Answer("?", "npu0", (), seconds=2))]
    assert 2 == bench.pool.wait(handle).seconds


def test_a_task_that_tells_something_goes_on(bench: Bench) -> None:
    """However long it takes, and whatever it tells."""
    bench.pool.submit(WORK, NPU, {})
    for _ in range(3):
        bench.passes(PATIENCE_S / 2)
        bench.backend.told.append(Told(1, {"kind": "alive"}))

    assert ["a"] == bench.backend.places


def test_a_driver_that_was_busy_itself_takes_no_task_for_gone(bench: Bench) -> None:
    """What its tasks have told meanwhile may reach it later than its next look."""
    bench.pool.submit(WORK, NPU, {})
    bench.passes(GAP_S)
    bench.now_s += 10 * PATIENCE_S
    bench.passes(PATIENCE_S - GAP_S)

    assert ["a"] == bench.backend.places
