"""How tasks tell the driver what goes on: through an actor on the driver's side, which the driver empties."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tools.cluster.news import News, Told
from tools.machine.event import Event


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
    """A task's way to tell events. last: what sending the last one gave; all are there when that is."""

    def __init__(self, number: int, send: Callable[[Told], object]) -> None:
        self._number, self._send = number, send
        self.last: object = None

    def tell(self, key: str, event: Event) -> None:
        """Pass an event on. key: names the work, which the driver knows by the task's number."""
        self.last = self._send(Told(self._number, event))
