"""A localiser's videos, what its two networks are fed, the detections made of their scores, and torch's answers."""

from __future__ import annotations

from pathlib import Path

from tools.datasets.videos import VideoSet, video_set
from tools.deployment.weights import Weights
from tools.errors import OptionError
from tools.localisation.detections import DETECTIONS, Detections, write_results
from tools.localisation.proposals import features, padded, propose
from tools.localisation.snippet_features import read_features
from tools.localisation.soft_nms import detect
from tools.measuring import reference, reference_localiser
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.batches import Feed
from tools.media.preprocess import Floats
from tools.spec.model import LocaliserSpec, Network
from tools.storage.context import Context


def dataset(context: Context[LocaliserSpec], checkpoints: tuple[Weights, ...]) -> VideoSet:
    """The videos of a run."""
    return video_set(context)


def feed(videos: VideoSet, spec: LocaliserSpec, network: Network, before: Predictions | None = None) -> Feed:
    """What *network* is fed: the videos' features, or proposals made of what the network *before* it gave."""
    return _features_feed(videos, spec) if before is None else proposals_feed(before, spec)


def _features_feed(videos: VideoSet, spec: LocaliserSpec) -> Feed:
    """The videos' features, [400, 100] each."""

    def fill(number: int, row: Floats) -> None:
        row[:] = read_features(videos.videos[number].features).T

    return Feed(videos.ids, spec.tem.input.shape, fill)


def proposals_feed(curves: Predictions, spec: LocaliserSpec) -> Feed:
    """The features of the proposals that TEM's *curves* [N, 3, 100] give, [1000, 32] each, zero rows at the end."""

    def fill(number: int, row: Floats) -> None:
        seen = curves.scores[number]
        proposals = propose(seen, spec.proposals.peak_threshold)
        row[:] = padded(features(seen, proposals, spec.proposals.top), spec.proposals.top)

    return Feed(curves.ids, spec.pem.input.shape, fill)


def finish(videos: VideoSet, spec: LocaliserSpec, before: Predictions | None, scores: Predictions, folder: Path) -> None:
    """Keep the detections beside the last network's scores."""
    if before is not None:
        write_results(detections(before, scores, videos, spec), folder / DETECTIONS)


def torch_reference(context: Context[LocaliserSpec], checkpoints: tuple[Weights, ...], videos: VideoSet) -> TorchLocaliser | None:
    """Torch's answers on the videos; None if they are too many to be computed unasked."""
    return reference_localiser.answers(context, checkpoints, videos)


def detections(curves: Predictions, iou_scores: Predictions, videos: VideoSet, spec: LocaliserSpec) -> dict[str, Detections]:
    """Every video's detections, from TEM's curves and PEM's scores [N, 1000, 1] of the proposals made of them."""
    return {video.name: detect(propose(seen, spec.proposals.peak_threshold), scores, video.duration_s, spec.proposals)
            for video, seen, scores in zip(videos.videos, curves.scores, iou_scores.scores, strict=True)}


def require_torch_device(context: Context[LocaliserSpec], device: str) -> None:
    """Check that *device* is the CPU.

    Raises:
        OptionError: it is another.
    """
    if device not in ("auto", "cpu"):
        raise OptionError(f"{context.spec.name}'s reference runs on the CPU", where="--torch-device",
                          remedy="leave it out: its networks are small, and mmaction2's steps between them know no other device")


def make_reference(context: Context[LocaliserSpec], checkpoints: tuple[Weights, ...], videos: VideoSet, device: str) -> str:
    """Have torch run on the videos in this process if the store has no answers of it; where they are, in a sentence."""
    wanted = reference_localiser.stage(context, checkpoints, videos)
    made = wanted.make(context)
    reference.forget_shards(context, wanted.key)
    return f"AR@100 {made.facts['AR@100']:.4f} on {made.facts['videos']} videos: {made.folder}"
