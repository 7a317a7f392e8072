"""The two kinds of model, and for each the module that knows its data, its input and its reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from tools.datasets.clips import ClipSet
from tools.datasets.videos import VideoSet
from tools.deployment.weights import Weights
from tools.measuring import localiser, recogniser
from tools.measuring.inputs import TorchInputs
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.batches import Feed
from tools.spec import model
from tools.spec.model import Network, Spec
from tools.storage.context import Context

Dataset = ClipSet | VideoSet
Own = Any  # the data or spec of one kind of model: `of` gives each model the module of its own kind
Reference = Predictions | TorchLocaliser | None


class KindModule(Protocol):
    """The functions of both modules; each takes the data and the spec of its own kind."""

    def dataset(self, context: Context[Own], checkpoints: tuple[Weights, ...]) -> Dataset:
        """The clips or videos of a run, with their digest."""

    def feed(self, dataset: Own, spec: Own, network: Network, before: Predictions | None) -> Feed:
        """What *network* is fed; *before*: the scores of the network before it, for a second network."""

    def finish(self, dataset: Own, spec: Own, before: Predictions | None, scores: Predictions, folder: Path) -> None:
        """Turn the last network's *scores* into the case's answer, and keep it in *folder*."""

    def torch_reference(self, context: Context[Own], checkpoints: tuple[Weights, ...], dataset: Own) -> Reference:
        """Torch's answers, stored or computed now; None if that would take too long unasked."""

    def torch_inputs(self, context: Context[Own], dataset: Own) -> TorchInputs:
        """Digests of what torch's pipeline feeds the first network of a few items."""

    def require_torch_device(self, context: Context[Own], device: str) -> None:
        """Raise an OptionError unless torch's part can run on *device*."""

    def make_reference(self, context: Context[Own], checkpoints: tuple[Weights, ...], dataset: Own, device: str) -> str:
        """Run torch in this process unless the store has its answers; a sentence that says where they are."""


KINDS: Mapping[model.ModelKind, KindModule] = {"recogniser": cast("KindModule", recogniser), "localiser": cast("KindModule", localiser)}


def of(spec: Spec) -> KindModule:
    """The module of the model's kind."""
    return KINDS[spec.kind]
