"""Scoring on a device that sleeps instead of computing, beside its rate with the input in place."""

from __future__ import annotations

import time

import numpy as np
import pytest

from suites.selftest.measuring.sleeper import SIZE, Sleeper, stream
from suites.speed.conftest import Find, Paired, Replay, alternate
from tools.measuring import measure

BLOCKS, BATCHES = 12, 40
COMPUTE_S, COPY_S = 0.02, 0.01


@pytest.fixture(scope="module", params=[2, 1], ids=["two lanes", "one lane"])
def paired(request: pytest.FixtureRequest) -> Paired:
    """Seconds a batch: a scoring pass that decodes nothing, and runs on one batch that lies on the device."""
    engine = Sleeper(request.param, COMPUTE_S, COPY_S)

    def ours() -> float:
        start = time.perf_counter()
        measure.score(engine, stream(BATCHES), SIZE * BATCHES)
        return (time.perf_counter() - start) / BATCHES

    def theirs() -> float:
        lane = engine.bind(np.zeros((SIZE, 1), np.float32))
        start = time.perf_counter()
        for _ in range(BATCHES):
            lane()
        return (time.perf_counter() - start) / BATCHES

    return alternate(ours, theirs, BLOCKS)


@pytest.mark.benchmark(group="feeding, seconds a batch")
def test_scoring(paired: Paired, replay: Replay, find: Find) -> None:
    """A pass over batches that are copied to the device."""
    replay(paired.ours)
    find(f"scoring rate over the rate of the device alone: {paired.ratio()}")


@pytest.mark.benchmark(group="feeding, seconds a batch")
def test_device_alone(paired: Paired, replay: Replay) -> None:
    """The same number of runs."""
    replay(paired.theirs)
