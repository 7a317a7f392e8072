"""A deployment whose code changed on a warm store: the graph of the old code is not judged in its place."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import in_onnx, in_torch, noise, random_weights
from tools.deployment import export, specialise
from tools.deployment.weights import Weights
from tools.judging import verdict
from tools.judging.verdict import Verdict, worst
from tools.media.preprocess import Floats
from tools.spec import settings
from tools.spec.catalog import load_spec, load_truth
from tools.spec.model import Spec
from tools.spec.settings import ROOT, Settings
from tools.storage.context import Context

SPEC = load_spec(TINY_MODELS, "tiny")
GATE = load_truth(TINY_MODELS, "tiny").fidelity["fp32"]
BATCH = 4
pytestmark = pytest.mark.torch


@dataclass(frozen=True)
class Warm:
    """A run on a store that has all of the tiny model, and what torch makes of a batch."""

    context: Context[Spec]
    checkpoint: Weights
    given: Floats
    reference: Floats

    def graph(self) -> Path:
        """The graph that a run uses now: found, or made in this process."""
        network = self.checkpoint.network
        exported = export.stage(self.checkpoint).make(self.context)
        return specialise.stage(network, exported, BATCH, "needed").make(self.context).file(specialise.file_name(network, BATCH, "needed"))

    def judged(self) -> Verdict:
        """What fidelity says of that graph."""
        scores = in_onnx(self.graph())(self.given)
        return worst(verdict.fidelity(scores, self.reference, tuple("abcd"), GATE, softmax=SPEC.networks[0].softmax))


@pytest.fixture
def warm(tmp_path: Path) -> Warm:
    checkpoint = random_weights(SPEC.networks[0], tmp_path)
    given = noise(BATCH, *checkpoint.network.input.shape)
    context = Context(Settings.parse({"artifacts": str(tmp_path / "artifacts")}), SPEC, lambda event: None)
    return Warm(context, checkpoint, given, in_torch(checkpoint)(given))


def test_a_removed_shift_is_red_on_a_warm_store(warm: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old graph passes until the code says otherwise: then the new code's graph is made, and fails."""
    from mmaction.models.backbones.resnet_tsm import TemporalShift

    before = warm.graph()
    monkeypatch.setattr(TemporalShift, "shift", staticmethod(lambda x, num_segments, shift_div: x))
    assert (before, Verdict.PASS) == (warm.graph(), warm.judged()), "nothing of ours has changed"

    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    changed = tmp_path / "tools" / "pytorch" / "networks.py"
    changed.write_text(changed.read_text().replace("return Deployed().eval()", "return without_shift(Deployed().eval())"))
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    assert Verdict.FAIL == warm.judged()
    assert before != warm.graph()
