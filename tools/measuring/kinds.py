"""The two kinds of model: one place that tells which module knows a model's data, its input and its reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from tools.datasets.clips import ClipSet
from tools.datasets.videos import VideoSet
from tools.deployment.weights import Weights
from tools.measuring import localiser, recogniser
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.batches import Feed
from tools.spec import model
from tools.spec.model import Network, Spec
from tools.storage.context import Context

Dataset = ClipSet | VideoSet
Own = Any  # of the module's own kind: `of` pairs a model with the module that knows its kind
Reference = Predictions | TorchLocaliser | None


class Kind(Protocol):
    """What each of the two modules offers; each takes the data and the spec of its own kind."""

    def dataset(self, context: Context[Own], checkpoints: tuple[Weights, ...]) -> Dataset:
        """What a run is judged on, with its digest."""

    def feed(self, dataset: Own, spec: Own, network: Network, before: Predictions | None) -> Feed:
        """What *network* is fed; *before* is what the network before it gave, for a second one."""

    def finish(self, dataset: Own, spec: Own, before: Predictions | None, scores: Predictions, folder: Path) -> None:
        """Make the case's answer of its last network's scores, and keep it beside them."""

    def torch_reference(self, context: Context[Own], checkpoints: tuple[Weights, ...], dataset: Own) -> Reference:
        """What torch gives; None where it would take too long unasked."""

    def require_torch_device(self, context: Context[Own], device: str) -> None:
        """Check that torch's part can run on *device*."""

    def make_reference(self, context: Context[Own], checkpoints: tuple[Weights, ...], dataset: Own, device: str) -> str:
        """Have torch run in this process if the store has no answer of it; where that is, in a sentence."""


KINDS: Mapping[model.Kind, Kind] = {"recogniser": cast("Kind", recogniser), "localiser": cast("Kind", localiser)}


def of(spec: Spec) -> Kind:
    """The module of the model's kind."""
    return KINDS[spec.kind]
