"""From a measured recogniser to judgements: accuracy, and how far its scores lie from torch's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.datasets import choice
from tools.datasets.clips import ClipSet
from tools.judging import verdict
from tools.judging.accuracy import Against, accuracy
from tools.judging.beside import beside
from tools.judging.flips import Flips, flips, placed, scale_of
from tools.judging.floors import floor_of
from tools.judging.judge import JudgeOf
from tools.judging.plausible import known_of
from tools.judging.verdict import Judgement
from tools.measuring.cell import Cell
from tools.measuring.metrics import Labels, centred
from tools.measuring.predictions import Predictions
from tools.spec.model import ModelSpec
from tools.spec.truth import FidelityGate


@dataclass(frozen=True, slots=True)
class RecogniserJudge(JudgeOf[ModelSpec, ClipSet, Predictions]):
    """A recogniser's judge: top-1 and top-5, and the scores clip by clip."""

    def usable_accuracy(self, cell: Cell, *, official: bool) -> list[Judgement]:
        """Judgements of top-1 and top-5; beside torch in pairs of the same clip."""
        torch = None if self.reference is None else self.reference.scores
        against = Against(self.truth, official, torch, self.no_reference, self.expect, self.dataset.shortfall,
                          unpaired=self.no_reference, known=known_of(self.spec, self.truth, cell.record.weights),
                          few=choice.is_some(cell.record.data), beside=beside(self.spec, itself=cell.record.itself),
                          ids=self.dataset.ids)
        return accuracy(cell.parts[0].predictions.scores, self._labels, against)

    def usable_flips(self, cell: Cell) -> Flips:
        """The clips that the device and the reference do not agree on."""
        if self.reference is None:
            return Flips()
        scores, reference = cell.parts[0].predictions.scores, self.reference.scores
        return placed(flips(scores, reference, self._labels, self.dataset.ids, scale_of(self.spec)), self.dataset, self.spec)

    def usable_fidelity(self, cell: Cell, torch: Predictions, gate: FidelityGate) -> list[Judgement]:
        """The device's scores against torch's of the same clips, or the scores of the model's own graph."""
        scores, theirs, softmax = cell.parts[0].predictions.scores, torch.scores, self.spec.network.softmax
        if cell.record.shifted or (self.spec.network.graph and not softmax):  # which may end in softmax itself
            scores, theirs = centred(scores), centred(theirs)
        other = beside(self.spec, itself=cell.record.itself)
        return other.judged(verdict.fidelity(scores, theirs, self.dataset.ids, gate, softmax=softmax,
                                             smallest=floor_of(cell.record.precision).smallest, name=other.name))

    @property
    def _labels(self) -> Labels:
        return np.array([clip.label for clip in self.dataset.clips], np.int64)
