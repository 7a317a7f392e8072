"""What we report, beside a bare ONNX Runtime loop on one model and input; and what our loop itself costs."""

from __future__ import annotations

import time

import numpy as np
import pytest

from suites.speed.conftest import Find, Paired, Replay, Tsm, alternate
from tools.engines import open_engine
from tools.measuring.timing import summarise, time_series
from tools.spec.case import Device

BLOCKS = 24
ITERATIONS = 3
CALLS = 100_000
IDLE_BUDGET_S = 0.01  # of times of some 50 ns each: about as many calls


def ignore(count: int) -> None:
    """Heartbeats have nowhere to go here."""


@pytest.fixture(scope="module")
def paired(tsm: Tsm) -> Paired:
    """Seconds a clip: our engine, loop and summary, and a loop a newcomer would write."""
    import onnxruntime

    batch = np.random.default_rng(0).standard_normal((1, *tsm.spec.network.input.shape), np.float32)
    engine = open_engine(Device("cpu"), tsm.graph.path, tsm.spec.network, 1)
    session = onnxruntime.InferenceSession(str(tsm.graph.path), providers=["CPUExecutionProvider"])

    def ours() -> float:
        return 1 / summarise(time_series(engine.bind(batch), 0.0, ignore), 1).clips_per_s

    def theirs() -> float:
        session.run(None, {"video": batch})
        taken = []
        for _ in range(ITERATIONS):
            start = time.perf_counter()
            session.run(None, {"video": batch})
            taken.append(time.perf_counter() - start)
        return float(np.median(taken))

    return alternate(ours, theirs, BLOCKS)


@pytest.mark.benchmark(group="throughput, seconds a clip")
def test_reported(paired: Paired, replay: Replay, find: Find) -> None:
    """The reciprocal of the clips/s a cell reports."""
    replay(paired.ours)
    find(f"bare over reported: {paired.ratio()}")


@pytest.mark.benchmark(group="throughput, seconds a clip")
def test_bare_loop(paired: Paired, replay: Replay) -> None:
    """ONNX Runtime in a plain loop."""
    replay(paired.theirs)


@pytest.fixture(scope="module")
def idle() -> Paired:
    """Seconds an iteration with an engine that does nothing: our loop, and the bare call in a for loop."""

    def nothing() -> None:
        pass

    def ours() -> float:
        start = time.perf_counter()
        series = time_series(nothing, IDLE_BUDGET_S, ignore)
        return (time.perf_counter() - start) / len(series)

    def theirs() -> float:
        start = time.perf_counter()
        for _ in range(CALLS):
            nothing()
        return (time.perf_counter() - start) / CALLS

    return alternate(ours, theirs, 20)


@pytest.mark.benchmark(group="loop alone, seconds an iteration")
def test_our_loop(idle: Paired, replay: Replay, find: Find) -> None:
    """Clock, bookkeeping and stop rule, without any work."""
    replay(idle.ours)
    extra = np.median(np.array(idle.ours) - np.array(idle.theirs))
    find(f"{extra * 1e6:.2f} microseconds an iteration over the bare call")


@pytest.mark.benchmark(group="loop alone, seconds an iteration")
def test_bare_call(idle: Paired, replay: Replay) -> None:
    """The call alone."""
    replay(idle.theirs)
