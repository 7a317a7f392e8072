"""From a measured localiser to judgements: recall of its detections, and how far each stage lies from torch's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tools.datasets.videos import VideoSet
from tools.judging.accuracy import against_published, expected
from tools.judging.judge import Judge, fidelity_gate, is_official, no_reference, partial_data, unusable, without_limits
from tools.judging.verdict import Judgement, Verdict, closeness, limit, recorded
from tools.localisation.detections import DETECTIONS, Detections, Doubles, read_results
from tools.localisation.proposals import bins, propose
from tools.localisation.recall import average_recall
from tools.measuring import metrics
from tools.measuring.cell import Cell
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.spec.expectations import NOTHING, Expectations
from tools.spec.model import LocaliserSpec
from tools.spec.truth import FidelityGate, Truth

GRID = 1000  # more than a video has bins


def stored_recall(measured: Mapping[str, float], truth: Truth) -> list[Judgement]:
    """Average recall against the published figures; for the published weights on the complete list only."""
    return [against_published(metric, measured[metric], truth) for metric in truth.accuracy.references]


def paired_recall(measured: Mapping[str, float], reference: Mapping[str, float], max_difference: float) -> list[Judgement]:
    """Average recall beside torch's on the same videos: more than torch finds with the same weights is as wrong as less."""
    judged = []
    for metric, theirs in reference.items():
        apart = measured[metric] - theirs
        verdict = Verdict.PASS if abs(apart) <= max_difference else Verdict.FAIL
        judged.append(Judgement(metric, f"{measured[metric]:.4f}", f"{theirs:.4f}", verdict,
                                f"{apart:+.4f} beside torch and mmaction2's evaluation of the same videos; "
                                f"{max_difference} either way is allowed"))
    return judged


def proposal_fidelity(ours: Doubles, theirs: Doubles, name: str, gate: FidelityGate) -> list[Judgement]:
    """The second network's score of every proposal, paired by video, start and end: rows [n, 4] with the score last."""
    mine, torchs = _pairs(ours, theirs)
    alone = len(ours) + len(theirs) - 2 * len(mine)
    most = int(gate.max_flipped_share * len(theirs))
    apart = float(np.abs(ours[mine, 3] - theirs[torchs, 3]).max(initial=0)) / float(np.ptp(theirs[:, 3]))
    return [
        limit(f"{name} difference", f"{apart:.1e}", f"<= {gate.max_relative_difference:.0e}",
              f"largest difference of a proposal's score over the range of torch's, of {len(mine)} proposals",
              good=apart <= gate.max_relative_difference),
        limit(f"{name} unpaired", str(alone), f"<= {most}", f"proposals that only one side has, of {len(theirs)}", good=alone <= most),
    ]


def _pairs(ours: Doubles, theirs: Doubles) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of both sides that are the same proposal."""
    first, second = ((rows[:, 0] * GRID + rows[:, 1]) * GRID + rows[:, 2] for rows in (ours, theirs))
    _, mine, torchs = np.intersect1d(first, second, return_indices=True)
    return mine, torchs


def detection_fidelity(pairs: Sequence[tuple[Detections, Detections]], gate: FidelityGate) -> Judgement:
    """The final detections beside torch's, rank by rank: how many are missing, added, or differ in score."""
    total = sum(len(theirs) for _, theirs in pairs)
    bound = gate.max_relative_difference * max(float(theirs.scores.max(initial=0)) for _, theirs in pairs)
    wrong = 0
    for ours, theirs in pairs:
        shared = min(len(ours), len(theirs))
        wrong += abs(len(ours) - len(theirs)) + int((np.abs(ours.scores[:shared] - theirs.scores[:shared]) > bound).sum())
    most = int(gate.max_flipped_share * total)
    return limit("detections", str(wrong), f"<= {most}",
                 f"detections of {total} that are missing, added, or whose score is not torch's at that rank", good=wrong <= most)


@dataclass(frozen=True, slots=True)
class LocaliserJudge(Judge):
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
            judged = stored_recall(measured, self.truth)
        if self.reference is None:
            metric, value = ("pairs", "-") if judged else ("AR@100", f"{measured['AR@100']:.4f}")
            judged = [*judged, recorded(metric, no_reference(self.remake, len(self.videos.ids), "videos"), value)]
        else:
            assert self.truth.recall is not None, "a localiser's toml has [gates.recall]"
            judged = judged + paired_recall(measured, self.reference.recall, self.truth.recall.max_difference)
        if self.videos.shortfall is not None:
            judged = partial_data(judged, self.videos.shortfall)
        return [*judged, *expected(measured, self.expect)]

    def fidelity(self, cell: Cell) -> list[Judgement]:
        """TEM's curves, PEM's score of every proposal and the final detections against torch's on the same videos."""
        wrong = self._unusable(cell)
        if wrong:
            return [wrong]
        if self.reference is None:
            return [recorded("difference", no_reference(self.remake, len(self.videos.ids), "videos"))]
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
        judged = closeness(apart, self.videos.ids, gate, "curves")
        return [replace(one, metric=f"{self.spec.tem.name} {one.metric}") for one in judged]

    def _proposals(self, cell: Cell, torch: TorchLocaliser, gate: FidelityGate) -> list[Judgement]:
        ours = _scored_proposals(cell.parts[0].predictions, cell.parts[1].predictions, self.spec)
        return proposal_fidelity(ours, torch.proposals, self.spec.pem.name, gate)

    def _detections(self, cell: Cell, torch: TorchLocaliser, gate: FidelityGate) -> list[Judgement]:
        found = read_results(cell.parts[-1].folder / DETECTIONS, self.videos.ids)
        pairs = [(found[id], torch.detections[id]) for id in self.videos.ids]
        return [detection_fidelity(pairs, gate)]


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
