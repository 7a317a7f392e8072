"""A side that reads frames one off turns fidelity to FAIL: the two sides' ways to a video share no fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import record
from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet, clip_set
from tools.datasets.mini import clips as mini
from tools.deployment import specialise, weights
from tools.deployment.weights import Weights
from tools.engines import open_engine
from tools.errors import DataError
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Verdict, worst
from tools.measuring import measure, recogniser, reference
from tools.measuring.cell import Cell, Part
from tools.measuring.predictions import FILE, Predictions, load
from tools.media import video
from tools.media.batches import BatchStream
from tools.media.decode import Indices
from tools.media.preprocess import Floats, Frames
from tools.pytorch import frames, pipeline
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.settings import Settings
from tools.storage.context import Context

TINY = recogniser_spec(TINY_MODELS, "tiny")
CASE = Case("tiny", 4, Device("cpu"))
CLIPS = 12  # of the list's 23
LISTS = ("test_videos.txt", "test_avi.txt")


@dataclass(frozen=True)
class Run:
    """The tiny model on a list of its mini clips' videos."""

    checkpoint: Weights
    graph: Path
    clips: ClipSet

    def torch(self, folder: Path) -> Predictions:
        """Torch's scores, computed here and now."""
        folder.mkdir()
        reference.build(TINY, self.checkpoint, self.clips, 0.0, "cpu", folder / "shards", folder)
        return load(folder / FILE)

    def fidelity(self, torch: Predictions, clips: ClipSet | None = None) -> Verdict:
        """Score the clips as a measured cell does, in this process, and judge the scores beside torch's."""
        clips = clips or self.clips
        with BatchStream(recogniser.feed(clips, TINY), CASE.batch) as stream:
            engine = open_engine(CASE.device, self.graph, TINY.network, CASE.batch)
            scores, _ = measure.score(engine, stream, len(clips.clips))
        cell = Cell(CASE, Path(), (Part(Path(), record(CASE, "tiny", len(clips.clips)), scores, None),))
        return worst(RecogniserJudge(TINY, load_truth(TINY_MODELS, "tiny"), self.clips, torch).fidelity(cell))


def of_list(artifacts: Path, name: str) -> Run:
    """A run on one of the mini data set's lists of videos, as a list of one's own."""
    root = mini.stage(TINY).find_or_run(Context(settings(artifacts, "mini"), TINY)).folder
    context = Context(replace(settings(artifacts, str(root / name)), clips=CLIPS), TINY)
    (checkpoint,) = weights.checkpoints(context)
    return Run(checkpoint, specialise.graph(context, checkpoint, CASE.batch).path, clip_set(context, TINY.classes))


def settings(artifacts: Path, data: str) -> Settings:
    return Settings.parse({"models": str(TINY_MODELS), "artifacts": str(artifacts), "data": data, "weights": "mini"})


@pytest.fixture(scope="module")
def videos(tiny_store: Path) -> Run:
    """The run on MP4s."""
    return of_list(tiny_store, LISTS[0])


@pytest.fixture(scope="module")
def scores(videos: Run, tmp_path_factory: pytest.TempPathFactory) -> Predictions:
    """Torch's scores of them with nothing broken."""
    return videos.torch(tmp_path_factory.mktemp("torch") / "right")


def test_sides_that_read_right_agree(videos: Run, scores: Predictions) -> None:
    """Nothing below fails for another reason than what it breaks."""
    assert Verdict.PASS == videos.fidelity(scores)


def without_sums(clips: ClipSet) -> ClipSet:
    """The clips as if the check had not kept what their sampled frames are."""
    assert all(clip.sampled_crc32 is not None for clip in clips.clips)
    return replace(clips, clips=tuple(replace(clip, sampled_crc32=None) for clip in clips.clips))


@pytest.mark.parametrize("off", [1, -1], ids=["late", "early"])
def test_our_side_one_frame_off_fails(videos: Run, scores: Predictions, monkeypatch: pytest.MonkeyPatch, off: int) -> None:
    """Our access giving each frame's neighbour fails fidelity; where a check saw the frames it is refused."""
    right = video.read

    def beside(path: Path, indices: Indices, frames: int) -> tuple[Frames, int]:
        return right(path, np.clip(indices + off, 0, frames - 1), frames)

    monkeypatch.setattr(video, "read", beside)

    with pytest.raises(DataError, match="gives other frames now than when it was decoded from its start"):
        videos.fidelity(scores)
    assert Verdict.FAIL == videos.fidelity(scores, without_sums(videos.clips))


def test_our_side_one_frame_short_fails(videos: Run, scores: Predictions) -> None:
    """Our count of frames being one too low fails fidelity: torch's choice of frames is by its own count."""
    clips = without_sums(videos.clips)
    short = replace(clips, clips=tuple(replace(clip, frames=clip.frames - 1) for clip in clips.clips))

    assert Verdict.FAIL == videos.fidelity(scores, short)


def test_the_torch_side_one_frame_off_fails(videos: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The torch side giving each frame's neighbour fails fidelity as well."""
    right = frames.read

    def beside(path: Path, wanted: Indices) -> Mapping[int, Frames]:
        shown = right(path, np.maximum(wanted - 1, 0))
        return {number: shown[max(number - 1, 0)] for number in wanted.tolist()}

    monkeypatch.setattr(frames, "read", beside)

    assert Verdict.FAIL == videos.fidelity(videos.torch(tmp_path / "wrong"))


def test_what_decodes_is_part_of_the_key_for_videos(videos: Run) -> None:
    """PyAV's and FFmpeg's versions shape the reference of videos; a reference of folders keeps its key."""
    keys = {kind: dict(reference.key(TINY, videos.checkpoint, replace(videos.clips, format=kind)).shaped_by)
            for kind in ("videos", "rawframes")}

    assert {"av", "libavformat", "libavcodec", "libswscale"} == keys["videos"].keys() - keys["rawframes"].keys()
    assert {"decord"} == keys["rawframes"].keys() - keys["videos"].keys()
    assert 2 == keys["videos"]["libavcodec"].count(".")


@pytest.mark.parametrize("name", LISTS)
def test_both_sides_feed_the_network_the_same_bits(tiny_store: Path, name: str) -> None:
    """Found by seeking or read in order, a mini clip's frames become the same input bit for bit."""
    run = of_list(tiny_store, name)
    torch_side, ours = pipeline.clip_loader(TINY, "videos"), np.empty(TINY.network.input.shape, np.float32)
    other: list[tuple[str, float]] = []
    for clip in run.clips.clips:
        recogniser.fill(clip, "videos", TINY, ours)
        theirs: Floats = torch_side(clip)
        if ours.tobytes() != theirs.tobytes():
            other.append((clip.id, float(np.abs(ours - theirs).max())))

    assert [] == other
