"""From a measured localiser to judgements: recall of its detections, and how far each stage lies from torch's."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tools import metrics, verdict, verdict_localiser
from tools.cell import Cell
from tools.detections import Doubles, read_results
from tools.expectations import NOTHING, Expectations
from tools.judge import fidelity_gate, is_official, no_reference, partial_data, unusable, without_limits
from tools.localise import DETECTIONS, bins
from tools.predictions import Predictions
from tools.proposals import propose
from tools.recall import average_recall
from tools.reference_localiser import TorchLocaliser
from tools.spec import LocaliserSpec
from tools.truth import FidelityGate, Truth
from tools.verdict import Judgement
from tools.videos import VideoSet


@dataclass(frozen=True, slots=True)
class LocaliserBasis:
    """A localiser's judge. *reference* is None where torch has not run on these videos; *remake* runs it."""

    spec: LocaliserSpec
    truth: Truth
    videos: VideoSet
    reference: TorchLocaliser | None
    remake: str = "python -m tools.reference MODEL"
    expect: Expectations = NOTHING

    def accuracy(self, cell: Cell) -> list[Judgement]:
        """Average recall: the stored figures judge the published weights on all videos; everything else is judged beside torch's.

        What is expected by `--expect` is judged beside either, on any weights and videos.
        """
        wrong = self._unusable(cell)
        if wrong:
            return [wrong]
        measured = self._recall(cell)
        judged = []
        if is_official(cell) and len(self.videos.ids) == self.spec.clips:
            judged = verdict_localiser.stored_recall(measured, self.truth)
        if self.reference is None:
            metric, value = ("pairs", "-") if judged else ("AR@100", f"{measured['AR@100']:.4f}")
            judged = [*judged, no_reference(self.remake, metric, len(self.videos.ids), value, items="videos")]
        else:
            assert self.truth.recall is not None, "a localiser's toml has [gates.recall]"
            judged = judged + verdict_localiser.paired_recall(measured, self.reference.recall, self.truth.recall.max_difference)
        if self.videos.shortfall is not None:
            judged = partial_data(judged, self.videos.shortfall)
        return [*judged, *verdict.expected(measured, self.expect)]

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """TEM's curves, PEM's score of every proposal and the final detections against torch's on the same videos."""
        wrong = self._unusable(cell)
        if wrong:
            return [wrong]
        if self.reference is None:
            return [no_reference(self.remake, "difference", len(self.videos.ids), items="videos")]
        gate, limited = fidelity_gate(cell, self.truth)
        judged = [*self._curves(cell, self.reference, gate), *self._proposals(cell, self.reference, gate),
                  *self._detections(cell, self.reference, gate)]
        return judged if limited else without_limits(cell, judged)

    def _unusable(self, cell: Cell) -> Judgement | None:
        return next((found for part in cell.parts if (found := unusable(_flat(part.predictions), self.videos.ids))), None)

    def _recall(self, cell: Cell) -> dict[str, float]:
        found = read_results(cell.parts[-1].folder / DETECTIONS, self.videos.ids)
        return average_recall([video.truth for video in self.videos.videos], [found[id] for id in self.videos.ids]).named()

    def _curves(self, cell: Cell, torch: TorchLocaliser, gate: FidelityGate) -> list[Judgement]:
        ours, theirs = _flat(cell.parts[0].predictions), _flat(torch.curves)
        apart = metrics.distance(ours.scores, theirs.scores, softmax=False)
        judged = verdict.closeness(apart, self.videos.ids, gate, "curves")
        return [replace(one, metric=f"{self.spec.tem.name} {one.metric}") for one in judged]

    def _proposals(self, cell: Cell, torch: TorchLocaliser, gate: FidelityGate) -> list[Judgement]:
        ours = _scored_proposals(cell.parts[0].predictions, cell.parts[1].predictions, self.spec)
        return verdict_localiser.proposal_fidelity(ours, torch.proposals, self.spec.pem.name, gate)

    def _detections(self, cell: Cell, torch: TorchLocaliser, gate: FidelityGate) -> list[Judgement]:
        found = read_results(cell.parts[-1].folder / DETECTIONS, self.videos.ids)
        pairs = [(found[id], torch.detections[id]) for id in self.videos.ids]
        return [verdict_localiser.detection_fidelity(pairs, gate)]


def _flat(found: Predictions) -> Predictions:
    """Scores as one row a video."""
    return Predictions(found.ids, found.scores.reshape(len(found.scores), -1))


def _scored_proposals(curves: Predictions, scores: Predictions, spec: LocaliserSpec) -> Doubles:
    """Rows of video number, start bin, end bin and PEM's score, as the reference keeps them."""
    rows = []
    for number, (curve, score) in enumerate(zip(curves.scores, scores.scores, strict=True)):
        made = propose(curve, spec.proposals.peak_threshold).best(spec.proposals.top)
        rows.append(np.column_stack([np.full(len(made), number), bins(made.start), bins(made.end), score.reshape(-1)[: len(made)]]))
    return np.concatenate(rows)
