"""Which worker of pytest-xdist runs which test, by stand-ins of workers that die at any moment."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from fixtures.scheduling import DeviceScheduling
from fixtures.workers import shares
from tools.spec.case import Device

ROUNDS = 2000  # far more than any of these runs needs


@dataclass(eq=False)
class StandIn:
    """A worker as pytest-xdist's controller sees it; as one it starts a test once it knows the next."""

    name: str
    collected: list[str]
    queue: list[int] = field(default_factory=list)
    told_to_end: bool = False

    @property
    def shutting_down(self) -> bool:
        return self.told_to_end

    def send_runtest_some(self, indices: Sequence[int]) -> None:
        assert not self.told_to_end, "a worker that ends takes no test"
        self.queue += indices

    def shutdown(self) -> None:
        self.told_to_end = True

    @property
    def can_run(self) -> bool:
        return len(self.queue) > (0 if self.told_to_end else 1)


class Run:
    """Plays pytest-xdist: workers collect, run, die and are replaced, in an order that a seed decides."""

    def __init__(self, collections: Sequence[Sequence[str]], seed: int, *, deadly: Sequence[str] = (), chance: float = 0.0) -> None:
        self.random, self.deadly, self.chance = random.Random(seed), deadly, chance
        self.scheduling = DeviceScheduling(len(collections), lambda: None)
        self.done: list[tuple[str, str]] = []  # worker, test
        self.given_up: list[str] = []
        self.alive: list[StandIn] = []
        self.fresh = [StandIn(f"w{number}", list(tests)) for number, tests in enumerate(collections)]

    def play(self) -> Run:
        for _ in range(ROUNDS):
            if not self.fresh and not self.alive:
                return self
            self._step()
        raise AssertionError(f"the run does not end: {self.done}")

    def _step(self) -> None:
        if self.fresh and self.random.random() < 0.5:
            worker = self.fresh.pop(self.random.randrange(len(self.fresh)))
            self.alive.append(worker)
            self.scheduling.add_node(worker)
            self.scheduling.add_node_collection(worker, worker.collected)
            if self.scheduling.collection_is_completed:
                self.scheduling.schedule()
        elif self.alive:
            self._advance(self.random.choice(self.alive))

    def _advance(self, worker: StandIn) -> None:
        running = worker.collected[worker.queue[0]] if worker.can_run else ""
        if running in self.deadly or self.random.random() < self.chance:
            self._die(worker)
        elif running:
            self.done.append((worker.name, running))
            self.scheduling.mark_test_complete(worker, worker.queue.pop(0))
        elif worker.told_to_end:
            self.alive.remove(worker)
            worker.workeroutput = {}  # type: ignore[attr-defined]
            assert self.scheduling.remove_node(worker) is None

    def _die(self, worker: StandIn) -> None:
        self.alive.remove(worker)
        crashed = self.scheduling.remove_node(worker)
        if crashed and self.scheduling.may_run_again(crashed):
            self.scheduling.mark_test_pending(crashed)
        elif crashed:
            self.given_up.append(crashed)
        self.fresh.append(StandIn(worker.name, worker.collected))  # the replacement has its devices


OWN = [[f"npu{device}-{number}" for number in range(count)] for device, count in enumerate((7, 1, 0, 4))]
SHARED = ["any-1", "any-2", "any-3"]


@pytest.mark.parametrize("seed", range(20))
def test_each_test_is_run_once_by_a_worker_that_has_collected_it(seed: int) -> None:
    """Workers of unequal collections, one of them empty; what all have goes to one."""
    run = Run([[*tests, *SHARED] for tests in OWN], seed).play()

    assert {name: 1 for tests in [*OWN, SHARED] for name in tests} == Counter(test for _, test in run.done)
    for device, tests in enumerate(OWN):
        assert {f"w{device}"} >= {worker for worker, test in run.done if test in tests}
        assert tests == [test for _, test in run.done if test in tests], "a device's cases keep their order"
    assert [] == run.scheduling.not_run([name for tests in OWN for name in tests])
    assert ["npu9-0"] == run.scheduling.not_run(["npu0-1", "npu9-0"]), "which no worker has collected"
    assert run.scheduling.tests_finished


@pytest.mark.parametrize("seed", range(20))
def test_a_case_whose_worker_dies_is_run_once_more_and_no_other_twice(seed: int) -> None:
    """Whoever kills its worker each time is given up after two; the rest run on their own device's worker."""
    run = Run([[*tests, *SHARED] for tests in OWN], seed, deadly=["npu0-3", "any-2"]).play()

    assert ["any-2", "npu0-3"] == sorted(run.given_up)
    assert {name: 1 for tests in [*OWN, SHARED] for name in tests if name not in run.given_up} == Counter(test for _, test in run.done)
    assert all(worker == f"w{test[3]}" for worker, test in run.done if test.startswith("npu"))


@pytest.mark.parametrize("seed", range(20))
def test_workers_that_die_at_any_moment_leave_nothing_out(seed: int) -> None:
    """Before they collect, between tests, after the last: every test is run once, or given up after two."""
    run = Run([[*tests, *SHARED] for tests in OWN], seed, chance=0.1).play()

    every = {name for tests in [*OWN, SHARED] for name in tests}
    assert dict.fromkeys(every - set(run.given_up), 1) == Counter(test for _, test in run.done)
    assert all(worker == f"w{test[3]}" for worker, test in run.done if test.startswith("npu"))


def begun(tests: str) -> tuple[DeviceScheduling, StandIn]:
    """A run of one worker, which has been sent its first tests; a letter each."""
    scheduling, worker = DeviceScheduling(1, lambda: None), StandIn("w0", list(tests))
    scheduling.add_node(worker)
    scheduling.add_node_collection(worker, worker.collected)
    scheduling.schedule()
    return scheduling, worker


def test_what_no_worker_is_left_to_run_is_named() -> None:
    """Where a dead worker is not replaced, what it was sent and what it would have been sent are not run."""
    scheduling, worker = begun("abcd")
    scheduling.mark_test_complete(worker, 0)

    assert "b" == scheduling.remove_node(worker)
    assert ["c", "d", "e"] == scheduling.not_run(["a", "e"])
    assert not scheduling.tests_finished


def test_a_worker_that_ends_by_itself_has_not_died() -> None:
    """After pytest.exit in a test what it was sent is not run, and nobody is said to have killed it."""
    scheduling, worker = begun("abc")
    worker.workeroutput = {}  # type: ignore[attr-defined]

    assert scheduling.remove_node(worker) is None
    assert ["a", "b", "c"] == scheduling.not_run([])


def test_a_worker_that_was_told_to_end_is_sent_nothing() -> None:
    """`-x` ends all workers, whatever waits for them."""
    scheduling, worker = begun("abcd")
    worker.shutdown()
    scheduling.mark_test_complete(worker, 0)
    scheduling.mark_test_complete(worker, 1)

    assert scheduling.remove_node(worker) is None
    assert ["c", "d"] == scheduling.not_run([])


def test_devices_are_shared_out() -> None:
    """A worker a device; fewer workers have several each, and one too many has none."""
    zero, one, two = (Device("npu", number) for number in range(3))
    assert [[zero], [one], [two]] == shares([zero, one, two], 3)
    assert [[zero, two], [one]] == shares([zero, one, two], 2)
    assert [[zero], []] == shares([zero], 2)
