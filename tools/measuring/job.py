"""What a process is told that measures one network of a case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.measuring import cell
from tools.measuring.kinds import Dataset
from tools.spec.case import Case
from tools.spec.model import Network, Spec


@dataclass(frozen=True, slots=True)
class Job:
    """What a process needs to measure one network of a case; its parent has found or built it all.

    data: as reports name it. budget_s: how long timing may take; None: nobody asks for times.
    before: the folder with the scores of the network before this one, if there is one. locks: the folder of
    the devices' locks; empty for this user's own. others: what of it other code made, in words.
    flags: a person's own for the compiler. whole: whether timing takes all of its budget.
    same: the digest of what shapes the scores, by which a later process finds those of a killed one.
    again: where the times go of a scored network that is timed once more; None for its own times.
    """

    case: Case
    spec: Spec
    checkpoint: Weights
    graph: Graph
    dataset: Dataset
    data: str
    budget_s: float | None
    folder: Path
    before: Path | None = None
    locks: str = ""
    others: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    whole: bool = False
    same: str = ""
    again: Path | None = None

    @property
    def title(self) -> str:
        """What it measures, in words: the case, and which of its networks if it has several."""
        return f"{self.case}" + (f" {self.network.name}" if len(self.spec.networks) > 1 else "")

    @property
    def network(self) -> Network:
        return self.checkpoint.network

    @property
    def place(self) -> Path:
        """Where it leaves its log and its times."""
        return self.again or self.folder

    @property
    def last(self) -> Path:
        """What it leaves last."""
        return self.place / (cell.RECORD if self.budget_s is None else cell.TIMES)

    @property
    def digests(self) -> dict[str, str]:
        """What it is measured with, as its record tells it."""
        return {"weights": self.checkpoint.sha256, "graph": self.graph.digest, "clips": self.dataset.digest}
