"""Which share of the time something is busy."""

from __future__ import annotations

import time
from collections.abc import Callable


class Busy:
    """Busy is what happens inside its blocks, from the first one on."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._first: float | None = None
        self._entered = self._inside = 0.0

    def __enter__(self) -> None:
        self._entered = self._clock()
        self._first = self._entered if self._first is None else self._first

    def __exit__(self, *error: object) -> None:
        self._inside += self._clock() - self._entered

    @property
    def share(self) -> float:
        """From 0 to 1; 0 before the first block."""
        if self._first is None or (passed := self._clock() - self._first) <= 0:
            return 0.0
        return min(1.0, self._inside / passed)
