"""What a task tells on its way to the driver: all that is said, and of its progress no more than is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from tools.machine.event import Event

EVERY_S = 0.5  # between two events of progress
OFTEN = ("progress", "alive")  # the kinds that come often; each one tells what the one before told


class Events(Protocol):
    """Where the events of all tasks arrive."""

    def tell(self, key: str, event: Event) -> object:
        """Take an event of the task *key*; it does not wait for anybody, and raises nothing."""


class Telling:
    """Passes the events of the task *key* on, with the words for who *worker* is."""

    def __init__(self, events: Events, key: str, worker: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._events, self._key, self._worker, self._clock = events, key, worker, clock
        self._next_s = dict.fromkeys(OFTEN, 0.0)
        self._waiting = ""

    def __call__(self, event: Event) -> None:
        if self._is_news(event):
            self._events.tell(self._key, {**event, "worker": self._worker})

    def _is_news(self, event: Event) -> bool:
        """Whether it is told: the end of a step always is, and that somebody begins or ends to wait."""
        kind, now = event["kind"], self._clock()
        if kind not in OFTEN:
            return True
        waiting = event.get("text", self._waiting) if kind == "alive" else ""
        changed = waiting != self._waiting or (kind == "progress" and event["done"] >= event["total"])
        if now < self._next_s[kind] and not changed:
            return False
        self._next_s[kind], self._waiting = now + EVERY_S, waiting
        return True
