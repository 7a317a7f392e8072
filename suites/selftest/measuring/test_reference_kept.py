"""What makes torch's answers a reference: files that stay, finite scores, and enough of them right."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.datasets.clips import ClipSet
from tools.datasets.videos import VideoSet
from tools.errors import DataError, OptionError, ReferenceRunError
from tools.localisation.activitynet import Video
from tools.localisation.detections import DETECTIONS, Detections, read_results
from tools.measuring import localiser, reference, reference_localiser
from tools.measuring.predictions import FILE, Predictions, load
from tools.measuring.reference_localiser import CURVES, PROPOSALS, RECALL, Answers
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import run
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec, recogniser
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

SPEC = recogniser(load_spec(TINY_MODELS, "tiny"), "has scores", remedy="none")
BSN = cast("LocaliserSpec", load_spec(MODELS, "bsn"))
CLIPS = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(), number, 9, sha256=f"{number:064d}") for number in range(4)))
SCORES = np.eye(4, 5, dtype=np.float32)
VIDEOS = VideoSet(tuple(Video(f"v_{number}", 10.0, 100, 100, ((2.0, 5.0),), Path(f"{number}.csv")) for number in range(3)), ())
CHECKPOINT: Any = SimpleNamespace(network=SPEC.network, path=Path("own.pth"), require_unchanged=lambda: None)


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a build does in turn, with stand-ins for torch that score as SCORES says."""
    done: list[str] = []
    monkeypatch.setattr(run, "torch_device", lambda device: SimpleNamespace(label=f"label of {device}"))
    for kind in (ClipSet, VideoSet):
        monkeypatch.setattr(kind, "require_unchanged", lambda self: done.append("unchanged"))

    def scorer(*given: object) -> reference.Score:
        def score(chosen: Sequence[Clip]) -> Iterator[Floats]:
            done.append(f"scores {len(chosen)}")
            yield SCORES[: len(chosen) - 1]
            yield SCORES[len(chosen) - 1 :]

        return score

    monkeypatch.setattr(reference, "_scorer", scorer)
    return done


def build(folder: Path, clips: ClipSet = CLIPS, floor: float = 0.0) -> dict[str, object]:
    (folder / "made").mkdir(exist_ok=True)
    return dict(reference.build(SPEC, CHECKPOINT, clips, floor, "cpu", folder / "shards", folder / "made"))


def test_scores_are_kept_with_the_digests_of_their_clips(tmp_path: Path, did: list[str]) -> None:
    """The files are looked at before they are scored and after it, which may be hours later."""
    told = build(tmp_path)

    assert ["unchanged", "scores 4", "unchanged"] == did
    assert {"top1": 1.0, "clips": 4, "torch_device": "label of cpu"} == told
    found = load(tmp_path / "made" / FILE)
    assert (CLIPS.ids, SCORES.tolist()) == (found.ids, found.scores.tolist())
    assert {clip.id: clip.sha256 for clip in CLIPS.clips} == json.loads((tmp_path / "made" / reference.DIGESTS).read_text())


@pytest.mark.parametrize("when", [1, 2])
def test_scores_of_clips_that_change_are_not_kept(tmp_path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch, when: int) -> None:
    def require_unchanged(self: ClipSet) -> None:
        did.append("looked")
        if did.count("looked") == when:
            raise DataError("clip v_0 has changed")

    monkeypatch.setattr(ClipSet, "require_unchanged", require_unchanged)
    with pytest.raises(DataError, match="v_0 has changed"):
        build(tmp_path)
    assert [] == [*(tmp_path / "made").iterdir()]
    assert (when == 2) == ("scores 4" in did)


def test_a_reference_that_is_mostly_wrong_is_none(tmp_path: Path, did: list[str]) -> None:
    """Of the mini clips a share must be right, and that share is enough; the error says what would help."""
    wrong = ClipSet("rawframes", (*CLIPS.clips[:3], replace(CLIPS.clips[3], label=4)))

    assert 0.75 == build(tmp_path, wrong, 0.75)["top1"]
    with pytest.raises(ReferenceRunError, match=r"torch reaches top-1 0.7500 on the mini clips, below 0.76") as caught:
        build(tmp_path, wrong, 0.76)
    assert ("reference_top1_at_least in tiny.py", "make the clips easier: less noise, more travel, or another residual_scale") == (
        caught.value.where, caught.value.remedy)


def test_devices_of_a_run_that_went_on_elsewhere_are_told_once_each(tmp_path: Path) -> None:
    """Its earlier scores are kept as they are; progress counts all clips."""
    def score(chosen: Sequence[Clip]) -> Iterator[Floats]:
        for clip in chosen:
            yield SCORES[clip.label : clip.label + 1]

    shards = tmp_path / "shards"
    shards.mkdir()
    np.savez(shards / "0000000-0000002.npz", scores=SCORES[:2] * 2, device=np.array(["b", "a"]))
    scores, devices = reference._whole(CLIPS, reference.Runner(score, "a"), shards)

    assert [*(SCORES[:2] * 2).tolist(), *SCORES[2:].tolist()] == scores.tolist()
    assert "a, b" == devices


class Torch:
    """BSN in torch: each video has one proposal and one detection, and finds its action or *misses* it."""

    def __init__(self, misses: bool = False) -> None:
        self.misses, self.curves = misses, np.full((1, 3, 100), 0.25, np.float32)

    def __call__(self, *given: object) -> reference_localiser.Answer:
        def answer(numbers: Sequence[int]) -> Iterator[Answers]:
            for number in numbers:
                found = Detections(np.array([[8.0, 9.0] if self.misses else [2.0, 5.0]]), np.array([0.5]))
                yield {"curves": self.curves, "proposals": np.array([[number, 20.0, 50.0, 0.75]]),
                       "detections": reference_localiser._rows(number, found)}

        return answer


def build_videos(folder: Path, *, floored: bool = False) -> dict[str, object]:
    (folder / "made").mkdir(exist_ok=True)
    return dict(reference_localiser.build(BSN, (CHECKPOINT, CHECKPOINT), VIDEOS, floored, folder / "shards", folder / "made"))


def recall_of_hits(truths: list[np.ndarray], found: list[Detections]) -> dict[str, float]:
    """The share of true segments that are detected as they are, or 0.3 of many guesses."""
    hits = [float(any(np.array_equal(row, one) for row in each.segments for one in truth))
            for truth, each in zip(truths, found, strict=True)]
    share = 0.3 if len(found[0]) == 100 else float(np.mean(hits))
    return {"AR@10": share, "AR@100": share, "AUC": share}


def test_answers_of_every_video_are_kept(tmp_path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Curves, proposals, detections and recall, each read back as it was."""
    monkeypatch.setattr(reference_localiser, "_answerer", Torch())
    monkeypatch.setattr(reference_localiser, "_recall", recall_of_hits)
    told, made = build_videos(tmp_path, floored=True), tmp_path / "made"

    assert ["unchanged", "unchanged"] == did
    assert {"AR@10": 1.0, "AR@100": 1.0, "AUC": 1.0, "videos": 3, "torch_device": "cpu"} == told
    assert {"AR@10": 1.0, "AR@100": 1.0, "AUC": 1.0} == json.loads((made / RECALL).read_text())
    assert (VIDEOS.ids, 0.25) == (load(made / CURVES).ids, load(made / CURVES).scores.max())
    assert [[number, 20.0, 50.0, 0.75] for number in range(3)] == np.load(made / PROPOSALS)["rows"].tolist()
    found = read_results(made / DETECTIONS, VIDEOS.ids)
    assert {id: ([[2.0, 5.0]], [0.5]) for id in VIDEOS.ids} == {
        id: (each.segments.tolist(), each.scores.tolist()) for id, each in found.items()}


@pytest.mark.parametrize("wrong", ["before", "after", "scores", "recall"])
def test_answers_that_cannot_judge_are_not_kept(tmp_path: Path, did: list[str], monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """Of features that change, with scores that are no numbers, or no better than guesses."""
    torch = Torch(misses=wrong == "recall")
    if wrong == "scores":
        torch.curves[0, 1, 7] = np.nan

    def require_unchanged(self: VideoSet) -> None:
        did.append("looked")
        if did.count("looked") == {"before": 1, "after": 2}.get(wrong, 0):
            raise DataError("it has changed")

    monkeypatch.setattr(VideoSet, "require_unchanged", require_unchanged)
    monkeypatch.setattr(reference_localiser, "_answerer", torch)
    monkeypatch.setattr(reference_localiser, "_recall", recall_of_hits)
    words = {"scores": "scores of v_0 are not finite", "recall": "torch reaches AR@100 0.0000, below 0.4000; AR@10 0.0000, below 0.4500"}
    with pytest.raises((DataError, ReferenceRunError), match=words.get(wrong, "it has changed")) as caught:
        build_videos(tmp_path, floored=True)
    assert [] == [*(tmp_path / "made").iterdir()]
    if wrong == "recall":
        assert ("MiniVideos of bsn", "make the videos easier: less noise, or more epochs") == (caught.value.where, caught.value.remedy)
        assert build_videos(tmp_path)["AR@10"] == 0.0


def test_a_localisers_reference_is_of_the_cpu() -> None:
    context = Context(Settings.parse({}), BSN)
    for device in ("auto", "cpu"):
        localiser.require_torch_device(context, device)
    with pytest.raises(OptionError, match="bsn's reference runs on the CPU") as caught:
        localiser.require_torch_device(context, "cuda:0")
    assert "--torch-device" == caught.value.where
    assert "leave it out: its networks are small" in str(caught.value.remedy)


def test_detections_are_made_after_the_last_network_only(tmp_path: Path) -> None:
    """Each video's from its own curves, scores and length."""
    videos = VideoSet(tuple(replace(video, duration_s=10.0 * number) for number, video in enumerate(VIDEOS.videos, 1)), ())
    curves = np.zeros((3, 3, 100), np.float32)
    for number in range(3):
        curves[number, 0], curves[number, 1, 10 + number], curves[number, 2, 50] = 0.5, 1.0, 1.0
    before, scores = Predictions(videos.ids, curves), Predictions(videos.ids, np.full((3, 1000, 1), 0.5, np.float32))

    localiser.finish(videos, BSN, None, before, tmp_path)
    assert [] == [*tmp_path.iterdir()]
    localiser.finish(videos, BSN, before, scores, tmp_path)
    found = read_results(tmp_path / DETECTIONS, videos.ids)
    best = {id: each.segments[each.scores.argmax()].tolist() for id, each in found.items()}
    assert videos.ids == tuple(best)
    for number, (start, end) in enumerate(best.values()):
        length = 10.0 * (number + 1)
        assert abs(start - length * (10 + number + 0.5) / 100) <= length / 100
        assert abs(end - length * 50.5 / 100) <= length / 100
