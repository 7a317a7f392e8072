"""Work spread over processes. A window of batches is under way, so that the whole list is never held."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from tools.errors import DataError
from tools.machine import forking
from tools.machine.events import die_with_parent

T = TypeVar("T")
R = TypeVar("R")
AHEAD = 4  # batches for each process


def spread(work: Callable[[T], R], items: Iterable[T], size: int) -> Iterator[R]:
    """What *work* returns for each item, as it is ready. A process per core takes *size* items at a time.

    Raises:
        DataError: a process ended by itself. An error that *work* raises is passed on.
    """
    from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
    from concurrent.futures.process import BrokenProcessPool

    cores = len(os.sched_getaffinity(0))
    waiting, running = iter(items), set[Future[list[R]]]()
    with ProcessPoolExecutor(cores, initializer=die_with_parent) as pool:
        while True:
            while len(running) < AHEAD * cores and (batch := list(islice(waiting, size))):
                with forking.uncollected():  # the pool forks a process where none is free
                    running.add(pool.submit(_each, work, batch))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    yield from future.result()
                except BrokenProcessPool as error:
                    raise DataError("a process that reads the files ended by itself",
                                    remedy="memory may be short: free some, and start again; what was read is kept") from error


def _each(work: Callable[[T], R], batch: list[T]) -> list[R]:
    return [work(item) for item in batch]
