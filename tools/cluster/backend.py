"""What a pool of tasks asks of the cluster that runs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from tools.cluster.news import News
from tools.cluster.task import Entries
from tools.cluster.values import Needs, Node, Work


class Backend(Protocol):
    """What starts tasks, and hears of them."""

    def nodes(self) -> tuple[Node, ...]:
        """The nodes that are fit and alive now; a ClusterError where nobody reaches the cluster any more."""

    def unfit(self) -> Mapping[str, str]:
        """Nodes that are not to be used at all, by name, and why."""

    def start(self, number: int, work: Work, needs: Needs, entries: Entries, barred: Collection[str]) -> None:
        """Start a task on a node whose id is not *barred*."""

    def news(self, seconds: float) -> Sequence[News]:
        """What happened; waits until a task ends, *seconds* at most; a ClusterError as for `nodes`."""

    def drop(self, number: int) -> None:
        """End a task that waits for a place, or is not heard of any more."""

    def cancel(self, seconds: float) -> None:
        """End every task, also those that hold a device; the last of them after *seconds*."""
