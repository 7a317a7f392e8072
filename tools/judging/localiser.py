"""From a measured localiser to judgements: its recall, and how far each of its stages is from torch's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tools.datasets.videos import VideoSet
from tools.judging.accuracy import against_published, expected, unpublished
from tools.judging.flips import Flips
from tools.judging.interval import Interval
from tools.judging.judge import JudgeOf, partial_data
from tools.judging.numbers import Numbers, Pairs
from tools.judging.resampled import recall_difference
from tools.judging.segments import Video, faults, first_sentence, unlike
from tools.judging.verdict import Judgement, Verdict, closeness, limit, recorded
from tools.localisation.detections import DETECTIONS, Detections, Doubles, none_found, read_results
from tools.localisation.proposals import bins, propose
from tools.localisation.recall import average_recall
from tools.machine.files import sha256
from tools.measuring import metrics
from tools.measuring.cell import Cell
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.preprocess import Floats
from tools.spec.model import LocaliserSpec, ProposalSpec
from tools.spec.truth import FidelityGate

GRID = 1000  # more than a video has bins
AT_100 = "AR@100"


def paired_recall(measured: Mapping[str, float], reference: Mapping[str, float], max_difference: float,
                  spread: Interval | None = None, videos: int = 0) -> list[Judgement]:
    """Average recall beside torch's on the same videos: with the same weights, more is as wrong as less.

    spread: where the difference of AR@100 lies, as the *videos* tell it.
    """
    judged = []
    for metric, theirs in reference.items():
        apart = measured[metric] - theirs
        known = spread if metric == AT_100 else None
        beyond = abs(apart) > max_difference or (known is not None and max(known.low, -known.high) > max_difference)
        verdict = Verdict.FAIL if beyond else Verdict.PASS
        judged.append(Judgement(metric, f"{measured[metric]:.4f}", f"{theirs:.4f}", verdict,
                                f"{apart:+.4f} beside torch and mmaction2's evaluation of the same videos; "
                                f"{max_difference} either way is allowed{_spread(known)}",
                                numbers=Numbers("share", float(measured[metric]), float(theirs), pairs=_pairs(videos, known))))
    return judged


def _pairs(videos: int, known: Interval | None) -> Pairs | None:
    return Pairs(videos, known.low if known else None, known.high if known else None) if videos else None


def _spread(known: Interval | None) -> str:
    """What a reason adds of where a difference of recall lies; one below zero is a loss, however small."""
    if known is None:
        return ""
    lower = "; that is lower, by more than these videos leave to chance" if known.high < 0 else ""
    return f"; with other such videos it lies from {known.low:+.4f} to {known.high:+.4f} (95 %){lower}"


def proposal_fidelity(ours: Doubles, theirs: Doubles, name: str, gate: FidelityGate) -> list[Judgement]:
    """PEM's score of every proposal against torch's; rows [n, 4] of video, start, end and score."""
    first, second = ((rows[:, 0] * GRID + rows[:, 1]) * GRID + rows[:, 2] for rows in (ours, theirs))
    _, mine, torchs = np.intersect1d(first, second, return_indices=True)
    alone = len(ours) + len(theirs) - 2 * len(mine)
    most = int(gate.max_flipped_share * len(theirs))
    span = float(np.ptp(theirs[:, 3])) if len(theirs) else 0.0
    if span == 0.0:
        return [Judgement(f"{name} difference", "-", "-", Verdict.NO_VERDICT,
                          f"torch's scores of {len(theirs)} proposals are all equal, so they tell no right port from a wrong one")]
    apart = float(np.abs(ours[mine, 3] - theirs[torchs, 3]).max(initial=0)) / span
    return [
        limit(f"{name} difference", f"{apart:.1e}", f"<= {gate.max_relative_difference:.0e}",
              f"largest difference of a proposal's score over the range of torch's, of {len(mine)} proposals",
              Numbers("share", apart, gate.max_relative_difference), good=apart <= gate.max_relative_difference),
        limit(f"{name} unpaired", str(alone), f"<= {most}", f"proposals that only one side has, of {len(theirs)}",
              Numbers("proposals", alone, most), good=alone <= most),
    ]


def detection_fidelity(videos: Sequence[Video], how: ProposalSpec, gate: FidelityGate) -> list[Judgement]:
    """The final detections one to one: those that cannot be right, and those that are not torch's."""
    total = sum(len(video.theirs) for video in videos)
    wrong = [fault for video in videos for fault in faults(video, how)]
    faulty = sum(fault.count for fault in wrong)
    bound = gate.max_relative_difference * max(float(video.theirs.scores.max(initial=0)) for video in videos)
    apart, most = sum(unlike(video, bound) for video in videos), int(gate.max_flipped_share * total)
    return [
        limit("detections faulty", str(faulty), "<= 0",
              "detections that are lost, twice, out of order or at other times, by the scores of their own proposals and by torch's times"
              f"{first_sentence(wrong)}", Numbers("detections", faulty, 0), good=not wrong),
        limit("detections", str(apart), f"<= {most}",
              f"detections that only one side has, or whose scores are not torch's, of {total}", Numbers("detections", apart, most),
              good=apart <= most),
    ]


@dataclass(frozen=True, slots=True)
class LocaliserJudge(JudgeOf[LocaliserSpec, VideoSet, TorchLocaliser]):
    """A localiser's judge: average recall, and what each stage gives."""

    def usable_accuracy(self, cell: Cell, *, official: bool) -> list[Judgement]:
        """Judgements of average recall, by the published figures and beside torch's of the same videos."""
        found = self._detections(cell)
        truths = [video.truth for video in self.dataset.videos]
        recall = average_recall(truths, [found[id] for id in self.dataset.ids])
        measured = recall.named()
        stored = self.truth.references if official else ()
        judged = [against_published(metric, measured[metric], self.truth) for metric in stored]
        if self.reference is None:
            judged.append(recorded("pairs", self.no_reference) if judged else
                          recorded(AT_100, self.no_reference, f"{measured[AT_100]:.4f}", Numbers("share", float(measured[AT_100]))))
        else:
            assert self.truth.recall is not None, "a localiser's toml has [gates.recall]"
            theirs = average_recall(truths, [self.reference.detections[id] for id in self.dataset.ids])
            judged += paired_recall(measured, self.reference.recall, self.truth.recall.max_difference,
                                    recall_difference(recall, theirs, [len(truth) for truth in truths]), len(truths))
        if self.dataset.shortfall is not None:
            judged = partial_data(judged, self.dataset.shortfall)
        if official:
            judged = unpublished(judged, self.truth)
        return [*judged, *expected(measured, self.expect)]

    def usable_flips(self, cell: Cell) -> Flips:
        """No clips, but the digest of the detections."""
        return Flips(digest=sha256(cell.parts[-1].folder / DETECTIONS))

    def usable_fidelity(self, cell: Cell, torch: TorchLocaliser, gate: FidelityGate) -> list[Judgement]:
        """TEM's curves, PEM's score of every proposal and the final detections, each against torch's."""
        curves, scores = (part.predictions for part in cell.parts)
        apart = metrics.distance(_flat(curves.scores), _flat(torch.curves.scores), softmax=False)
        judged = [replace(one, metric=f"{self.spec.tem.name} {one.metric}")
                  for one in closeness(apart, self.dataset.ids, gate, "curves")]
        proposals = _scored_proposals(curves, scores, self.spec)
        found, how = self._detections(cell), self.spec.proposals
        videos = [Video(one.name, one.duration_s, found[one.name], torch.detections[one.name],
                        propose(curve, how.peak_threshold).best(how.top), score)
                  for one, curve, score in zip(self.dataset.videos, curves.scores, scores.scores, strict=True)]
        return [*judged, *proposal_fidelity(proposals, torch.proposals, self.spec.pem.name, gate),
                *detection_fidelity(videos, how, gate)]

    def _detections(self, cell: Cell) -> dict[str, Detections]:
        none = dict.fromkeys(self.dataset.ids, none_found())
        return none | read_results(cell.parts[-1].folder / DETECTIONS, self.dataset.ids)


def _flat(scores: Floats) -> Floats:
    """The scores as one row a video."""
    return scores.reshape(len(scores), -1)


def _scored_proposals(curves: Predictions, scores: Predictions, spec: LocaliserSpec) -> Doubles:
    """Rows of video number, start bin, end bin and PEM's score, as the reference keeps them."""
    rows = []
    for number, (curve, score) in enumerate(zip(curves.scores, scores.scores, strict=True)):
        made = propose(curve, spec.proposals.peak_threshold).best(spec.proposals.top)
        rows.append(np.column_stack([np.full(len(made), number), bins(made.start), bins(made.end), score.reshape(-1)[: len(made)]]))
    return np.concatenate(rows)
