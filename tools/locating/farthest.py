"""How far each clip's scores lie from the reference's, in a cell that was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.errors import StoreError
from tools.judging.floors import floor_of
from tools.localisation.detections import Doubles
from tools.localisation.proposals import bins, propose
from tools.measuring import kinds
from tools.measuring.cell import Part
from tools.measuring.launch import Found
from tools.measuring.metrics import TINY, centred, log_scores
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.preprocess import Floats
from tools.spec.model import LocaliserSpec, Spec
from tools.storage.context import Context


def farthest(context: Context[Spec], found: Found, parts: Sequence[Part]) -> Doubles | None:
    """The largest difference of each clip; infinite where scores are no numbers; None without a reference.

    found: its clips are those of the cell, in its order.
    """
    try:
        reference = kinds.of(context.spec).torch_reference(context, found.checkpoints, found.dataset)
    except StoreError as error:  # torch is not here to make it
        context.say(error.what)
        return None
    if reference is None:
        return None
    if isinstance(reference, TorchLocaliser):
        assert isinstance(context.spec, LocaliserSpec)
        curves, scores = (part.predictions for part in parts)
        apart = np.maximum(_of_curves(curves.scores, reference.curves.scores), _of_proposals(curves, scores, reference, context.spec))
    else:
        apart = _of_scores(parts[0], reference, context.spec)
    found_apart: Doubles = np.nan_to_num(apart, nan=np.inf)
    return found_apart


def _of_scores(part: Part, reference: Predictions, spec: Spec) -> Doubles:
    """Of classes, on the scale on which fidelity is judged."""
    [network], record = spec.networks, part.record
    ours, theirs = part.predictions.scores, reference.scores
    if record.shifted or (network.graph and not network.softmax):
        ours, theirs = centred(ours), centred(theirs)
    smallest = floor_of(record.precision).smallest
    apart = [log_scores(rows, softmax=network.softmax, smallest=smallest) for rows in (ours, theirs)]
    largest: Doubles = np.abs(apart[0] - apart[1]).max(axis=1)
    return largest


def _of_curves(ours: Floats, theirs: Floats) -> Doubles:
    """As a share of the range of all."""
    largest: Doubles = np.abs(ours.astype(np.float64) - theirs).reshape(len(ours), -1).max(axis=1)
    return largest / max(float(np.ptp(theirs)), TINY)


def _of_proposals(curves: Predictions, scores: Predictions, torch: TorchLocaliser, spec: LocaliserSpec) -> Doubles:
    """Of the second network's scores of proposals that both sides have, as a share of the range of all."""
    how, theirs = spec.proposals, torch.proposals[:, 3]
    span = max(float(np.ptp(theirs)) if len(theirs) else 0.0, TINY)
    apart = np.zeros(len(curves.ids))
    for number, (curve, score) in enumerate(zip(curves.scores, scores.scores, strict=True)):
        if not np.isfinite(curve).all():
            continue
        made = propose(curve, how.peak_threshold).best(how.top)
        there = torch.proposals[torch.proposals[:, 0] == number]
        _, mine, torchs = np.intersect1d(_keys(bins(made.start), bins(made.end)), _keys(there[:, 1], there[:, 2]), return_indices=True)
        apart[number] = np.abs(score.reshape(-1)[mine] - there[torchs, 3]).max(initial=0.0) / span
    return apart


def _keys(start: Doubles, end: Doubles) -> Doubles:
    return start * 1000 + end  # more than a video has bins
