"""From a measured recogniser to judgements: accuracy, and how far its scores lie from torch's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.datasets.clips import ClipSet
from tools.judging import verdict
from tools.judging.accuracy import Against, accuracy
from tools.judging.judge import Judge, fidelity_gate, is_official, no_reference, unusable, without_limits
from tools.judging.verdict import Judgement, recorded
from tools.measuring.cell import Cell
from tools.measuring.metrics import Labels
from tools.measuring.predictions import Predictions
from tools.spec.expectations import NOTHING, Expectations
from tools.spec.model import ModelSpec
from tools.spec.truth import Truth


@dataclass(frozen=True, slots=True)
class RecogniserJudge(Judge):
    """A recogniser's judge. *reference* is None where torch has not run on these clips; *remake* is the command that runs it."""

    spec: ModelSpec
    truth: Truth
    clips: ClipSet
    reference: Predictions | None
    remake: str = "python -m tools.reference MODEL"
    expect: Expectations = NOTHING

    @property
    def ids(self) -> list[str]:
        return [clip.id for clip in self.clips.clips]

    @property
    def labels(self) -> Labels:
        return np.array([clip.label for clip in self.clips.clips], np.int64)

    def accuracy(self, cell: Cell) -> list[Judgement]:
        """The stored figures judge the published weights on the complete data set; everything else is judged in pairs.

        What is expected by `--expect` is judged beside either, on any weights and data.
        """
        found = cell.parts[0].predictions
        wrong = unusable(found, self.ids)
        if wrong:
            return [wrong]
        official = is_official(cell) and len(self.ids) == self.spec.clips
        torch, unjudged = self.reference, no_reference(self.remake, len(self.ids))
        judged = accuracy(found.scores, self.labels, Against(self.truth, official, None if torch is None else torch.scores, unjudged,
                                                             self.expect, self.clips.shortfall))
        return [*judged, recorded("pairs", unjudged)] if official and torch is None else judged

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """The device's scores against torch's on the same clips, within the limits of the device's precision."""
        found = cell.parts[0].predictions
        wrong = unusable(found, self.ids)
        if wrong:
            return [wrong]
        if self.reference is None:
            return [recorded("difference", no_reference(self.remake, len(self.ids)))]
        gate, limited = fidelity_gate(cell, self.truth)
        judged = verdict.fidelity(found.scores, self.reference.scores, self.ids, gate, softmax=self.spec.network.softmax)
        return judged if limited else without_limits(cell, judged)
