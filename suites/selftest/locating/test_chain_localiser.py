"""BSN's steps beside mmaction2's: a clean chain differs nowhere, a fault is named at its step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.curves import curves_of, scores_of
from suites.selftest.deployments import unchecked
from suites.selftest.specs import localiser_spec
from tools.datasets.videos import VideoSet
from tools.localisation import proposals as making
from tools.localisation import snippet_features, soft_nms
from tools.localisation.activitynet import Video
from tools.localisation.proposals import bins, propose
from tools.localisation.snippet_features import write_features
from tools.locating import chain, chain_localiser
from tools.locating.values import Chosen, Step
from tools.machine import child
from tools.measuring import localiser
from tools.measuring.launch import Found
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.media.decode import Clip
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

pytestmark = pytest.mark.torch
SPEC = localiser_spec(MODELS, "bsn")
NAMES = ["tem's input", "proposals", "features of proposals", "pem's input", "detections"]
CURVES = {"v_few": curves_of(0, 0.0), "v_ties": np.asarray(np.round(curves_of(7) * 4) / 4, np.float32), "v_many": curves_of(2, 0.3),
          "v_noise": curves_of(3, 2.0)}
Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoSet:
    """Videos with features of noise."""
    folder = tmp_path_factory.mktemp("features")
    for number, name in enumerate(CURVES):
        write_features(np.random.default_rng(number).random((100, 400), np.float32), folder / f"{name}.csv")
    made = tuple(Video(name, 61.5, 900, 900, (), folder / f"{name}.csv") for name in CURVES)
    return VideoSet(made, tuple(unchecked(Clip(one.name, one.features, 0), "features") for one in made))


def answers() -> TorchLocaliser:
    """What torch might have answered: these curves, and scores of the best thousand proposals."""
    rows = []
    for number, curves in enumerate(CURVES.values()):
        best = propose(curves, SPEC.proposals.peak_threshold).best(SPEC.proposals.top)
        scores = scores_of(number, len(best))
        rows.append(np.column_stack([np.full(len(best), number), bins(best.start), bins(best.end), scores]))
    return TorchLocaliser(Predictions(tuple(CURVES), np.stack([*CURVES.values()])), np.concatenate(rows), {}, {})


@pytest.fixture
def beside(videos: VideoSet, monkeypatch: Patch, tmp_path: Path) -> Callable[..., tuple[Step, ...]]:
    """The steps for videos; what a child process would do is done in this one."""
    torch = answers()
    monkeypatch.setattr(child, "call", lambda work, title, **rest: work())
    monkeypatch.setattr(chain_localiser, "torch_answers", lambda context, found, ids: torch)
    context = Context(Settings.parse({"artifacts": str(tmp_path)}), SPEC, lambda event: None)
    return lambda *ids: chain.steps(context, Found((), videos, ()), Chosen(videos.ids, "", worst=ids))


@pytest.mark.parametrize("pair", [("v_few", "v_many"), ("v_noise", "v_ties")], ids="-".join)
def test_a_clean_chain_differs_nowhere(pair: tuple[str, str], beside: Callable[..., tuple[Step, ...]]) -> None:
    """Of few proposals, of more than are scored, and of proposals with equal scores."""
    found = beside(*pair)

    assert [(name, id) for id in pair for name in NAMES] == [(one.name, one.clip) for one in found]
    assert {(NAMES[0], SPEC.tem.name), (NAMES[3], SPEC.pem.name)} == {(one.name, one.feeds) for one in found if one.feeds}
    assert [] == [one for one in found if one.differs or one.sentence or one.difference is None]


def of_proposals(**other: float) -> Plant:
    return lambda patch: patch.setattr(chain_localiser, "propose", lambda curves, threshold: propose(curves, other["threshold"]))


def of_order(patch: Patch) -> None:
    def backwards(curves: Any, threshold: float) -> Any:
        found = propose(curves, threshold)
        return making.Proposals(found.start[::-1], found.end[::-1], found.start_score[::-1], found.end_score[::-1])

    for place in (chain_localiser, localiser):
        patch.setattr(place, "propose", backwards)


def of_read(change: Callable[[Any], Any]) -> Plant:
    read = snippet_features.read_features
    return lambda patch: patch.setattr(localiser, "read_features", lambda path: change(read(path)))


def of_regions(patch: Patch) -> None:
    patch.setattr(making, "REGIONS", (making.REGIONS[0], making.REGIONS[2], making.REGIONS[1]))


def of_padding(patch: Patch) -> None:
    padded = making.padded
    patch.setattr(localiser, "padded", lambda found, rows: np.roll(padded(found, rows), 1, axis=0))


def of_filling(patch: Patch) -> None:
    padded = making.padded
    patch.setattr(localiser, "padded", lambda found, rows: np.where(padded(np.ones_like(found), rows), padded(found, rows), 1))


def of_suppression(**other: float) -> Plant:
    suppress = soft_nms.suppress
    return lambda patch: patch.setattr(soft_nms, "suppress", lambda found, scores, how: suppress(found, scores, replace(how, **other)))


def of_fusion(patch: Patch) -> None:
    fuse = soft_nms.fuse
    patch.setattr(soft_nms, "fuse", lambda scores, found: fuse(scores, found) / np.maximum(found.best(len(scores)).end_score, 1e-3))


def of_length(patch: Patch) -> None:
    detect = soft_nms.detect
    patch.setattr(chain_localiser, "detect", lambda found, scores, duration_s, how: detect(found, scores, duration_s + 0.5, how))


PLANTED: dict[str, tuple[Plant, list[str], str]] = {
    "features": (of_read(lambda found: found[::-1]), NAMES[:1], "first at column 0, position 0"),
    "turned": (of_read(lambda found: found.reshape(400, 100).T), NAMES[:1], "the same values stand in another order"),
    "threshold": (of_proposals(threshold=0.6), NAMES[1:2], "its shape is"),
    "order": (of_order, [NAMES[1], NAMES[3]], "first at proposal 0, column 4"),
    "regions": (of_regions, NAMES[2:4], "first at proposal 0, column 16"),
    "padding": (of_padding, NAMES[3:4], "first at proposal 0, column"),
    "filling": (of_filling, NAMES[3:4], "1 where mmaction2 has 0"),
    "nms threshold": (of_suppression(high=0.8), NAMES[4:], "first at detection"),
    "nms decay": (of_suppression(alpha=0.74), NAMES[4:], "first at detection"),
    "kept": (of_suppression(keep=99), NAMES[4:], "its shape is"),
    "fusion": (of_fusion, NAMES[4:], "first at detection 0, column 0"),
    "length": (of_length, NAMES[4:], "first at detection"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_fault_is_named_at_its_step_and_nowhere_else(fault: str, beside: Callable[..., tuple[Step, ...]], monkeypatch: Patch) -> None:
    """What is made of a faulty step alone shows too; steps that are fed mmaction2's own arrays are clean."""
    plant, steps, sentence = PLANTED[fault]
    plant(monkeypatch)
    named = [one for one in beside("v_few" if fault == "filling" else "v_many") if one.differs]

    assert steps == [one.name for one in named]
    assert sentence in named[0].sentence
    assert all("where mmaction2" in one.sentence for one in named)
