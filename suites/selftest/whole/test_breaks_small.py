"""Each way a deployment of SlowFast, R(2+1)D or TSM-NL goes wrong turns a verdict to FAIL, at 64 pixels.

The stand-ins have the sampling, views, layout, rows and export form of the real specs, and their limits.
What is smaller is the picture, the depth and the number of clips.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.deployments import exported, record, specialised, unchecked
from suites.selftest.media.test_sampling import sampled_by_mmaction2
from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import CLASSES, Recipe, render
from tools.deployment.weights import Weights
from tools.engines import open_engine
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Verdict, worst
from tools.machine.files import sha256
from tools.measuring import measure, recogniser, reference
from tools.measuring.cell import Cell, Part
from tools.measuring.predictions import FILE, load
from tools.media import decode
from tools.media.batches import BatchStream
from tools.media.decode import Clip
from tools.media.preprocess import Floats, Frames, crops, frame_indices, normalise
from tools.pytorch import mini_recogniser, networks
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.model import ModelSpec, Network, Preprocess, Sampling, Tensor
from tools.spec.settings import MODELS

if TYPE_CHECKING:
    import torch

pytestmark = [pytest.mark.slow, pytest.mark.torch]
BATCH = 4
LENGTHS = (20, 59, 63, 64, 65, 80, 110)  # ends in a short batch
GOOD = {"accuracy": Verdict.PASS, "fidelity": Verdict.PASS}
SHORTER: dict[str, tuple[tuple[str, int], ...]] = {
    "slowfast": (("backbone.slow_pathway.depth", 18), ("backbone.fast_pathway.depth", 18), ("cls_head.in_channels", 512 + 64)),
    "r2plus1d": (("backbone.depth", 18),),
    "nonlocal": (),
}


def stand_in(name: str) -> ModelSpec:
    """The model at 64 pixels, with a shorter backbone where its non-local blocks do not need the long one."""
    spec = recogniser_spec(MODELS, name)
    shape = (*spec.network.input.shape[:-2], 64, 64)
    return replace(
        spec, network=replace(spec.network, overrides=(*spec.network.overrides, *SHORTER[name]), input=Tensor("video", shape)),
        preprocess=replace(spec.preprocess, short_side=64 if spec.preprocess.views == "three" else 73, crop=64),
        mini=replace(spec.mini, calibration_clips=len(CLASSES), reference_top1_at_least=0.0))


@dataclass(frozen=True)
class Deployment:
    """A stand-in with everything to judge it."""

    spec: ModelSpec
    checkpoint: Weights
    basis: RecogniserJudge
    graph: Path

    def judged(self, graph: Path | None = None) -> dict[str, Verdict]:
        """Run the clips through *graph* as a measured cell does, in this process; judge what comes out."""
        case = Case(self.spec.name, BATCH, Device("cpu"))
        with BatchStream(recogniser.feed(self.basis.dataset, self.spec), BATCH) as stream:
            engine = open_engine(case.device, graph or self.graph, self.spec.network, BATCH)
            predictions, _ = measure.score(engine, stream, len(LENGTHS), self.spec.network.rows)
        cell = Cell(case, Path(), (Part(Path(), record(case, self.spec.name, len(LENGTHS)), predictions, None),))
        return {"accuracy": worst(self.basis.accuracy(cell)), "fidelity": worst(self.basis.fidelity(cell))}

    def exported(self, network: Network, folder: Path) -> Path:
        """Export and specialise again, with whatever is broken now."""
        return specialised(network, exported(replace(self.checkpoint, network=network), folder), BATCH)


def written(folder: Path, kind: int, lengths: tuple[int, ...]) -> tuple[Clip, ...]:
    """Made clips as MP4, one class after the other."""
    clips = []
    for number, frames in enumerate(lengths):
        clip = Clip(f"{kind}_{number}", folder / f"{kind}_{number}.mp4", number % len(CLASSES), frames)
        encode.write_mp4(render(Recipe(clip.label, frames, (kind, number), noise=2.0, travel=120.0, span=64)), clip.path)
        clips.append(unchecked(clip, "videos"))
    return tuple(clips)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipSet, tuple[Clip, ...]]:
    """Test clips on both sides of where sampling rules change, and a training clip a class.

    The test clips are trained on too: what torch gets wrong on so few clips is no concern here.
    """
    folder = tmp_path_factory.mktemp("clips")
    tests = ClipSet("videos", written(folder, 1, LENGTHS))
    return tests, (*written(folder, 2, (64,) * len(CLASSES)), *tests.clips)


@pytest.fixture(scope="module")
def deployments(clips: tuple[ClipSet, tuple[Clip, ...]], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Deployment]:
    """Each stand-in with weights fitted, its reference run and graph exported, when first asked for."""
    made: dict[str, Deployment] = {}

    def deployment(name: str) -> Deployment:
        if name not in made:
            folder, spec = tmp_path_factory.mktemp(name), stand_in(name)
            mini_recogniser.build(spec, clips[1], folder)
            path = folder / f"{name}.pth"
            checkpoint = Weights(path, sha256(path), spec.network, "mini")
            reference.build(spec, checkpoint, clips[0], 0.0, "cpu", folder / "shards", folder)
            graph = specialised(spec.network, exported(checkpoint, folder / "onnx"), BATCH)
            made[name] = Deployment(spec, checkpoint, RecogniserJudge(spec, load_truth(MODELS, name), clips[0], load(folder / FILE)), graph)
        return made[name]

    return deployment


every_model = pytest.mark.parametrize("name", SHORTER)


@every_model
def test_an_unbroken_deployment_passes(deployments: Callable[[str], Deployment], name: str) -> None:
    """Nothing below fails for another reason than what it breaks."""
    assert GOOD == deployments(name).judged()


@every_model
def test_swapped_channels_fail(deployments: Callable[[str], Deployment], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames in BGR order fail accuracy and fidelity."""
    right = normalise

    def swapped(cut: Frames, how: Preprocess, out: Floats) -> None:
        right(np.ascontiguousarray(cut[..., ::-1]), how, out)

    monkeypatch.setattr(recogniser, "normalise", swapped)

    assert {"accuracy": Verdict.FAIL, "fidelity": Verdict.FAIL} == deployments(name).judged()


@every_model
def test_frames_sampled_one_off_fail(deployments: Callable[[str], Deployment], name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame taken one too late fails fidelity."""
    right = frame_indices
    monkeypatch.setattr(decode, "frame_indices", lambda total, how: (right(total, how) + 1) % total)

    assert Verdict.FAIL == deployments(name).judged()["fidelity"]


def test_the_rule_of_1x_fails(deployments: Callable[[str], Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    """R(2+1)D's frames chosen as mmaction2 1.x chooses them, up to three later than 0.x, fail fidelity."""

    def rule_of_1x(total: int, how: Sampling) -> np.ndarray:
        return np.array(sampled_by_mmaction2(total, how), np.int64)

    monkeypatch.setattr(decode, "frame_indices", rule_of_1x)

    assert Verdict.FAIL == deployments("r2plus1d").judged()["fidelity"]


@pytest.mark.parametrize(("broken", "expected"), [
    (lambda cut: cut[[1, 2, 0]], Verdict.PASS),
    (lambda cut: cut[[0, 0, 2]], Verdict.FAIL),
    (lambda cut: cut[[2, 2, 2]], Verdict.FAIL),
    (lambda cut: cut.swapaxes(0, 1).reshape(cut.shape), Verdict.FAIL),
], ids=["another order", "left twice", "middle only", "frames of the views in turn"])
def test_wrong_views_fail(deployments: Callable[[str], Deployment], monkeypatch: pytest.MonkeyPatch,
                          broken: Callable[[Frames], Frames], expected: Verdict) -> None:
    """A view missing, or laid out among the frames of another, fails R(2+1)D's fidelity.

    Another order of whole views cannot fail: their mean is the same. The bits of the input are held to it.
    """
    right = crops
    monkeypatch.setattr(recogniser, "crops", lambda frames, how: np.ascontiguousarray(broken(right(frames, how))))

    assert expected == deployments("r2plus1d").judged()["fidelity"]


def test_rows_of_other_clips_averaged_fail(deployments: Callable[[str], Deployment], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows a batch apart, taken for the views of one clip, fail fidelity."""
    monkeypatch.setattr(measure, "mean_of_views", lambda scores, rows: scores.reshape(rows, -1, scores.shape[1]).mean(axis=0))

    assert Verdict.FAIL == deployments("r2plus1d").judged()["fidelity"]


@pytest.mark.parametrize("broken", [
    lambda video, step: video[:, :, : video.shape[2] // step],
    lambda video, step: video[:, :, step - 1 :: step],
], ids=["eight in a row", "the last of each four"])
def test_a_slow_pathway_fed_other_frames_fails(deployments: Callable[[str], Deployment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                               broken: Callable[[torch.Tensor, int], torch.Tensor]) -> None:
    """SlowFast exported with slow frames other than every fourth from the first fails fidelity."""
    import torch

    monkeypatch.setattr(torch.nn.functional, "interpolate", lambda video, *, mode, scale_factor: broken(video, round(1 / scale_factor[0])))
    deployed = deployments("slowfast")
    graph = deployed.exported(replace(deployed.spec.network, export_form=None), tmp_path)

    assert Verdict.FAIL == deployed.judged(graph)["fidelity"]


def test_non_local_blocks_left_out_fail(deployments: Callable[[str], Deployment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """TSM-NL exported without its non-local blocks fails fidelity."""
    networks.import_mmaction()
    from mmcv.cnn import NonLocal3d

    deployed = deployments("nonlocal")
    monkeypatch.setattr(NonLocal3d, "forward", lambda block, video: video)

    assert Verdict.FAIL == deployed.judged(deployed.exported(deployed.spec.network, tmp_path))["fidelity"]
