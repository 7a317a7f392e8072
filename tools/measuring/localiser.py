"""A localiser's videos, its networks' input, the detections made of their scores, and torch's answers."""

from __future__ import annotations

from pathlib import Path

from tools.datasets.videos import VideoSet, video_set
from tools.deployment.weights import Weights
from tools.errors import OptionError
from tools.localisation.detections import DETECTIONS, write_results
from tools.localisation.proposals import features, padded, propose
from tools.localisation.snippet_features import read_features
from tools.localisation.soft_nms import detect
from tools.measuring import adoption, reference_inputs, reference_localiser
from tools.measuring.inputs import TorchInputs
from tools.measuring.predictions import Predictions
from tools.measuring.reference import IMPLICIT_REFERENCE
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.batches import Feed
from tools.media.preprocess import Floats
from tools.spec.model import LocaliserSpec, Network
from tools.storage.context import Context


def dataset(context: Context[LocaliserSpec], checkpoints: tuple[Weights, ...]) -> VideoSet:
    """The videos of a run."""
    return video_set(context)


def feed(videos: VideoSet, spec: LocaliserSpec, network: Network, before: Predictions | None = None) -> Feed:
    """The input of *network*.

    TEM's: each video's features [400, 100]. PEM's: features [1000, 32] of the proposals made of TEM's curves,
    *before* [N, 3, 100]; rows of zeros fill it up.
    """

    def fill_features(number: int, row: Floats) -> None:
        row[:] = read_features(videos.videos[number].features).T

    if before is None:
        return Feed(videos.ids, spec.tem.input.shape, fill_features)

    def fill_proposals(number: int, row: Floats) -> None:
        curves = before.scores[number]
        proposals = propose(curves, spec.proposals.peak_threshold)
        row[:] = padded(features(curves, proposals, spec.proposals.top), spec.proposals.top)

    return Feed(before.ids, spec.pem.input.shape, fill_proposals)


def finish(videos: VideoSet, spec: LocaliserSpec, before: Predictions | None, scores: Predictions, folder: Path) -> None:
    """After PEM: write the detections made of TEM's curves *before* and PEM's *scores* [N, 1000, 1]."""
    if before is not None:
        how = spec.proposals
        found = {video.name: detect(propose(curves, how.peak_threshold), iou_scores, video.duration_s, how)
                 for video, curves, iou_scores in zip(videos.videos, before.scores, scores.scores, strict=True)}
        write_results(found, folder / DETECTIONS)


def torch_reference(context: Context[LocaliserSpec], checkpoints: tuple[Weights, ...], videos: VideoSet) -> TorchLocaliser | None:
    """Torch's answers, stored or made by a child process; None if that would take too long unasked."""
    few = len(videos.videos) <= IMPLICIT_REFERENCE
    found = adoption.found_or_made(context, reference_localiser.stage(context, checkpoints, videos, asked=few), few=few)
    return TorchLocaliser.read(found, videos.ids) if found else None


def torch_inputs(context: Context[LocaliserSpec], videos: VideoSet) -> TorchInputs:
    """Digests of what TEM is fed of a few videos by mmaction2's loader; PEM's input is made of scores."""
    return reference_inputs.find_or_make(context, reference_inputs.of_videos(context, videos))


def require_torch_device(context: Context[LocaliserSpec], device: str) -> None:
    """Raise an OptionError unless *device* is the CPU."""
    if device not in ("auto", "cpu"):
        raise OptionError(f"{context.spec.name}'s reference runs on the CPU", where="--torch-device",
                          remedy="leave it out: its networks are small, and mmaction2's steps between them know no other device")


def make_reference(context: Context[LocaliserSpec], checkpoints: tuple[Weights, ...], videos: VideoSet, device: str) -> str:
    """Run torch in this process unless the store has its answers; a sentence that says where they are."""
    reference_inputs.of_videos(context, videos).make(context)
    made = reference_localiser.stage(context, checkpoints, videos).make(context)
    return f"AR@100 {made.facts['AR@100']:.4f} on {made.facts['videos']} videos: {made.folder}"
