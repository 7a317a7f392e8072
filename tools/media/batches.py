"""Batches that worker processes decode ahead, into memory shared with the process that runs the device.

Threads would not do: a device's runtime may hold the interpreter lock for the whole of a run. The memory is a
ring of slots, so that the device's process need not copy a finished batch.
"""

from __future__ import annotations

import math
import mmap
import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import cycle
from queue import Empty
from signal import SIGKILL
from typing import Self

import numpy as np

from tools.errors import ClipgateError, MeasureError, Parts, revive
from tools.machine import forking
from tools.machine.events import die_with_parent
from tools.media.preprocess import Floats

SLOTS = 2  # one batch on the device, one being filled
MOST_WORKERS = 4  # each keeps a core busy, so that there are more only where nobody else wants their cores


@dataclass(frozen=True, slots=True)
class Batch:
    """*array* [batch, *input shape] float32, valid until the next batch is taken; only *valid* rows count."""

    array: Floats
    ids: tuple[str, ...]
    valid: int


@dataclass(frozen=True, slots=True)
class Feed:
    """What a device is fed: items by *ids*; *fill(i, row)* writes item i's input, of *shape*, into a row."""

    ids: tuple[str, ...]
    shape: tuple[int, ...]
    fill: Callable[[int, Floats], None]

    def part(self, first: int, end: int) -> Feed:
        """The items from number *first* up to *end* alone."""
        return Feed(self.ids[first:end], self.shape, lambda number, row: self.fill(first + number, row))


@contextmanager
def _shared_memory() -> Iterator[None]:
    """Queues have locks, and Python keeps those in /dev/shm; it raises an OSError that names nothing."""
    try:
        yield
    except OSError as error:
        raise MeasureError(f"decode workers cannot be started, for their locks cannot be made: {error.strerror or error}",
                           where="/dev/shm",  # noqa: S108 - glibc's place
                           remedy="make it writable, with room in it; a container's is set with --shm-size or --tmpfs /dev/shm") from error


class BatchStream:
    """Iterates a feed in batches of *size*; the last one is padded with copies of its first row.

    unit: what a worker does inside whenever it fills a row; each worker enters its own copy.
    workers: how many there are at most.
    Make it before anything starts threads: the workers are forked.
    """

    def __init__(self, feed: Feed, size: int, unit: AbstractContextManager[object] | None = None, workers: int = MOST_WORKERS) -> None:
        self._feed, self._size, self._unit = feed, size, unit or nullcontext()
        shape = (SLOTS, size, *feed.shape)
        memory = mmap.mmap(-1, math.prod(shape) * 4)
        self._ring: Floats = np.frombuffer(memory, np.float32).reshape(shape)
        context = multiprocessing.get_context("fork")
        with _shared_memory():
            self._tasks = context.SimpleQueue()
            self._results = context.Queue()
        count = max(1, min(workers, len(os.sched_getaffinity(0)), len(feed.ids)))
        self._workers = [context.Process(target=self._work, daemon=True) for _ in range(count)]

    def __enter__(self) -> Self:
        import cv2

        cv2.setNumThreads(1)  # a forked worker would wait for ever for threads of OpenCV's pool that it does not have
        with forking.uncollected():
            for worker in self._workers:
                worker.start()
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.kill()
        for worker in self._workers:
            worker.join()

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, first: int = 0, count: int | None = None) -> Iterator[Batch]:
        """The batches from item *first* on, as if those before it had been taken; all, or *count* of them.

        Take them all before others are asked for.
        """
        if first % self._size:
            raise ValueError(f"no batch of {self._size} begins at item {first}")
        starts = range(first, len(self._feed.ids), self._size)[:count]
        end = min(starts.stop, len(self._feed.ids))
        waiting = {slot: self._ask(slot, start, end) for slot, start in zip(range(SLOTS), starts, strict=False)}
        for slot, start in zip(cycle(range(SLOTS)), starts, strict=False):
            while waiting[slot]:
                waiting[self._done()] -= 1
            ids = self._feed.ids[start : start + self._size]
            rows = self._ring[slot]
            rows[len(ids) :] = rows[:1]
            yield Batch(rows, ids, len(ids))
            waiting[slot] = self._ask(slot, start + SLOTS * self._size, end)

    def _ask(self, slot: int, start: int, end: int) -> int:
        """Have a slot filled from item *start* on, not beyond *end*; how many rows it gets."""
        numbers = range(start, min(start + self._size, end))
        for row, number in enumerate(numbers):
            self._tasks.put((slot, row, number))
        return len(numbers)

    def _done(self) -> int:
        """Wait for a row, and return the slot that it went to."""
        while True:
            try:
                result: int | Parts = self._results.get(timeout=1.0)
            except Empty:
                dead = [worker for worker in self._workers if not worker.is_alive()]
                if dead:
                    killed = dead[0].exitcode == -SIGKILL
                    raise MeasureError(f"a decode worker ended by itself (exit code {dead[0].exitcode})",
                                       remedy="memory may be short: use a smaller batch, or free some" if killed
                                       else "its last words are in the cell's child.log") from None
            else:
                if isinstance(result, tuple):
                    raise revive(*result)
                return result

    def _work(self) -> None:
        die_with_parent()
        while True:
            slot, row, number = self._tasks.get()
            try:
                with self._unit:
                    self._feed.fill(number, self._ring[slot, row])
                self._results.put(slot)
            except ClipgateError as error:
                self._results.put(error.parts)
