"""The two kinds of model, recogniser and localiser: which data and which input belong to a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.datasets import clips, videos
from tools.datasets.manifest import Manifest
from tools.datasets.videos import VideoSet
from tools.deployment.weights import Weights
from tools.localisation.detections import write_results
from tools.machine.child import OnEvent
from tools.measuring import localiser, recogniser
from tools.measuring.predictions import Predictions
from tools.media.batches import Source
from tools.spec.model import LocaliserSpec, Network, Spec
from tools.spec.settings import Settings

Dataset = Manifest | VideoSet


def dataset(settings: Settings, spec: Spec, checkpoints: tuple[Weights, ...], on_event: OnEvent) -> Dataset:
    """The clips or videos of a run, with their digests."""
    if isinstance(spec, LocaliserSpec):
        return videos.resolve(settings, spec, on_event)
    return clips.resolve(settings, spec, checkpoints[0].network.output.shape[0], on_event)


def source(spec: Spec, found: Dataset, network: Network, before: Predictions | None) -> Source:
    """What *network* is fed; *before* is what the network before it gave, for a second one."""
    if isinstance(spec, LocaliserSpec):
        assert isinstance(found, VideoSet)
        return localiser.tem_source(found, spec) if before is None else localiser.pem_source(before, spec)
    assert isinstance(found, Manifest)
    return recogniser.source(found, spec)


def finish(spec: Spec, found: Dataset, before: Predictions | None) -> Callable[[Predictions, Path], object] | None:
    """What makes a case's answer of its last network's scores, where these are not the answer."""
    if not isinstance(spec, LocaliserSpec) or before is None:
        return None
    assert isinstance(found, VideoSet)
    return lambda scores, folder: write_results(localiser.detections(before, scores, found, spec), folder / localiser.DETECTIONS)
