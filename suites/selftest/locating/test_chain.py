"""The host's steps of a clip beside mmaction2's: a clean chain differs nowhere, faults are named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import unchecked
from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.errors import DataError
from tools.locating import chain, theirs
from tools.locating.chain import steps
from tools.locating.values import Chosen, Step
from tools.machine import child
from tools.measuring.launch import Found
from tools.measuring.recogniser import fill
from tools.media import decode, preprocess
from tools.media.decode import Clip
from tools.media.proof import prove
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

NAMES = ["frames chosen", "frames decoded", "resized and cut", "normalised", "the network's input"]
TINY = recogniser_spec(TINY_MODELS, "tiny")
VIEWS = recogniser_spec(MODELS, "r2plus1d")
FRAMES = 30
Patch = pytest.MonkeyPatch


def quiet(event: object) -> None:
    """The stages' words do not belong into a test's output."""


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ClipSet]:
    """Two clips as frames, and one as a video."""
    folder = tmp_path_factory.mktemp("clips")
    pictures = [render(Recipe(label, FRAMES, (3, label), noise=4.0, travel=160.0)) for label in range(2)]
    for label, frames in enumerate(pictures):
        encode.write_jpegs(frames, folder / f"v_{label}")
    encode.write_avi(pictures[0], folder / "v.avi")
    jpegs = tuple(unchecked(Clip(f"v_{label}", folder / f"v_{label}", label, FRAMES), "rawframes") for label in range(2))
    video = Clip("v", folder / "v.avi", 0, FRAMES)
    crc32 = prove(video, partial(preprocess.frame_indices, sampling=TINY.sampling)).sampled_crc32
    checked = unchecked(replace(video, sampled_crc32=crc32), "videos")
    return {"rawframes": ClipSet("rawframes", jpegs), "videos": ClipSet("videos", (checked,))}


@pytest.fixture
def here(monkeypatch: Patch) -> None:
    """What a child process would do is done in this one, which has torch already."""
    monkeypatch.setattr(child, "call", lambda work, title, **rest: work())


def beside(clips: ClipSet, spec: ModelSpec, folder: Path, *worst: str) -> tuple[Step, ...]:
    context = Context(Settings.parse({"artifacts": str(folder)}), spec, quiet)
    return steps(context, Found((), clips, ()), Chosen(clips.ids, "", worst=worst or clips.ids))


@pytest.mark.torch
@pytest.mark.parametrize(("kind", "spec"), [("rawframes", TINY), ("videos", TINY), ("rawframes", VIEWS)],
                         ids=["frames", "video", "views"])
@pytest.mark.usefixtures("here")
def test_a_clean_chain_differs_nowhere(sets: dict[str, ClipSet], kind: str, spec: ModelSpec, tmp_path: Path) -> None:
    """Every step of every clip has mmaction2's bits, and says nothing."""
    found = beside(sets[kind], spec, tmp_path)

    assert [(name, id) for id in sets[kind].ids for name in NAMES] == [(one.name, one.clip) for one in found]
    assert [] == [one for one in found if one.differs or one.sentence or one.difference is None]
    assert {(NAMES[-1], spec.network.name)} == {(one.name, one.feeds) for one in found if one.feeds}


def of_frames(change: Callable[[Any], Any]) -> Callable[[Patch], None]:
    """A fault of what is decoded."""
    def plant(patch: Patch) -> None:
        read = decode._read_jpegs
        patch.setattr(decode, "_read_jpegs", lambda clip, indices: np.ascontiguousarray(change(read(clip, indices))))
    return plant


def of_choice(patch: Patch) -> None:
    choose = preprocess.frame_indices
    for place in (decode, chain):
        patch.setattr(place, "frame_indices", lambda total, sampling: choose(total, sampling) + np.eye(4, dtype=np.int64)[2])


def of_corner(patch: Patch) -> None:
    corners = preprocess.view_corners
    patch.setattr(preprocess, "view_corners", lambda size, how: [(left + 1, top) for left, top in corners(size, how)])


def of_constants(**other: tuple[float, ...]) -> Callable[[Patch], None]:
    def plant(patch: Patch) -> None:
        tables = preprocess._tables
        patch.setattr(preprocess, "_tables", lambda how: tables(replace(how, **other)))
    return plant


def of_layout(patch: Patch) -> None:
    normal = preprocess.normalise

    def transposed(cut: Any, how: Any, out: Any) -> None:
        normal(np.ascontiguousarray(cut.swapaxes(2, 3)), how, out)

    for place in ("tools.locating.chain", "tools.measuring.recogniser"):
        patch.setattr(f"{place}.normalise", transposed)


def of_wiring(patch: Patch) -> None:
    def other(clip: Any, kind: Any, spec: Any, out: Any) -> None:
        fill(clip, kind, spec, out)
        out[:] = out[:, ::-1].copy()

    patch.setattr("tools.locating.chain.fill", other)


PLANTED: dict[str, tuple[Callable[[Patch], None], str, str]] = {
    "choice": (of_choice, "frames chosen", "first at place 2: 19 where mmaction2 has 18; 1 of 4 values differ"),
    "order": (of_frames(lambda frames: frames[::-1]), "frames decoded", "the same frames stand in another order"),
    "channels": (of_frames(lambda frames: frames[..., ::-1]), "frames decoded", "the same channels stand in another order"),
    "turned": (of_frames(lambda frames: frames[:, ::-1]), "frames decoded", "the same values stand in another order"),
    "smaller": (of_frames(lambda frames: frames[:, 1:]), "frames decoded",
                "its shape is [4, 239, 320, 3] where mmaction2's is [4, 240, 320, 3]"),
    "corner": (of_corner, "resized and cut", "the picture is moved by 0 rows and -1 columns"),
    "mean": (of_constants(mean=(103.53, 116.28, 123.675)), "normalised", "as with the mean 103.53, 116.28, 123.675 and the deviation"),
    "deviation": (of_constants(deviation=(1.0, 1.0, 1.0)), "normalised", "and the deviation 1, 1, 1"),
    "layout": (of_layout, "normalised", "the same values stand in another order"),
    "wiring": (of_wiring, "", ""),
}


@pytest.mark.torch
@pytest.mark.parametrize("fault", PLANTED)
@pytest.mark.usefixtures("here")
def test_a_fault_is_named_at_its_step_and_nowhere_else(sets: dict[str, ClipSet], fault: str, monkeypatch: Patch, tmp_path: Path) -> None:
    """It shows there, with where it begins and what it looks like, and in the whole; other steps are clean.

    A fault between the steps shows in the whole alone.
    """
    plant, step, sentence = PLANTED[fault]
    with monkeypatch.context() as patch:
        plant(patch)
        found = beside(sets["rawframes"], TINY, tmp_path, "v_1")
    named = {one.name: one for one in found if one.differs}

    assert [*filter(None, [step]), "the network's input"] == list(named)
    assert {"v_1"} == {one.clip for one in found}
    assert sentence in named[step or "the network's input"].sentence
    assert all("where mmaction2" in one.sentence for one in named.values())


@pytest.mark.torch
@pytest.mark.usefixtures("here")
def test_another_count_of_frames_is_told(sets: dict[str, ClipSet], tmp_path: Path) -> None:
    """Where both sides choose by another number of frames, both numbers are told."""
    clips = sets["videos"]
    short = replace(clips, clips=(replace(clips.clips[0], frames=24, sampled_crc32=None),))
    found = next(one for one in beside(short, TINY, tmp_path) if one.differs)

    assert "frames chosen" == found.name
    assert found.sentence.endswith("of 24 frames, where mmaction2 counts 30")


def test_without_mmaction2_one_step_says_so(sets: dict[str, ClipSet], monkeypatch: Patch, tmp_path: Path) -> None:
    """No process is started, and nothing counts as equal."""
    monkeypatch.setattr(theirs, "lacking", lambda: ("torch", "mmaction2"))
    monkeypatch.setattr(child, "call", lambda *rest, **more: pytest.fail("a process was started"))
    [only] = beside(sets["rawframes"], TINY, tmp_path)

    assert (None, False) == (only.difference, only.differs)
    assert "not compared: torch, mmaction2 not installed" == only.sentence


def test_a_clip_that_has_changed_is_refused(sets: dict[str, ClipSet], tmp_path: Path) -> None:
    """What is looked at must be what was measured."""
    clips = sets["rawframes"]
    gone = replace(clips, clips=(replace(clips.clips[0], path=tmp_path / "gone"),))

    with pytest.raises(DataError, match="v_0"):
        beside(gone, TINY, tmp_path)


@pytest.mark.torch
def test_mmaction2_runs_in_a_process_of_its_own(sets: dict[str, ClipSet], tmp_path: Path) -> None:
    """Nothing of what it made is left behind."""
    found = beside(sets["rawframes"], TINY, tmp_path, "v_0")

    assert [False] * len(NAMES) == [one.differs for one in found]
    assert [["steps-tiny-"]] == [[path.name[:11]] for path in (tmp_path / "store" / "logs").iterdir()]
