"""What a model takes from mmaction2, a field at a time, against the configuration files that it brings.

Both sides of a run are given the spec's values. So a wrong one would make both wrong alike and every score
agree; only mmaction2's own files can tell.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

from suites.selftest.specs import localiser_spec, recogniser_spec
from tools.localisation import proposals, recall
from tools.media.preprocess import Floats, normalise
from tools.pytorch import networks, pipeline
from tools.spec.model import LocaliserSpec, ModelSpec, Network
from tools.spec.settings import MODELS

pytestmark = pytest.mark.torch
RECOGNISERS: dict[str, ModelSpec] = {name: recogniser_spec(MODELS, name) for name in ("tsm", "slowfast", "r2plus1d", "nonlocal")}
BSN: LocaliserSpec = localiser_spec(MODELS, "bsn")
CROPS = {"CenterCrop": "centre", "ThreeCrop": "three"}
CLASSES = {"tsm": 101}  # of UCF-101, of which mmaction2 1.x has no TSM config; the others keep their config's
Section = Mapping[str, Any]


@cache
def config(name: str) -> Section:
    """A configuration file of the mmaction2 that is installed, with what it is based on."""
    from mmengine.config import Config

    package = find_spec("mmaction")
    assert package is not None
    assert package.origin is not None
    found: Section = Config.fromfile(Path(package.origin).parent / ".mim" / "configs" / name)
    return found


@dataclass(frozen=True)
class Theirs:
    """What mmaction2's files say of a recogniser, from the pipelines that its guide deploys.

    The guides take the pipeline of validation, one clip and one centre crop. R(2+1)D's takes the crops of the
    test pipeline instead.
    """

    name: str

    @property
    def whole(self) -> Section:
        return config(RECOGNISERS[self.name].network.config)

    @property
    def model(self) -> Section:
        found: Section = self.whole["model"]
        return found

    @property
    def normaliser(self) -> Section:
        found: Section = self.model["data_preprocessor"]
        return found

    def step(self, kind: str) -> Section:
        [found] = [step for step in self.whole["val_pipeline"] if step["type"] == kind]
        return dict(found)

    @property
    def crop(self) -> Section:
        pipeline_name = "test_pipeline" if self.name == "r2plus1d" else "val_pipeline"
        [found] = [step for step in self.whole[pipeline_name] if step["type"] in CROPS]
        return dict(found)

    @property
    def shape(self) -> tuple[int, ...]:
        """The network's input by the pipeline's own numbers."""
        sampling, side = self.step("SampleFrames"), self.crop["crop_size"]
        if self.step("FormatShape")["input_format"] == "NCHW":
            return (sampling["num_clips"] * sampling["clip_len"], 3, side, side)
        views = {"CenterCrop": 1, "ThreeCrop": 3}[self.crop["type"]]
        return (views * sampling["num_clips"], 3, sampling["clip_len"], side, side)


FIELDS: dict[str, tuple[Callable[[ModelSpec], object], Callable[[Theirs], object]]] = {
    "mean": (lambda ours: ours.preprocess.mean, lambda theirs: tuple(theirs.normaliser["mean"])),
    "deviation": (lambda ours: ours.preprocess.deviation, lambda theirs: tuple(theirs.normaliser["std"])),
    "layout": (lambda ours: ours.preprocess.layout, lambda theirs: theirs.step("FormatShape")["input_format"]),
    "layout of the normaliser": (lambda ours: ours.preprocess.layout, lambda theirs: theirs.normaliser.get("format_shape", "NCHW")),
    "clip_len": (lambda ours: ours.sampling.clip_len, lambda theirs: theirs.step("SampleFrames")["clip_len"]),
    "interval": (lambda ours: ours.sampling.interval, lambda theirs: theirs.step("SampleFrames")["frame_interval"]),
    "clips": (lambda ours: ours.sampling.clips, lambda theirs: theirs.step("SampleFrames")["num_clips"]),
    "short_side": (lambda ours: (-1, ours.preprocess.short_side), lambda theirs: tuple(theirs.step("Resize")["scale"])),
    "crop": (lambda ours: ours.preprocess.crop, lambda theirs: theirs.crop["crop_size"]),
    "views": (lambda ours: ours.preprocess.views, lambda theirs: CROPS[theirs.crop["type"]]),
    "input": (lambda ours: ours.network.input.shape, lambda theirs: theirs.shape),
    "classes": (lambda ours: ours.classes, lambda theirs: CLASSES.get(theirs.name, theirs.model["cls_head"]["num_classes"])),
}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("model", RECOGNISERS)
def test_a_recogniser_has_its_configs_value(model: str, field: str) -> None:
    """Each value of the spec is that of mmaction2's file."""
    ours, theirs = FIELDS[field]

    assert theirs(Theirs(model)) == ours(RECOGNISERS[model])


@pytest.mark.parametrize("model", RECOGNISERS)
def test_scores_are_probabilities_where_the_config_says_so(model: str) -> None:
    """Every config averages probabilities, so the deployment has one softmax.

    R(2+1)D's guide alone exports raw logits of its three views, and averages these.
    """
    network = RECOGNISERS[model].network

    assert "prob" == Theirs(model).model["cls_head"]["average_clips"]
    assert ("r2plus1d" != model, {"r2plus1d": 3}.get(model, 1)) == (network.softmax, network.rows)


@pytest.mark.parametrize("model", RECOGNISERS)
def test_the_reference_takes_the_configs_steps_whole(model: str) -> None:
    """From the resizing on, the reference's steps are the config's, with no option more or less."""
    theirs = Theirs(model)
    steps = [dict(step) for step in theirs.whole["val_pipeline"]]
    after = steps[[step["type"] for step in steps].index("DecordDecode") + 1 :]
    expected = [theirs.crop if step["type"] in CROPS else step for step in after]

    assert expected == pipeline.after_decoding(RECOGNISERS[model])


@pytest.mark.parametrize("model", RECOGNISERS)
def test_channels_are_normalised_in_the_configs_order(model: str) -> None:
    """A picture of one colour has the same bits normalised by us and by the normaliser of the config."""
    networks.import_mmaction()
    import torch
    from mmaction.registry import MODELS as REGISTRY
    from mmaction.structures import ActionDataSample

    how, shape = RECOGNISERS[model].preprocess, RECOGNISERS[model].network.input.shape
    channel = shape.index(3, 1)
    colours = np.array([200, 90, 10], np.uint8).reshape(*(3 if axis == channel else 1 for axis in range(len(shape))))
    packed = np.ascontiguousarray(np.broadcast_to(colours, shape))
    cut = np.broadcast_to(np.array([200, 90, 10], np.uint8), (shape[0], *shape[2:], 3))
    ours: Floats = np.empty(shape, np.float32)
    normalise(np.ascontiguousarray(cut if how.layout == "NCTHW" else cut[None]), how, ours)
    normaliser = REGISTRY.build(dict(Theirs(model).normaliser))
    theirs = normaliser({"inputs": [torch.from_numpy(packed)], "data_samples": [ActionDataSample()]})["inputs"][0]

    assert theirs.numpy().tobytes() == ours.tobytes()


@pytest.mark.parametrize("network", [*(spec.network for spec in RECOGNISERS.values()), *BSN.networks], ids=lambda network: network.name)
def test_no_network_is_another_than_its_configs(network: Network) -> None:
    """A spec overrides nothing but where the weights of a training would come from."""
    assert {key for key, _ in network.overrides} <= {"backbone.pretrained"}


PGM = "localization/bsn/bsn_pgm_400x100_activitynet-feature.py"
TOP_OF = {"pgm": lambda: config(PGM)["pgm_features_test_cfg"]["top_k"], "pem": lambda: config(BSN.pem.config)["val_pipeline"][0]["top_k"]}
INSIDE, AROUND_START, AROUND_END = proposals.REGIONS


def samples(points: np.ndarray) -> int:
    """The samples of a region: so many points, one more than three to each."""
    return (len(points) - 1) // proposals.SUBSTEPS


def reach(points: np.ndarray) -> tuple[float, float]:
    """From where to where a region's samples lie, in lengths of the proposal."""
    half = (points[proposals.SUBSTEPS] - points[0]) / 2
    return round(float(points[0] + half), 12), round(float(points[-1] - half), 12)


def model_of(network: Network) -> Section:
    found: Section = config(network.config)["model"]
    return found


def ratio() -> float:
    found: float = config(PGM)["pgm_features_test_cfg"]["bsp_boundary_ratio"]
    return found


BSN_FIELDS: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "tem input": (lambda: BSN.tem.input.shape, lambda: (model_of(BSN.tem)["tem_feat_dim"], model_of(BSN.tem)["temporal_dim"])),
    "tem output": (lambda: BSN.tem.output.shape, lambda: (3, model_of(BSN.tem)["temporal_dim"])),
    "pem input": (lambda: BSN.pem.input.shape, lambda: (TOP_OF["pem"](), model_of(BSN.pem)["pem_feat_dim"])),
    "pem output": (lambda: BSN.pem.output.shape, lambda: (TOP_OF["pem"](), 1)),
    "bins": (lambda: BSN.tem.output.shape[1], lambda: config(PGM)["temporal_scale"]),
    "peak_threshold": (lambda: BSN.proposals.peak_threshold, lambda: config(PGM)["pgm_proposals_cfg"]["peak_threshold"]),
    "top": (lambda: BSN.proposals.top, lambda: TOP_OF["pgm"]()),
    "alpha": (lambda: BSN.proposals.alpha, lambda: model_of(BSN.pem)["soft_nms_alpha"]),
    "low": (lambda: BSN.proposals.low, lambda: model_of(BSN.pem)["soft_nms_low_threshold"]),
    "high": (lambda: BSN.proposals.high, lambda: model_of(BSN.pem)["soft_nms_high_threshold"]),
    "keep": (lambda: BSN.proposals.keep, lambda: model_of(BSN.pem)["post_process_top_k"]),
    "samples inside": (lambda: samples(INSIDE), lambda: config(PGM)["pgm_features_test_cfg"]["num_sample_action"]),
    "samples around the start": (lambda: samples(AROUND_START), lambda: config(PGM)["pgm_features_test_cfg"]["num_sample_start"]),
    "samples around the end": (lambda: samples(AROUND_END), lambda: config(PGM)["pgm_features_test_cfg"]["num_sample_end"]),
    "points of a sample": (lambda: proposals.SUBSTEPS, lambda: config(PGM)["pgm_features_test_cfg"]["num_sample_interp"]),
    "reach of the start": (lambda: reach(AROUND_START), lambda: (-ratio(), ratio())),
    "reach of the end": (lambda: reach(AROUND_END), lambda: (1 - ratio(), 1 + ratio())),
}


@pytest.mark.parametrize("field", BSN_FIELDS)
def test_bsn_has_its_configs_value(field: str) -> None:
    """Each number between and after BSN's networks is that of mmaction2's files."""
    ours, theirs = BSN_FIELDS[field]

    assert theirs() == ours()


def test_the_reference_makes_features_by_the_configs_numbers() -> None:
    """The torch side calls mmaction2's function with its defaults: these are the config's."""
    networks.import_mmaction()
    from mmaction.models.localizers.utils import generate_bsp_feature

    defaults = {name: each.default for name, each in inspect.signature(generate_bsp_feature).parameters.items()}
    wanted = {name: value for name, value in config(PGM)["pgm_features_test_cfg"].items() if name != "pgm_features_thread"}

    assert wanted == {name: defaults[name] for name in wanted}


def test_recall_is_counted_as_mmaction2s_metric_does() -> None:
    """The thresholds of overlap and the proposals a video are those that the config's metric passes on."""
    networks.import_mmaction()
    from mmaction.registry import METRICS

    metric = METRICS.build({**config(BSN.pem.config)["test_evaluator"]})
    counted = mock.Mock(return_value=(np.zeros((10, 100)), None, None, 0.0))
    with (mock.patch("mmaction.evaluation.metrics.anet_metric.average_recall_at_avg_proposals", counted),
          mock.patch.object(metric, "_import_proposals", return_value=({}, 0))):
        reported = metric.compute_ARAN([])
    how = counted.call_args.kwargs

    assert how["temporal_iou_thresholds"].tolist() == list(recall.THRESHOLDS)
    assert how["max_avg_proposals"] == inspect.signature(recall.average_recall).parameters["most"].default
    assert {name for name in reported if name != "auc"} == {f"AR@{rank}" for rank in recall.RANKS}
