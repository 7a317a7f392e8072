"""A device that sleeps where another one computes or copies, and batches for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tools.media.batches import Batch
from tools.media.preprocess import Floats

SIZE = 4
Run = Callable[[int], object]


class Sleeper:
    """An engine that sleeps where another computes or copies. fails: called with the number of each run."""

    precision = "fp32"
    fit: Any = None

    def __init__(self, lanes: int = 2, compute_s: float = 0.0, copy_s: float = 0.0, fails: Run = lambda number: None) -> None:
        self.told: Mapping[str, str] = {}
        self.lanes, self.compute_s, self.copy_s, self.fails = lanes, compute_s, copy_s, fails
        self.bounds, self.runs, self.threads = 0, 0, set[int]()

    def infer(self, batch: Floats) -> Floats:
        return Lane(self, batch)()

    def bring(self, batch: Floats) -> Floats:
        half = batch[: SIZE // 2].copy()
        time.sleep(self.copy_s)
        return np.concatenate([half, batch[SIZE // 2 :]])

    def run(self) -> None:
        self.threads.add(threading.get_ident())
        self.fails(self.runs)
        self.runs += 1
        time.sleep(self.compute_s)

    def bind(self, batch: Floats) -> Lane:
        self.bounds += 1
        return Lane(self, batch)

    def device_times(self) -> list[float]:
        return []

    def close(self) -> None:
        pass


class Lane:
    """A batch on the sleeping device."""

    def __init__(self, engine: Sleeper, batch: Floats) -> None:
        self._engine = engine
        self.put(batch)

    def __call__(self) -> Floats:
        self._engine.run()
        return self._batch * 10  # read last, so that whoever changes it meanwhile is found out

    def put(self, batch: Floats) -> None:
        self._batch = self._engine.bring(batch)

    def scores(self, answer: object) -> Floats | None:
        return answer if isinstance(answer, np.ndarray) else None


def stream(count: int, decode_s: float = 0.0, then: Callable[[], object] = lambda: None) -> Iterator[Batch]:
    """Batches in one memory, which is spoiled as the next one is taken. then: called when all are taken."""
    memory = np.zeros((SIZE, 1), np.float32)
    for number in range(count):
        memory[:] = np.nan
        time.sleep(decode_s)
        memory[:, 0] = range(number * SIZE, (number + 1) * SIZE)
        yield Batch(memory, tuple(f"v{one}" for one in range(number * SIZE, (number + 1) * SIZE)), SIZE)
    then()
