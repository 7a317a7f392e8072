"""Repeating one input must not be much faster than fresh ones: what is found, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import comb
from statistics import median
from typing import Any, cast

import numpy as np
import pytest

from tools.measuring import remembered
from tools.measuring.remembered import PLANS, SHARE, STEPS, Plan, Rotation, plan_for, remembers
from tools.media.preprocess import Floats

RICH_S = 1e6  # a budget that pays for every plan
Draw = Callable[[], float]


class Calls:
    """Calls that take what *fresh* and *again* draw."""

    def __init__(self, fresh: Draw, again: Draw) -> None:
        self._fresh, self._again, self.made = fresh, again, 0

    def fresh(self) -> float:
        self.made += 1
        return self._fresh()

    def again(self) -> float:
        self.made += 1
        return self._again()


def tried(ratio: float, noise: Draw, budget_s: float = RICH_S) -> tuple[str, int]:
    """What is said, and after how many calls, where fresh inputs take *ratio* times as long."""
    calls = Calls(lambda: ratio * noise(), noise)
    said = remembers(cast("Rotation", calls), calls.fresh(), [noise() for _ in range(40)], budget_s)
    return said, calls.made


def noises(seed: int, spread: float) -> Iterator[Draw]:
    """Times of that deviation: normal, with heavy tails, and with a tail to one side."""
    chance = np.random.default_rng(seed)
    yield lambda: float(np.exp(spread * chance.standard_normal()))
    yield lambda: float(np.exp(spread * chance.standard_t(3) / 3**0.5))
    yield lambda: float(1 + spread * chance.exponential())


def orders(pairs: int) -> list[int]:
    """In how many orders of so many calls of either kind each number of pairs is lost."""
    ways = [1] + [0] * pairs**2
    for size in range(1, pairs + 1):
        for lost in range(pairs**2, pairs + size - 1, -1):
            ways[lost] -= ways[lost - pairs - size]
        for lost in range(size, pairs**2 + 1):
            ways[lost] += ways[lost - size]
    return ways


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: str(plan.pairs))
def test_chance_alone_doubts_once_in_10_000_cells_at_most(plan: Plan) -> None:
    """Of all orders of equal calls so few leave no more pairs than that lost; one more would be too many."""
    ways = orders(plan.pairs)
    share = sum(ways[: plan.lost + 1]) / comb(2 * plan.pairs, plan.pairs)

    assert comb(2 * plan.pairs, plan.pairs) == sum(ways)
    assert share <= 1e-4 < share + ways[plan.lost + 1] / comb(2 * plan.pairs, plan.pairs)


@pytest.mark.parametrize("spread", [0.005, 0.02, 0.05, 0.1])
def test_a_fifth_is_found_and_nothing_is_not(spread: float) -> None:
    """Repeats that are 25 % faster are; in 80 cells of each kind those that are 5 % faster are not."""
    for noise in noises(1, spread):
        honest = [tried(ratio, noise)[0] for ratio in (1.0, 1.05) for _ in range(40)]
        caught = [tried(1.25, noise)[0] for _ in range(20)]

        assert {""} == set(honest)
        assert 19 <= sum(said.startswith("repeating one input is ") for said in caught)
    assert ("repeating one input is 20% faster than fresh ones", 16) == tried(1.2, lambda: 1.0)


def test_up_to_a_tenth_is_not_doubted() -> None:
    """However well it is known."""
    assert ("", 2) == tried(1.1, lambda: 1.0)
    assert tried(1.101, lambda: 1.0)[0]


@pytest.mark.parametrize(("spread", "most"), [(0.005, 2.2), (0.02, 6.5), (0.05, 8), (0.1, 18)])
def test_a_network_that_remembers_nothing_is_called_a_few_times_more(spread: float, most: float) -> None:
    """On average; a decision that cannot change any more is not waited for."""
    for noise in noises(2, spread):
        assert np.mean([tried(1.0, noise)[1] for _ in range(60)]) <= most


@pytest.mark.parametrize(("spread", "budget_s", "pairs"), [
    (0.0, RICH_S, 8), (0.011, RICH_S, 8), (0.015, RICH_S, 16), (0.03, RICH_S, 32), (0.06, RICH_S, 64),
    (0.06, 2 * 64 / SHARE, 64), (0.06, 2 * 63 / SHARE, 32), (0.06, 2 * 31 / SHARE, 16), (0.06, 0.0, 16), (0.0, 0.0, 8),
])
def test_wider_times_need_more_calls_which_the_budget_limits(spread: float, budget_s: float, pairs: int) -> None:
    """To a tenth of it, at calls of a second; 16 of either kind are made even where it is less."""
    series = [1.0, 1 - spread / 1.4826, 1 + spread / 1.4826] * 7

    assert pairs == plan_for(series, budget_s + 1e-9).pairs


class Bound:
    """Keeps what it is given, in half precision."""

    def __init__(self) -> None:
        self.given: list[bytes] = []

    def put(self, batch: Floats) -> None:
        self.given.append(batch.astype(np.float16).tobytes())


class Bare:
    """A bound batch that is called."""

    def __init__(self) -> None:
        self.bound, self.calls = Bound(), list[int]()

    def __call__(self) -> None:
        self.calls.append(len(self.bound.given))


def test_every_input_is_another_and_its_repeat_the_same() -> None:
    """Even in half precision, for as many as the longest plan has; each is put and called."""
    batch = np.random.default_rng(3).normal(size=(1, 12)).astype(np.float32)
    timed, first = Bare(), batch.astype(np.float16).tobytes()
    rotation = Rotation(cast("Any", timed), batch)
    most = PLANS[-1].pairs
    assert most < STEPS
    for _ in range(most):
        rotation.fresh()
        rotation.again()
    given = timed.bound.given

    assert most + 1 == len({first, *given})
    assert given[::2] == given[1::2]
    assert [*range(1, 2 * most + 1)] == timed.calls


def test_a_call_is_timed_without_putting_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the series: what it takes to bring a batch to the device is not of the network."""
    now = [0.0]
    timed = Bare()
    monkeypatch.setattr(remembered, "perf_counter", lambda: now[0])
    monkeypatch.setattr(Bound, "put", lambda self, batch: now.__setitem__(0, now[0] + 100))
    monkeypatch.setattr(Bare, "__call__", lambda self: now.__setitem__(0, now[0] + 2))
    rotation = Rotation(cast("Any", timed), np.ones((1, 2), np.float32))

    assert [2.0, 2.0] == [rotation.fresh(), rotation.again()]
    assert 204.0 == median(now)
