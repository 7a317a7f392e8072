"""Where what is known of a list is kept: it must not be taken for what another check would find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.datasets.ledger import path_of
from tools.datasets.listing import of_list
from tools.datasets.lists import ClipList
from tools.media import video
from tools.spec.model import ListFormat, Sampling

CHOICES = (Sampling(1, 1, 8), Sampling(32, 2, 1), Sampling(16, 1, 3))  # TSM's, SlowFast's and R(2+1)D's


def places(root: Path, kind: ListFormat) -> list[Path]:
    """The ledger of one list of clips for each choice of frames."""
    return [path_of(root, of_list(ClipList(root / "list.txt", root, kind, ()), chosen)) for chosen in CHOICES]


def test_videos_are_checked_again_for_another_choice_of_frames(tmp_path: Path) -> None:
    """What is known of videos holds for one choice of frames."""
    assert len(CHOICES) == len(set(places(tmp_path, "videos")))


def test_videos_are_checked_again_by_another_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one decoder has found of videos is not taken for what another would find."""
    before = places(tmp_path, "videos")
    monkeypatch.setattr(video, "identity", lambda: "PyAV 99")

    assert not set(before) & set(places(tmp_path, "videos"))


def test_frame_folders_are_not_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of folders of frames all frames are checked, by no video decoder: they have one ledger."""
    before = places(tmp_path, "rawframes")
    monkeypatch.setattr(video, "identity", lambda: "PyAV 99")

    assert 1 == len({*before, *places(tmp_path, "rawframes")})
