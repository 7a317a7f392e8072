"""What a process is told that measures one network of a case."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.datasets.clips import ClipSet
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.measuring import cell
from tools.measuring.kinds import Dataset
from tools.spec.case import Case
from tools.spec.model import Network, Spec
from tools.storage.shards import Span, name_of


@dataclass(frozen=True, slots=True)
class Job:
    """What a process needs to measure one network of a case; its parent has found or built it all.

    data: as reports name it. budget_s: how long timing may take; None: nobody asks for times.
    before: the folder with the scores of the network before this one, if there is one. locks: the folder of
    the devices' locks; empty for this user's own. others: what of it other code made, in words.
    flags: a person's own for the compiler. whole: whether timing takes all of its budget.
    same: the digest of what shapes the scores, by which a later process finds those of a killed one.
    again: where the times go of a scored network that is timed once more; None for its own times.
    span: the items that alone are scored, for others to go on from; None for all of them. place_name: who
    measures, as NODE/DEVICE, where whoever reads the record may be elsewhere. alone: whether no other task of
    a cluster is on its node.
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
    span: Span | None = None
    place_name: str = ""
    alone: bool = False

    @property
    def title(self) -> str:
        """What it measures, in words: the case, which of its networks if it has several, and which clips."""
        named = f"{self.case}" + (f" {self.network.name}" if len(self.spec.networks) > 1 else "")
        return f"{named} clips {self.span[0] + 1:,} to {self.span[1]:,}" if self.span else named

    @property
    def network(self) -> Network:
        return self.checkpoint.network

    @property
    def place(self) -> Path:
        """Where it leaves its log and its times."""
        return self.again or self.folder

    @property
    def scored(self) -> Path:
        """What tells that all is scored: the record, or of a span its scores."""
        return self.folder / (name_of(self.span) if self.span else cell.RECORD)

    @property
    def read(self) -> Dataset:
        """The items that it reads: what changes of others is no concern of its."""
        return self.dataset.part(*self.span) if self.span and isinstance(self.dataset, ClipSet) else self.dataset

    @property
    def last(self) -> Path:
        """What it leaves last."""
        if self.span:
            return self.scored
        return self.place / (cell.RECORD if self.budget_s is None else cell.TIMES)

    @property
    def digests(self) -> dict[str, str]:
        """What it is measured with, as its record tells it."""
        return {"weights": self.checkpoint.sha256, "graph": self.graph.digest, "clips": self.dataset.digest}
