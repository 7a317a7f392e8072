"""The two kinds of model, recogniser and localiser: which judge belongs to a spec."""

from __future__ import annotations

from tools.datasets.manifest import Manifest
from tools.datasets.videos import VideoSet
from tools.deployment.weights import Weights
from tools.judging.judge import Judge
from tools.judging.localiser import LocaliserBasis
from tools.judging.recogniser import Basis
from tools.judging.verdict import TOP
from tools.localisation.recall import RANKS
from tools.machine.child import OnEvent
from tools.measuring import reference, reference_localiser
from tools.measuring.kinds import Dataset
from tools.spec.catalog import load_truth
from tools.spec.expectations import Expectations
from tools.spec.model import LocaliserSpec, ModelSpec, Spec
from tools.spec.settings import Settings


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
