"""The two kinds of model, recogniser and localiser: which data, input and judge belong to a spec."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools import data, inputs, localise, reference, reference_localiser, videos
from tools.batches import Source
from tools.catalog import load_truth
from tools.child import OnEvent
from tools.detections import write_results
from tools.expectations import Expectations
from tools.judge import Basis, Judge
from tools.judge_localiser import LocaliserBasis
from tools.manifest import Manifest
from tools.predictions import Predictions
from tools.recall import RANKS
from tools.settings import Settings
from tools.spec import LocaliserSpec, ModelSpec, Network, Spec
from tools.verdict import TOP
from tools.videos import VideoSet
from tools.weights import Weights

Dataset = Manifest | VideoSet


def dataset(settings: Settings, spec: Spec, checkpoints: tuple[Weights, ...], on_event: OnEvent) -> Dataset:
    """The clips or videos of a run, with their digests."""
    if isinstance(spec, LocaliserSpec):
        return videos.resolve(settings, spec, on_event)
    return data.resolve(settings, spec, checkpoints[0].network.output.shape[0], on_event)


def source(spec: Spec, found: Dataset, network: Network, before: Predictions | None) -> Source:
    """What *network* is fed; *before* is what the network before it gave, for a second one."""
    if isinstance(spec, LocaliserSpec):
        assert isinstance(found, VideoSet)
        return localise.tem_source(found, spec) if before is None else localise.pem_source(before, spec)
    assert isinstance(found, Manifest)
    return inputs.source(found, spec)


def judge_of(settings: Settings, spec: Spec, checkpoints: tuple[Weights, ...], found: Dataset, on_event: OnEvent) -> Judge:
    """What cells of *spec* are judged against: stored truth, and torch on the same clips or videos."""
    truth, expect, remake = load_truth(settings.models, spec.name), expected(settings, spec), reference.command(settings, spec)
    if isinstance(spec, LocaliserSpec):
        assert isinstance(found, VideoSet)
        torch = reference_localiser.resolve(settings, spec, checkpoints, found, on_event)
        return LocaliserBasis(spec, truth, found, torch, remake, expect)
    assert isinstance(spec, ModelSpec)
    assert isinstance(found, Manifest)
    return Basis(spec, truth, found, reference.resolve(settings, spec, checkpoints[0], found, on_event), remake, expect)


def expected(settings: Settings, spec: Spec) -> Expectations:
    """What `--expect` asks of *spec*.

    Raises:
        OptionError: it names a metric that this kind of model is not measured by.
    """
    known = [*(f"AR@{rank}" for rank in RANKS), "AUC"] if isinstance(spec, LocaliserSpec) else list(TOP)
    settings.expect.require(known, spec.name)
    return settings.expect


def finish(spec: Spec, found: Dataset, before: Predictions | None) -> Callable[[Predictions, Path], object] | None:
    """What makes a case's answer of its last network's scores, where these are not the answer."""
    if not isinstance(spec, LocaliserSpec) or before is None:
        return None
    assert isinstance(found, VideoSet)
    return lambda scores, folder: write_results(localise.detections(before, scores, found, spec), folder / localise.DETECTIONS)
