"""Judging a localiser: average recall, and each stage of the chain beside torch's; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.detections import Detections, Doubles
from tools.truth import FidelityGate, Truth
from tools.verdict import Judgement, Verdict, against_published, limit

GRID = 1000  # more than a video has bins


def stored_recall(measured: Mapping[str, float], truth: Truth) -> list[Judgement]:
    """Average recall against the published figures; for the published weights on the complete list only."""
    return [against_published(metric, measured[metric], truth, truth.accuracy) for metric in truth.accuracy.references]


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
