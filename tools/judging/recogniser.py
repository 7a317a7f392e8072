"""From a measured recogniser to judgements: accuracy, and how far its scores lie from torch's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.datasets.clips import ClipSet
from tools.judging import verdict
from tools.judging.judge import fidelity_gate, is_official, no_reference, partial_data, unusable, without_limits
from tools.judging.verdict import Judgement
from tools.measuring.cell import Cell
from tools.measuring.metrics import Labels, hits
from tools.measuring.predictions import Predictions
from tools.spec.expectations import NOTHING, Expectations
from tools.spec.model import ModelSpec
from tools.spec.truth import Truth


@dataclass(frozen=True, slots=True)
class RecogniserJudge:
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
        judged = []
        if is_official(cell) and len(self.ids) == self.spec.clips:
            judged = verdict.stored_accuracy(found.scores, self.labels, self.truth, self.truth.accuracy)
        if self.reference is None:
            judged = judged + self._alone(found, judged)
        else:
            assert self.truth.pairs is not None, "a recogniser's toml has [gates.pairs]"
            judged = judged + verdict.paired_accuracy(found.scores, self.reference.scores, self.labels, self.truth.pairs)
        if self.clips.shortfall is not None:
            judged = partial_data(judged, self.clips.shortfall)
        return [*judged, *verdict.expected_accuracy(found.scores, self.labels, self.expect)]

    def _alone(self, found: Predictions, judged: Sequence[Judgement]) -> list[Judgement]:
        """What is measured and has no torch beside it: the pairs only, where the stored figures have judged the rest."""
        if judged:
            return [no_reference(self.remake, "pairs", len(self.ids))]
        return [no_reference(self.remake, metric, len(self.ids), f"{hits(found.scores, self.labels, k).mean():.4f}")
                for metric, k in verdict.TOP.items()]

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """The device's scores against torch's on the same clips, within the limits of the device's precision."""
        found = cell.parts[0].predictions
        wrong = unusable(found, self.ids)
        if wrong:
            return [wrong]
        if self.reference is None:
            return [no_reference(self.remake, "difference", len(self.ids))]
        gate, limited = fidelity_gate(cell, self.truth)
        judged = verdict.fidelity(found.scores, self.reference.scores, self.ids, gate, softmax=self.spec.network.softmax)
        return judged if limited else without_limits(cell, judged)
