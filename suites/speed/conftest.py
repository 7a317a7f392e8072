"""Shared by the speed groups: two sides timed in alternating blocks.

pytest-benchmark shows their series, and the run's end shows their ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fixtures.clock import VirtualClock
from tools.datasets.clips import ClipSet, clip_set
from tools.deployment import specialise
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights, checkpoints
from tools.machine.events import Event
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

FINDINGS = pytest.StashKey[list[str]]()
Replay = Callable[[Sequence[float]], None]
Find = Callable[[str], None]


@dataclass(frozen=True)
class Paired:
    """Seconds of both sides, block by block, taken in alternation."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    def ratio(self) -> str:
        """Median of theirs / ours over the blocks, with the 95 % bootstrap interval of that median."""
        from scipy.stats import bootstrap

        ratios = np.array(self.theirs) / np.array(self.ours)
        ends = bootstrap((ratios,), np.median, method="percentile", rng=np.random.default_rng(0)).confidence_interval
        return f"median {np.median(ratios):.4f} of {len(ratios)} block ratios, 95 % interval {ends.low:.4f} to {ends.high:.4f}"


def alternate(ours: Callable[[], float], theirs: Callable[[], float], blocks: int) -> Paired:
    """Run both sides *blocks* times, each first in every other block."""
    series: dict[int, list[float]] = {0: [], 1: []}
    for number in range(blocks):
        for side in ((0, 1), (1, 0))[number % 2]:
            series[side].append((ours, theirs)[side]())
    return Paired(tuple(series[0]), tuple(series[1]))


@pytest.fixture
def replay(request: pytest.FixtureRequest) -> Iterator[Replay]:
    """Show a series that was already timed as this test's benchmark."""
    clock = VirtualClock()
    group = request.node.get_closest_marker("benchmark").kwargs["group"]
    request.node.add_marker(pytest.mark.benchmark(timer=clock, group=group), append=False)
    benchmark: BenchmarkFixture = request.getfixturevalue("benchmark")

    def show(series: Sequence[float]) -> None:
        clock.load(series)
        benchmark.pedantic(clock.step, setup=clock.rewind, rounds=len(series))

    yield show


@pytest.fixture
def find(request: pytest.FixtureRequest) -> Find:
    """Keep a sentence for the end of the run."""
    return lambda sentence: request.config.stash.setdefault(FINDINGS, []).append(f"{request.node.name}: {sentence}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for sentence in config.stash.get(FINDINGS, []):
        terminalreporter.write_line(sentence)


def quiet(event: Event) -> None:
    """What stages say while they build is no finding."""


@dataclass(frozen=True)
class Tsm:
    """TSM's mini clips, weights and batch-1 graph."""

    context: Context[ModelSpec]
    checkpoint: Weights
    clips: ClipSet
    graph: Graph

    @property
    def spec(self) -> ModelSpec:
        return self.context.spec


@pytest.fixture(scope="session")
def tsm() -> Tsm:
    settings = Settings.parse({"data": "mini", "budget_s": "1"})
    spec = load_spec(MODELS, "tsm")
    assert isinstance(spec, ModelSpec)
    context = Context(settings, spec, quiet)
    (checkpoint,) = checkpoints(context)
    return Tsm(context, checkpoint, clip_set(context, spec.classes), specialise.graph(context, checkpoint, 1))


