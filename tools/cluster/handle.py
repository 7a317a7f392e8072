"""Work on its way through a cluster, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from tools.cluster.first import RESUME
from tools.cluster.news import Began
from tools.cluster.task import Entries
from tools.cluster.values import Answer, Needs, Work
from tools.errors import ClipgateError, ClusterError


@dataclass(eq=False, slots=True)
class Handle:
    """Work that was submitted. Its `done` may be read; the rest is the pool's."""

    work: Work
    needs: Needs
    entries: Entries
    answer: Answer | None = None
    error: ClipgateError | None = None
    number: int = 0
    lost: int = 0
    retries: int = 0  # since its device failed, or something did that may be chance
    refused: int = 0  # times that its device failed, or had failed before
    began: Began | None = None
    quiet_s: float = 0.0  # since when nothing was heard of its last attempt, by the pool's clock
    left: set[str] = field(default_factory=set)  # ids of nodes that it was lost on
    failed: dict[str, ClipgateError] = field(default_factory=dict)  # by ids of nodes, where it never goes again
    barred: set[str] = field(default_factory=set)  # ids of nodes that its last attempt does not go to

    @property
    def done(self) -> bool:
        return self.answer is not None or self.error is not None

    @property
    def cancelled(self) -> ClusterError:
        """What whoever waits for it gets where it is cancelled."""
        return ClusterError(f"{self.work.key} was cancelled", remedy=RESUME)
