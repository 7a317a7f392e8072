"""What the reference makes of a network is what mmaction2's own `predict` gives, once for each model.

The reference wraps a network for deployment. What that adds or leaves out, a softmax applied twice say, the
exported graph has as well, so that no score beside another can tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.curves import curves_of
from suites.selftest.pytorch.test_configs import config
from suites.selftest.specs import localiser_spec
from suites.selftest.whole import test_breaks_small as stand_ins
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.media.decode import Clip
from tools.pytorch import bsn_steps, networks, pipeline, run
from tools.spec.model import LocaliserSpec, ModelSpec, Network
from tools.spec.settings import MODELS

if TYPE_CHECKING:
    from torch import nn

pytestmark = pytest.mark.torch
BSN: LocaliserSpec = localiser_spec(MODELS, "bsn")
FRAMES = 20
SHORTER = {"tsm": (("backbone.depth", 18), ("cls_head.in_channels", 512)), **stand_ins.SHORTER}


@pytest.fixture
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModelSpec:
    """A model at 64 pixels, with a shorter backbone where one does."""
    monkeypatch.setattr(stand_ins, "SHORTER", SHORTER)
    return stand_ins.stand_in(request.param)


def of_mmaction2(network: Network, average: str | None = None) -> nn.Module:
    """The network as mmaction2 builds it from its file, with its preprocessor, and with telling weights."""
    networks.import_mmaction()
    import torch
    from mmaction.registry import MODELS as REGISTRY
    from mmengine.config import Config
    from mmengine.model import revert_sync_batchnorm

    whole = Config({"model": config(network.config)["model"]})
    for key, value in network.overrides:
        whole.merge_from_dict({f"model.{key}": value})
    if average:
        whole.merge_from_dict({"model.cls_head.average_clips": average})
    torch.manual_seed(0)
    module: nn.Module = revert_sync_batchnorm(REGISTRY.build(whole.model)).eval()
    with torch.no_grad():
        for name, weight in module.named_parameters():
            if name.startswith(("cls_head", "fc", "conv3")):
                weight.normal_(std=1.0)  # mmaction2's own give every class the same score
    return module


def saved(module: nn.Module, path: Path) -> Path:
    import torch

    torch.save({"state_dict": module.state_dict()}, path)
    return path


@pytest.mark.parametrize("small", SHORTER, indirect=True)
def test_a_recogniser_scores_as_mmaction2_predicts(small: ModelSpec, tmp_path: Path) -> None:
    """File to scores through the reference's own loader and network, beside mmaction2's `test_step`.

    `test_step` normalises by the configuration file, and ends in its average of views. R(2+1)D's is asked for
    the mean of the scores, as its guide takes it.
    """
    networks.import_mmaction()
    import torch
    from mmengine.dataset import Compose

    spec = small
    clip = Clip("v", tmp_path / "v", 0, FRAMES)
    encode.write_jpegs(render(Recipe(3, FRAMES, (8,), noise=4.0, travel=120.0)), clip.path)
    theirs = of_mmaction2(spec.network, None if spec.network.softmax else "score")
    network = spec.network.with_outputs(theirs.cls_head.num_classes)  # type: ignore[union-attr, arg-type]
    deployed = networks.deployed(network, networks.load_network(network, saved(theirs, tmp_path / "w.pth")))
    [ours] = run.scored(deployed, lambda: pipeline.clip_loader(spec, "rawframes"), (clip,), run.torch_device("cpu"))
    packed = Compose(pipeline.pipeline_steps(spec, "rawframes"))(pipeline.row(clip, "rawframes"))
    with torch.inference_mode():
        [found] = theirs.test_step({"inputs": [packed["inputs"]], "data_samples": [packed["data_samples"]]})  # type: ignore[operator]
    expected = found.pred_scores.item.numpy()

    assert np.ptp(expected) > 0.01, "the scores tell nothing"
    assert expected == pytest.approx(ours[0], rel=1e-4, abs=1e-6)


def test_tem_gives_what_mmaction2_predicts(tmp_path: Path) -> None:
    """The curves, and the table that the next step reads, are those of TEM's `predict`."""
    import torch
    from mmaction.structures import ActionDataSample

    theirs, features = of_mmaction2(BSN.tem), np.random.default_rng(0).standard_normal(BSN.tem.input.shape).astype(np.float32)
    deployed = networks.deployed(BSN.tem, networks.load_network(BSN.tem, saved(theirs, tmp_path / "w.pth")))
    with torch.inference_mode():
        ours = deployed(torch.from_numpy(features)[None]).numpy()[0]
        [(_, expected)] = theirs([torch.from_numpy(features)], [ActionDataSample(metainfo={"video_name": "v_1"})], mode="predict")

    assert np.ptp(expected[:, :3]) > 0.05, "the curves tell nothing"
    assert expected == pytest.approx(bsn_steps.tem_table(ours), abs=1e-6)


def test_pem_and_what_follows_give_what_mmaction2_predicts(tmp_path: Path) -> None:
    """The detections are those of PEM's `predict`, whose soft-NMS has the constants of its file."""
    import torch
    from mmaction.structures import ActionDataSample
    from mmengine.structures import InstanceData

    theirs, curves, info = of_mmaction2(BSN.pem), curves_of(2, 0.3), bsn_steps.info(60.0)
    table = bsn_steps.proposals(curves)[: BSN.proposals.top]
    seen = torch.from_numpy(bsn_steps.features(curves, table).astype(np.float32))
    columns = dict(zip(("tmin", "tmax", "tmin_score", "tmax_score"), torch.from_numpy(table[:, :4].T.copy()), strict=True))
    sample = ActionDataSample(metainfo=info)
    sample.gt_instances = InstanceData(bsp_feature=seen, **columns)
    deployed = networks.deployed(BSN.pem, networks.load_network(BSN.pem, saved(theirs, tmp_path / "w.pth")))
    with torch.inference_mode():
        scores = deployed(seen[None]).numpy().reshape(-1)
        [expected] = theirs([torch.zeros(1)], [sample], mode="predict")
    ours = bsn_steps.detections(table, scores, info, BSN.proposals)

    assert len(expected["proposal_list"]) == len(ours) == BSN.proposals.keep
    assert [row["score"] for row in expected["proposal_list"]] == pytest.approx(ours.scores.tolist(), rel=1e-5)
    assert np.array([row["segment"] for row in expected["proposal_list"]]) == pytest.approx(ours.segments, abs=1e-6)
