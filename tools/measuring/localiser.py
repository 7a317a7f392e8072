"""What BSN's two networks are fed, and the detections that come of what they gave."""

from __future__ import annotations

import numpy as np

from tools.datasets.videos import VideoSet
from tools.localisation.detections import Detections, Doubles
from tools.localisation.proposals import features, padded, propose
from tools.localisation.snippet_features import read_features
from tools.localisation.soft_nms import detect
from tools.measuring.predictions import Predictions
from tools.media.batches import Source
from tools.media.preprocess import Floats
from tools.spec.model import LocaliserSpec

DETECTIONS = "detections.json"
BINS = 100


def tem_source(videos: VideoSet, spec: LocaliserSpec) -> Source:
    """The videos' features, [400, 100] each."""

    def fill(number: int, row: Floats) -> None:
        row[:] = read_features(videos.videos[number].features).T

    return Source(videos.ids, spec.tem.input.shape, fill)


def pem_source(curves: Predictions, spec: LocaliserSpec) -> Source:
    """The features of the proposals that TEM's *curves* [N, 3, 100] give, [1000, 32] each, zero rows at the end."""

    def fill(number: int, row: Floats) -> None:
        seen = curves.scores[number]
        proposals = propose(seen, spec.proposals.peak_threshold)
        row[:] = padded(features(seen, proposals, spec.proposals.top), spec.proposals.top)

    return Source(curves.ids, spec.pem.input.shape, fill)


def detections(curves: Predictions, iou_scores: Predictions, videos: VideoSet, spec: LocaliserSpec) -> dict[str, Detections]:
    """Every video's detections, from TEM's curves and PEM's scores [N, 1000, 1] of the proposals made of them."""
    return {video.name: detect(propose(seen, spec.proposals.peak_threshold), scores, video.duration_s, spec.proposals)
            for video, seen, scores in zip(videos.videos, curves.scores, iou_scores.scores, strict=True)}


def bins(places: Doubles) -> Doubles:
    """Numbers of the bins whose centres these shares of a video are: proposals lie on a grid, and are told apart by it."""
    return np.round(places * BINS - 0.5)
