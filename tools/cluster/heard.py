"""How tasks tell the driver what goes on: through an actor on the driver's side, which the driver empties."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tools.cluster.news import News, Told
from tools.machine.event import Event

EVERY_S = 0.5  # so often a task tells how far it is at most
DULL = ("progress", "alive")  # kinds of events of which the last one is enough


class Heard:
    """The actor. Its calls run on one loop, none of them stops halfway, so that it needs no locks."""

    def __init__(self) -> None:
        self._news: list[News] = []

    async def hear(self, news: News) -> None:
        self._news.append(news)

    async def drain(self) -> list[News]:
        """What was heard since the last call."""
        news, self._news = self._news, []
        return news

    async def never(self) -> None:
        """Does not end: who waits for it keeps its device, and Ray gives its CPUs to others meanwhile."""
        await asyncio.Event().wait()


class Line:
    """A task's way to tell events, a few messages a second. last: what sending gave; all before it are there when it is."""

    def __init__(self, number: int, send: Callable[[Told], object], clock: Callable[[], float] = time.monotonic) -> None:
        self._number, self._send, self._clock = number, send, clock
        self._told_s = -EVERY_S
        self.last: object = None

    def tell(self, key: str, event: Event) -> None:
        """Pass an event on. How far work is goes twice a second at most, and always when it is done.

        key: names the work, which the driver knows by the task's number.
        """
        if event["kind"] in DULL:
            now, done = self._clock(), event.get("total", 0) > 0 and event.get("done") == event.get("total")
            if now - self._told_s < EVERY_S and not done:
                return
            self._told_s = now
        self.last = self._send(Told(self._number, event))
