"""A stored figure: what was printed or measured, where, and what is known to be wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tools.spec import toolchain
from tools.spec.case import Precision
from tools.spec.chips import T4, stored_device
from tools.spec.toolchain import GUIDES, Toolchain

RECOGNITION = ("top1", "top5")  # what the accuracy of a recogniser is called
LOCALISATION = ("AR@1", "AR@5", "AR@10", "AR@100", "AUC")
METRICS = (*RECOGNITION, *LOCALISATION)
FigureKind = Literal["raw", "derived", "ratio"]
Provenance = Literal["published", "recorded"]
RECORDED = "recorded"  # the key of what tools.record writes
Status = Literal["ok", "truncated", "rounding", "wrong", "formula-typo", "superseded", "conflict", "suspect", "impossible-at-N"]
MISPRINTED = frozenset({"truncated", "rounding", "wrong"})  # the guide's own numbers give another value
DOUBTFUL = frozenset({"superseded", "conflict", "suspect", "impossible-at-N"})  # no number of the guide settles what is right


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that somebody published, as printed, or that tools.record stored.

    corrected: the right value where the print is wrong. kind: raw, derived (recomputed from *expression*)
        or ratio.
    batch: None for figures of no batch size; best: whether it is the best of all batch sizes.
    network: which of a model's networks it is of; empty for the whole model.
    engine, precision: how a rate was measured where that differs; `toolchain` knows what goes unsaid.
    origin: the key it stands under, one of the toml's [sources]; source: that entry's text with the section.
    """

    id: str
    device: str
    metric: str
    value: float
    unit: str
    kind: FigureKind
    status: Status
    section: str
    network: str = ""
    batch: int | None = None
    best: bool = False
    expression: str = ""
    corrected: float | None = None
    note: str = ""
    engine: toolchain.Engine = ""
    precision: Precision = ""
    origin: str = ""
    source: str = ""

    @property
    def provenance(self) -> Provenance:
        """Whether somebody published it or tools.record stored what was measured here."""
        return "recorded" if self.origin == RECORDED else "published"

    @property
    def toolchain(self) -> Toolchain:
        """How a rate was measured; what is printed of a T4 without these words is of the guides' tools."""
        unsaid = not self.engine and not self.precision and self.provenance == "published"
        return GUIDES if unsaid and T4 in stored_device(self.device).stands_for else Toolchain(self.engine, self.precision)

    @property
    def column(self) -> str:
        """What its device's column is called: a GPU's by whose it is and how it was measured."""
        if stored_device(self.device).maker != "GPU":
            return self.device
        said = f"{self.device} {'measured' if self.provenance == 'recorded' else 'guide'}"
        return f"{said}: {self.toolchain}" if str(self.toolchain) else said

    @property
    def right(self) -> float:
        """The value to compare with: the corrected one where there is one."""
        return self.value if self.corrected is None else self.corrected

    @property
    def fraction(self) -> float:
        """The right value of an accuracy as a share of one, whichever way it is printed."""
        return self.right / 100 if self.unit == "%" else self.right

    @property
    def doubt(self) -> str:
        """What to add wherever something is compared with this figure; empty for one that is not doubtful."""
        return f"suspect: {self.note}" if self.status in DOUBTFUL else ""

    @property
    def contradiction(self) -> str:
        """How its values contradict each other; empty where they agree."""
        if self.batch == 0:
            return "is of batch size 0"
        if self.metric in METRICS and self.kind != "ratio" and self.fraction > 1:
            return f"is an accuracy of {self.fraction:.0%}"
        if self.status in MISPRINTED and self.corrected is None:
            return f"is {self.status} and has no corrected value"
        if self.status not in MISPRINTED | DOUBTFUL and self.corrected is not None:
            return f"is {self.status} and has a corrected value"
        if self.status != "ok" and not self.note:
            return f"is {self.status} and has no note that says why"
        return ""


def rates(figures: Sequence[Figure], device: str, batch: int, network: str = "") -> list[Figure]:
    """All of these that are clips per second of *device* at *batch*, however they were measured."""
    return [figure for figure in figures
            if (figure.device, figure.metric, figure.batch, figure.network) == (device, "throughput", batch, network)]
