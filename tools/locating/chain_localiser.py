"""BSN's steps before, between and after its networks, beside mmaction2's own on the same arrays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.datasets.videos import VideoSet
from tools.errors import ReferenceRunError
from tools.localisation.activitynet import Video
from tools.localisation.detections import Detections, Doubles
from tools.localisation.proposals import Proposals, bin_centres, features, propose
from tools.localisation.soft_nms import detect
from tools.locating import theirs
from tools.locating.compared import Array, compared
from tools.locating.torch_answers import torch_answers
from tools.locating.values import Step
from tools.machine.reading import load_npz
from tools.measuring import localiser
from tools.measuring.launch import Found
from tools.media.preprocess import Floats
from tools.pytorch import bsn_steps
from tools.pytorch.bsn_features import read_by_mmaction2
from tools.spec.model import LocaliserSpec
from tools.storage.context import Context

FEATURES, PROPOSALS, OF_PROPOSALS, SEGMENTS, SCORES = "features", "proposals", "of_proposals", "segments", "scores"
LIMIT = 1e-6  # of float32's rounding, where mmaction2's steps are given float64
APART = 1e-6  # the share by which two products of scores must differ for their order to mean something


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A video, torch's *curves* [3, bins] of it, and the proposals that its second network scored.

    scored: rows of start bin, end bin and score.
    """

    video: Video
    curves: Floats
    scored: Doubles

    @property
    def proposals(self) -> Proposals:
        """The proposals that were scored."""
        start, end = (self.scored[:, column].astype(np.intp) for column in (0, 1))
        centres = bin_centres(self.curves.shape[1])
        return Proposals(centres[start], centres[end], self.curves[1, start], self.curves[2, end])


def steps(context: Context[LocaliserSpec], found: Found, ids: Sequence[str]) -> tuple[Step, ...]:
    """The steps for the videos *ids*; between the networks they are given torch's own scores."""
    torch, videos = torch_answers(context, found, ids), found.dataset
    assert isinstance(videos, VideoSet)
    by_name, at = {video.name: video for video in videos.videos}, {id: number for number, id in enumerate(torch.curves.ids)}
    heard = [Heard(by_name[id], torch.curves.scores[at[id]], torch.proposals[torch.proposals[:, 0] == at[id], 1:]) for id in ids]
    with tempfile.TemporaryDirectory() as folder:
        theirs.make(context, partial(save, context.spec, heard), Path(folder))
        made = [load_npz(Path(folder, f"{number}.npz"), ReferenceRunError, "what mmaction2 made") for number in range(len(heard))]
    tem = localiser.feed(videos, context.spec, context.spec.tem)
    pem = localiser.feed(videos, context.spec, context.spec.pem, torch.curves)
    rows = [(_row(tem.fill, tem.shape, videos.ids.index(id)), _row(pem.fill, pem.shape, at[id])) for id in ids]
    return tuple(step for one, by_mmaction2, fed in zip(heard, made, rows, strict=True)
                 for step in _of_video(one, by_mmaction2, fed, context.spec))


def save(spec: LocaliserSpec, heard: Sequence[Heard], folder: Path) -> None:
    """Write what mmaction2's steps make of the videos, by their numbers: 0.npz, 1.npz and so on.

    features [400, 100]: the first network's input. proposals [n, 7]: made of the curves, best first.
    of_proposals [<= 1000, 32]: features of the best. segments [k, 2] in seconds, scores [k]: the detections.
    """
    how = spec.proposals
    for number, one in enumerate(heard):
        table = bsn_steps.proposals(one.curves, how.peak_threshold)
        found = bsn_steps.detections(_columns(one.proposals), one.scored[:, 2], bsn_steps.info(one.video.duration_s), how)
        made: dict[str, Array] = {
            FEATURES: read_by_mmaction2(one.video.features), PROPOSALS: table,
            OF_PROPOSALS: bsn_steps.features(one.curves, table[: how.top], how.top, wide=True),
            SEGMENTS: found.segments.reshape(-1, 2), SCORES: found.scores}
        np.savez(folder / f"{number}.npz", allow_pickle=False, **made)


def _of_video(one: Heard, made: Mapping[str, Array], fed: tuple[Floats, Floats], spec: LocaliserSpec) -> list[Step]:
    name, how, table = one.video.name, spec.proposals, made[PROPOSALS]
    ours = features(one.curves, _proposals(table), how.top)
    kept = _settled(table, how.top)
    whole = np.zeros((how.top, ours.shape[1]))
    whole[: len(made[OF_PROPOSALS])] = made[OF_PROPOSALS]
    found = detect(one.proposals, np.asarray(one.scored[:, 2], np.float32), one.video.duration_s, how)
    detections = [np.column_stack([each.scores, each.segments / one.video.duration_s])
                  for each in (found, Detections(made[SEGMENTS], made[SCORES]))]
    return [
        replace(compared(f"{spec.tem.name}'s input", name, fed[0], made[FEATURES], ("column", "position")), feeds=spec.tem.name),
        compared("proposals", name, _in_order(_columns(propose(one.curves, how.peak_threshold))), _in_order(table), ("proposal", "column"),
                 LIMIT),
        compared("features of proposals", name, ours, made[OF_PROPOSALS], ("proposal", "column"), LIMIT),
        replace(compared(f"{spec.pem.name}'s input", name, fed[1][kept], whole[kept], ("proposal", "column"), LIMIT),
                feeds=spec.pem.name),
        compared("detections", name, detections[0], detections[1], ("detection", "column"), LIMIT),
    ]


def _row(fill: Callable[[int, Floats], None], shape: tuple[int, ...], number: int) -> Floats:
    row = np.empty(shape, np.float32)
    fill(number, row)
    return row


def _proposals(table: Doubles) -> Proposals:
    """The proposals in a table of mmaction2's."""
    start_score, end_score = (np.asarray(table[:, column], np.float32) for column in (2, 3))
    return Proposals(table[:, 0], table[:, 1], start_score, end_score)


def _columns(made: Proposals) -> Doubles:
    """Start, end and their scores, [n, 4]."""
    return np.stack([made.start, made.end, made.start_score, made.end_score], axis=1, dtype=np.float64)


def _in_order(table: Doubles) -> Doubles:
    """Proposals by their places, [n, 5], beside them the products of all scores in the order of the table.

    Of equal products mmaction2 leaves the order to an unstable sort.
    """
    places = np.lexsort((table[:, 1], table[:, 0]))
    return np.column_stack([table[places, :4], table[:, 2] * table[:, 3]])


def _settled(table: Doubles, top: int) -> NDArray[np.intp]:
    """The rows of the second network's input that can hold one proposal only, or none.

    Proposals of equal products may stand in any order, and float32 may make products equal.
    """
    products = table[: top + 1, 2] * table[: top + 1, 3]
    apart = np.concatenate([[True], -np.diff(products) > APART * products[:-1], [True]])
    settled = (apart[:-1] & apart[1:])[:top]
    return np.concatenate([np.flatnonzero(settled), np.arange(min(len(table), top), top)])
