"""Which items torch's pipeline is given for comparison, what they are found by, and that their files stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.datasets.clips import ClipSet
from tools.datasets.videos import VideoSet
from tools.errors import DataError
from tools.localisation.activitynet import Video
from tools.measuring import reference_inputs
from tools.measuring.inputs import MOST, digest_of, spread
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import pipeline
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec, ModelSpec
from tools.spec.settings import MODELS, Settings
from tools.storage import code
from tools.storage.context import Context
from tools.storage.stages import Stage

TINY, BSN = load_spec(TINY_MODELS, "tiny"), load_spec(MODELS, "bsn")
ROW = np.ones(3, np.float32)
Read = Callable[[Any], Floats]


def build(kind: type[ClipSet | VideoSet], patch: pytest.MonkeyPatch, folder: Path, read: Read, changed: list[str]) -> str:
    """The digests of two clips or videos, each read by *read*; a file named in *changed* has changed."""
    def require_unchanged(one: object) -> None:
        if changed:
            raise DataError(f"{changed[0]} has changed")

    assert isinstance(TINY, ModelSpec)
    patch.setattr(kind, "require_unchanged", require_unchanged)
    patch.setattr(pipeline, "clip_loader", lambda *given: lambda clip: read(clip.id))
    patch.setattr(reference_inputs, "read_by_mmaction2", lambda path: read(path.name))
    if kind is ClipSet:
        facts = reference_inputs.build_clips(TINY, ClipSet("videos", tuple(Clip(name, Path(name), 0) for name in "ab")), folder)
    else:
        videos = VideoSet(tuple(Video(name, 9.0, 9, 9, (), Path(name)) for name in "ab"), ())
        facts = reference_inputs.build_videos(videos, folder)
    assert {"items": 2} == facts
    return (folder / reference_inputs.FILE).read_text()


@pytest.mark.parametrize("kind", [ClipSet, VideoSet])
def test_files_must_be_as_they_were_before_and_after_they_are_read(kind: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Inputs of files that change are no reference: nothing is saved."""
    changed = ["a"]
    with pytest.raises(DataError, match="a has changed"):
        build(kind, monkeypatch, tmp_path, lambda name: pytest.fail("it was read all the same"), changed)

    changed.clear()

    def changes(name: str) -> Floats:
        changed.append(name)
        return ROW

    with pytest.raises(DataError, match="a has changed"):
        build(kind, monkeypatch, tmp_path, changes, changed)
    assert [] == [*tmp_path.iterdir()]
    assert {"a": digest_of(ROW), "b": digest_of(ROW)} == json.loads(build(kind, monkeypatch, tmp_path, lambda name: ROW, []))


def clips(count: int, format: Any = "rawframes") -> ClipSet:
    return ClipSet(format, tuple(Clip(f"v_{number}", Path(), number, 9, sha256=f"{number:064d}") for number in range(count)))


def stage(of: ClipSet | VideoSet) -> Stage:
    if isinstance(of, ClipSet):
        assert isinstance(TINY, ModelSpec)
        return reference_inputs.of_clips(Context(Settings.parse({}), TINY), of)
    assert isinstance(BSN, LocaliserSpec)
    return reference_inputs.of_videos(Context(Settings.parse({}), BSN), of)


def test_they_are_found_by_what_shapes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the few items, the kind of processor, the packages, and of videos by the decoder of torch's side."""
    monkeypatch.setattr(code, "current", lambda place: "0")
    key = stage(clips(20)).key

    assert ("inputs", "tiny") == (key.kind, key.name)
    few = {"spec", "items", "machine", "torch", "mmaction2", "mmcv-lite", "mmengine", "numpy", "opencv-python-headless"}
    assert few < set(dict(key.shaped_by))
    assert replace(clips(20), clips=tuple(clips(20).clips[number] for number in spread(20))).digest == dict(key.shaped_by)["items"]
    assert key != stage(clips(21)).key
    of_videos = dict(stage(clips(20, "videos")).key.shaped_by)
    assert set(of_videos) > set(dict(key.shaped_by)), "the decoder is part of it"
    monkeypatch.setattr("platform.machine", lambda: "another")
    assert key != stage(clips(20)).key


def test_of_videos_a_few_and_their_features_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "current", lambda place: "0")
    videos = VideoSet(tuple(Video(f"v_{number}", 9.0 + number, 9, 9, (), Path()) for number in range(30)), clips(30).clips)
    made = stage(videos)
    [few] = made.build.args  # type: ignore[attr-defined]

    assert MOST == len(few.videos)
    assert [f"v_{number}" for number in spread(30)] == [video.name for video in few.videos] == [clip.id for clip in few.features]
    assert few.digest == dict(made.key.shaped_by)["items"]
    assert ("inputs", "bsn") == (made.key.kind, made.key.name)
