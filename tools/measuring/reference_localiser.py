"""A localiser's torch reference: mmaction2's own networks, and its own steps between and after them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.datasets import choice
from tools.datasets.videos import VideoSet
from tools.deployment.weights import Weights
from tools.errors import ReferenceRunError
from tools.localisation.detections import DETECTIONS, Detections, Doubles, none_found, read_results, write_results
from tools.localisation.proposals import bins
from tools.localisation.recall import RANKS
from tools.machine import events, versions
from tools.machine.reading import load_json, load_npz, refusing
from tools.measuring.adoption import KEPT_FROM, Earlier, holds, read, sample
from tools.measuring.metrics import TINY
from tools.measuring.predictions import Predictions, load, save
from tools.measuring.reference import require_finite
from tools.pytorch import bsn_steps, networks
from tools.pytorch.bsn_features import read_by_mmaction2
from tools.spec.digest import spec_digest
from tools.spec.model import LocaliserSpec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Entry, Facts, Key
from tools.storage.shards import Made, Shards
from tools.storage.stages import Stage

CURVES, PROPOSALS, RECALL = "curves.npz", "proposals.npz", "recall.json"
Answers = Mapping[str, NDArray[Any]]  # the curves, proposals and detections of one video or of all
Answer = Callable[[Sequence[int]], Iterator[Answers]]  # those of each of these videos


@dataclass(frozen=True, slots=True)
class TorchLocaliser:
    """Torch's answers on N videos.

    *curves*: TEM's scores [N, 3, 100]. *proposals*: rows of video's number, start bin, end bin, PEM's score.
    *recall*: AR@k and AUC of *detections* as shares, by mmaction2's evaluation.
    """

    curves: Predictions
    proposals: Doubles
    detections: Mapping[str, Detections]
    recall: Mapping[str, float]

    @classmethod
    def read(cls, entry: Entry, ids: tuple[str, ...]) -> TorchLocaliser:
        """What `build` saved, for the videos *ids*."""
        what, remedy = "torch's proposals", "python -m tools.store verify"
        stored = load_npz(entry.file(PROPOSALS), ReferenceRunError, what, remedy)
        with refusing(ReferenceRunError, f"{what} cannot be read", str(entry.file(PROPOSALS)), remedy):
            proposals = np.asarray(stored["rows"], np.float64)
        return cls(load(entry.file(CURVES)), proposals, read_results(entry.file(DETECTIONS), ids),
                   load_json(entry.file(RECALL), ReferenceRunError))


def stage(context: Context[LocaliserSpec], checkpoints: tuple[Weights, ...], chosen: VideoSet, *, asked: bool = True) -> Stage:
    """Torch's answers on these videos; a run goes on where one that was killed stopped.

    asked: whether all videos may be computed, where answers that other code made are here and do not hold.
    """
    spec, store = context.spec, context.store
    wanted = Key("reference", spec.name, (
        *((checkpoint.network.name, checkpoint.sha256) for checkpoint in checkpoints), ("spec", spec_digest(spec)),
        ("videos", chosen.digest), *versions.public("torch", "mmaction2", "mmcv-lite", "mmengine", "numpy"), code.part(build)))
    made = store.by_other_code(wanted)
    return Stage(wanted, f"running the torch reference on {len(chosen.videos)} videos",
                 partial(build, spec, checkpoints, chosen, choice.is_whole_mini(context), store.unfinished(wanted),
                         earlier=Earlier(made, asked) if made else None))


def build(spec: LocaliserSpec, checkpoints: tuple[Weights, ...], chosen: VideoSet, floored: bool, shards: Path,
          folder: Path, *, earlier: Earlier | None = None) -> Facts:
    """Run both networks and mmaction2's steps on every video and save all; *shards* keeps it meanwhile.

    earlier: answers that are kept if a few videos computed again have the same; recall is computed of them.

    Raises:
        ReferenceRunError: scores are not finite; or recall is too low to judge with, if *floored*.
    """
    chosen.require_unchanged()
    answer = _answerer(spec, checkpoints, chosen)
    kept = _adopted(earlier, chosen, answer) if earlier else None
    made = kept or Shards(shards, len(chosen.videos)).compute(partial(_whole, answer, len(chosen.videos)), "video")
    predictions = Predictions(chosen.ids, made["curves"])
    numbers, rows = made["detections"][:, 0], made["detections"][:, 1:]
    found = {id: Detections(rows[numbers == number, :2], rows[numbers == number, 2]) for number, id in enumerate(chosen.ids)}
    recall = _recall([video.truth for video in chosen.videos], [found[id] for id in chosen.ids])
    require_finite(predictions.scores, chosen.ids)
    if floored:
        _require_recall(recall, chosen, spec)
    chosen.require_unchanged()  # hours later: these answers are kept under the digest of the videos
    save(predictions, folder / CURVES)
    np.savez(folder / PROPOSALS, rows=made["proposals"])
    write_results(found, folder / DETECTIONS)
    (folder / RECALL).write_text(json.dumps(recall))
    told = {KEPT_FROM: str(earlier.entry.key)} if earlier and kept else {}
    return {**recall, "videos": len(chosen.videos), "torch_device": "cpu", **told}


def _answerer(spec: LocaliserSpec, checkpoints: tuple[Weights, ...], chosen: VideoSet) -> Answer:
    """What gives TEM's curves, the scored proposals and the detections of chosen videos, by their numbers.

    A row of proposals or detections begins with the video's number.
    """
    import torch

    tem, pem = (networks.deployed(one.network, networks.load_network(one.network, one.path)) for one in checkpoints)
    for one in checkpoints:
        one.require_unchanged()

    def answer(numbers: Sequence[int]) -> Iterator[Answers]:
        for number in numbers:
            video = chosen.videos[number]
            with torch.inference_mode():
                curve = tem(torch.from_numpy(read_by_mmaction2(video.features))[None]).numpy()[0]
                table = bsn_steps.proposals(curve, spec.proposals.peak_threshold)[: spec.proposals.top]
                seen = bsn_steps.features(curve, table, spec.proposals.top).astype(np.float32)
                scores = pem(torch.from_numpy(seen)[None]).numpy().reshape(-1)
            found = bsn_steps.detections(table, scores, bsn_steps.info(video.duration_s), spec.proposals)
            yield {"curves": curve[None],
                   "proposals": np.column_stack([np.full(len(table), number), bins(table[:, :2]), scores]),
                   "detections": _rows(number, found)}

    return answer


def _rows(number: int, found: Detections) -> Doubles:
    return np.column_stack([np.full(len(found), number), found.segments.reshape(-1, 2), found.scores])


def _whole(answer: Answer, count: int, first: int) -> Iterator[Made]:
    """The answers of each video from *first* on."""
    for done, made in enumerate(answer(range(first, count)), first + 1):
        events.progress("torch reference", done, count, unit="videos")
        yield 1, made


def _adopted(earlier: Earlier, chosen: VideoSet, answer: Answer) -> Answers | None:
    """The earlier answers, if *answer* gives the same of a sample of videos; None if it does not.

    Raises:
        ReferenceRunError: it does not, and nobody asked for all videos.
    """
    stored = read(earlier, "videos", lambda entry: TorchLocaliser.read(entry, chosen.ids))
    if stored is None:
        return None
    found = [stored.detections.get(id, none_found()) for id in chosen.ids]
    kept: Answers = {"curves": stored.curves.scores, "proposals": stored.proposals,
            "detections": np.concatenate([_rows(number, each) for number, each in enumerate(found)])}
    numbers = sample(len(chosen.videos))
    apart = [_apart(again, kept, number) for number, again in zip(numbers, answer(numbers), strict=True)]
    worst = int(np.argmax(apart))
    return kept if holds(earlier, len(numbers), "videos", apart[worst], chosen.ids[numbers[worst]]) else None


def _apart(again: Answers, kept: Answers, number: int) -> float:
    """A video's largest difference as a share of the range of all; infinite if its rows are more or fewer."""
    shares = [_share(again["curves"][0], kept["curves"][number], kept["curves"])]
    for name in ("proposals", "detections"):
        there = kept[name][kept[name][:, 0] == number]
        if again[name].shape != there.shape:
            return np.inf
        shares += [_share(again[name][:, column], there[:, column], kept[name][:, column]) for column in (1, 2, 3) if len(there)]
    return float(np.max(shares))  # a NaN stays one


def _share(again: NDArray[Any], there: NDArray[Any], of_all: NDArray[Any]) -> float:
    return float(np.abs(again - there).max() / max(np.ptp(of_all), TINY))


def _recall(truths: list[Doubles], found: list[Detections]) -> dict[str, float]:
    by_threshold, _, _, auc = bsn_steps.recall(truths, found)
    return {**{f"AR@{k}": float(by_threshold[:, k - 1].mean()) for k in RANKS}, "AUC": float(auc) / 100}


def _require_recall(recall: Mapping[str, float], chosen: VideoSet, spec: LocaliserSpec) -> None:
    """Raise a ReferenceRunError unless torch finds clearly more than a hundred random segments a video do."""
    rng = np.random.default_rng(0)
    guesses = [Detections(np.sort(rng.uniform(0, video.duration_s, (100, 2)), axis=1), rng.uniform(size=100)) for video in chosen.videos]
    blind = _recall([video.truth for video in chosen.videos], guesses)
    floors = {"AR@100": blind["AR@100"] + spec.mini.reference_gain_at_least, "AR@10": blind["AR@10"] * spec.mini.reference_ratio_at_least}
    low = [f"{name} {recall[name]:.4f}, below {least:.4f}" for name, least in floors.items() if recall[name] < least]
    if low:
        raise ReferenceRunError(f"torch reaches {'; '.join(low)} on the mini videos", where=f"MiniVideos of {spec.name}",
                                remedy="make the videos easier: less noise, or more epochs")
