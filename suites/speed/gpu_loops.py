"""What a process of its own finds out on a device: our rate beside a bare loop's, and scoring beside both.

Each leaves one JSON file in the folder of its job, so that the process that asked needs none of the runtime.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from tools import engines
from tools.datasets.clips import ClipSet
from tools.engines import Engine
from tools.machine import device_locks, events
from tools.machine.files import write_whole
from tools.measuring.feeding import Spent
from tools.measuring.job import Job
from tools.measuring.measure import score, waiting
from tools.measuring.recogniser import feed
from tools.measuring.timing import summarise, time_series
from tools.media.batches import BatchStream, Feed
from tools.media.preprocess import Floats
from tools.spec.model import ModelSpec

FILE = "found.json"
BLOCKS, LEAST_BLOCKS = 30, 4
BLOCK_S = 0.3  # of calls in a row, on either side
MOST_CLIPS, LEAST_BATCHES = 2016, 6


@dataclass(frozen=True, slots=True)
class Blocks:
    """Clips a second of blocks that took turns: what a cell reports, and a bare loop."""

    reported: tuple[float, ...]
    bare: tuple[float, ...]

    @property
    def sentence(self) -> str:
        ratios = sorted(ours / theirs for ours, theirs in zip(self.reported, self.bare, strict=True))
        return (f"{median(ratios):.4f} ({ratios[0]:.4f} to {ratios[-1]:.4f} in {len(ratios)} pairs of blocks): reported "
                f"{median(self.reported):.2f} clips/s, a bare loop {median(self.bare):.2f}")


@dataclass(frozen=True, slots=True)
class Fed:
    """A scoring pass of *clips*: its clips a second, and the *pure* ones of runs on a batch that lies there.

    share: of the pass, in which the device computed. decode_s, copy_s: what it waited for.
    """

    clips: int
    scored: float
    pure: float
    share: float
    decode_s: float
    copy_s: float

    @property
    def sentence(self) -> str:
        return (f"{self.scored / self.pure:.3f}: {self.scored:.1f} of {self.pure:.1f} clips/s over {self.clips:,} clips; the device "
                f"computed {self.share:.0%} of the pass, waited {self.decode_s:.2f} s for decoding and {self.copy_s:.2f} s for copying")


def read_blocks(folder: Path) -> Blocks:
    """What `bare_beside` left in *folder*."""
    return Blocks(**{name: tuple(values) for name, values in json.loads((folder / FILE).read_bytes()).items()})


def read_fed(folder: Path) -> Fed:
    """What `fed` left in *folder*."""
    return Fed(**json.loads((folder / FILE).read_bytes()))


def bare_beside(job: Job) -> None:
    """Time our loop and a bare one in turn, on one batch, for the budget of the job."""
    with _held(job):
        engine = _opened(job)
        batch = _noise(job)
        bare, bound = _bare_call(job, engine, batch), engine.bind(batch)
        bare()
        reported, alone, end = list[float](), list[float](), time.monotonic() + _budget_s(job)
        while len(alone) < BLOCKS and (len(alone) < LEAST_BLOCKS or time.monotonic() < end):
            sides = [(reported, partial(_reported, bound)), (alone, partial(_bare, bare))]
            for into, take in sides if len(alone) % 2 else sides[::-1]:
                into.append(job.case.batch * take())
            events.progress("timing in blocks", len(alone), BLOCKS)
        _write(job, asdict(Blocks(tuple(reported), tuple(alone))))


def _reported(step: Callable[[], object]) -> float:
    """Iterations a second, as a cell takes and tells them."""
    return summarise(time_series(step, BLOCK_S, lambda count: None), 1).clips_per_s


def _bare(step: Callable[[], object]) -> float:
    """The same of a loop that a newcomer would write."""
    step()
    taken, passed = list[float](), 0.0
    while passed < BLOCK_S or len(taken) < 3:
        start = time.perf_counter()
        step()
        taken.append(time.perf_counter() - start)
        passed += taken[-1]
    return 1 / median(taken)


def _bare_call(job: Job, engine: Engine, batch: Floats) -> Callable[[], object]:
    """A run with everything bound on the device, in a session with the options of the engine's own."""
    import onnxruntime

    own: Any = engine
    options = own._session.get_provider_options()  # the algorithms must be the same, and nobody else tells them
    providers = [(name, options[name]) for name in own._session.get_providers()]
    session = onnxruntime.InferenceSession(str(job.graph.path), providers=providers)
    first, number = providers[0]
    kind, at = ("cuda", int(number.get("device_id", 0))) if "CPU" not in first else ("cpu", 0)
    binding = session.io_binding()
    value = onnxruntime.OrtValue.ortvalue_from_numpy(engine.fit.arranged(batch), kind, at)
    binding.bind_ortvalue_input(session.get_inputs()[0].name, value)
    binding.bind_output(session.get_outputs()[engine.fit.output].name, kind, at)
    return partial(session.run_with_iobinding, binding)


def decoded(job: Job) -> None:
    """Score clips that are decoded as they come, over and over the same ones."""
    assert isinstance(job.spec, ModelSpec)
    assert isinstance(job.dataset, ClipSet)
    known = feed(job.dataset, job.spec)
    _fed(job, Feed(_ids(), known.shape, lambda number, row: known.fill(number % len(known.ids), row)))


def at_hand(job: Job) -> None:
    """Score clips that are there already, so that decoding keeps nobody waiting."""
    rows = _noise(job)
    _fed(job, Feed(_ids(), job.network.input.shape, lambda number, row: np.copyto(row, rows[number % len(rows)])))


def _fed(job: Job, clips: Feed) -> None:
    batch = job.case.batch
    with _held(job), BatchStream(clips, batch) as stream:
        engine = _opened(job)
        series = time_series(engine.bind(_noise(job)), _budget_s(job) / 4, lambda count: None)
        pure = summarise(series, batch).clips_per_s
        count = min(MOST_CLIPS // batch, max(LEAST_BATCHES, int(pure * _budget_s(job) / batch)))
        spent, start = Spent(), time.perf_counter()
        score(engine, stream.batches(count=count), count * batch, spent=spent)
        passed = time.perf_counter() - start
        _write(job, asdict(Fed(count * batch, count * batch / passed, pure, spent.share(passed), spent.decode_s, spent.copy_s)))


def _ids() -> tuple[str, ...]:
    return tuple(f"{number:05d}" for number in range(MOST_CLIPS))


def _noise(job: Job) -> Floats:
    return np.random.default_rng(0).standard_normal((job.case.batch, *job.network.input.shape), np.float32)


def _held(job: Job) -> Any:  # noqa: ANN401 - a block that holds a lock
    return device_locks.hold(job.locks, job.case.device.label, partial(waiting, job.case))


def _opened(job: Job) -> Engine:
    return engines.open_engine(job.case.device, job.graph.path, job.network, job.case.batch, None, job.case.mode)


def _budget_s(job: Job) -> float:
    assert job.budget_s is not None
    return job.budget_s


def _write(job: Job, found: dict[str, Any]) -> None:
    write_whole(job.folder / FILE, lambda file: file.write(json.dumps(found).encode()))
