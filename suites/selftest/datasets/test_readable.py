"""Data that are not there, or whose list is wrong, are noticed before a clip is opened."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.datasets.readable import require_readable
from tools.errors import DataError, OptionError
from tools.spec.catalog import load_spec
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

TINY, BSN = load_spec(TINY_MODELS, "tiny"), load_spec(MODELS, "bsn")
Check = Callable[..., None]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    def call(spec: Spec, classes: int | None = 20, **options: str) -> None:
        require_readable(Context(Settings.parse({"artifacts": str(tmp_path / "artifacts"), **options}), spec), classes)

    return call


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A list of two clips that are there."""
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes(b"a clip")
    listed = tmp_path / "own.txt"
    listed.write_text("a.mp4 0\nb.mp4 19\n")
    return listed


def test_what_is_there_is_not_opened(check: Check, own: Path) -> None:
    """These clips are none, which only their check would find; mini clips are made when they are needed."""
    check(TINY, data=str(own))
    check(TINY, data="mini")


@pytest.mark.parametrize(("text", "words", "line"), [
    ("a.mp4 0\nb.mp4\n", "expected 'path label', found 1 fields", ":2"), ("a.mp4 0\nb.mp4 20\n", "label 20 is outside", ":2"),
    ("", "the list is empty", ""), ("a.mp4 0\nc.mp4 1\n", "clip c.mp4 is missing", ":2")])
def test_a_list_is_read_to_its_end(check: Check, own: Path, text: str, words: str, line: str) -> None:
    """Its first wrong line is named, or the clip that is not there."""
    own.write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        check(TINY, data=str(own))
    assert f"{own}{line}" in str(caught.value.where)


def test_a_label_is_right_where_nobody_knows_the_classes(check: Check, own: Path) -> None:
    """Weights of one's own bring their class count, and have not been loaded yet."""
    own.write_text("a.mp4 400\n")
    check(TINY, None, data=str(own))


def test_every_clip_that_is_not_there_is_named_at_once(check: Check, own: Path, tmp_path: Path) -> None:
    """Empty files and folders without frames too; the frames of a folder are not counted."""
    (tmp_path / "a.mp4").write_bytes(b"")
    (tmp_path / "b.mp4").unlink()
    with pytest.raises(DataError, match="2 clips cannot be used") as caught:
        check(TINY, data=str(own))
    assert "clip a.mp4 is empty" in caught.value.what
    own.write_text("frames 3 0\nnone 3 0\n")
    (tmp_path / "frames").mkdir()
    with pytest.raises(DataError, match="clip none is missing"):
        check(TINY, data=str(own))


def test_a_full_data_set_needs_its_list_and_its_folder(check: Check, tmp_path: Path) -> None:
    """Which of its clips are there is not asked: it is used as far as it is there."""
    folder = tmp_path / TINY.dataset
    with pytest.raises(OptionError, match="the list of tinyset is not there"):
        check(TINY, data="full", data_root=str(tmp_path))
    folder.mkdir()
    (folder / TINY.list_file).write_text("a 20 0\nb 20 1\n")
    with pytest.raises(DataError, match="none of the 2 clips of tinyset can be used"):
        check(TINY, data="full", data_root=str(tmp_path))
    (folder / TINY.files_folder).mkdir()
    check(TINY, data="full", data_root=str(tmp_path))
    (folder / TINY.list_file).write_text("a 20 0\nb 20 20\n")
    with pytest.raises(DataError, match="label 20 is outside"):
        check(TINY, data="full", data_root=str(tmp_path))
    check(TINY, None, data="full", data_root=str(tmp_path))


def test_a_localiser_needs_annotations_and_features(check: Check, tmp_path: Path) -> None:
    """Of a list of one's own each video's features have to be there; they are not read."""
    listed = tmp_path / "video_info_new.csv"
    listed.write_text("video,subset\nv_a,validation\nv_b,validation\n")
    with pytest.raises(DataError, match="the annotations"):
        check(BSN, data=str(listed))
    video = {"duration_second": 9.0, "duration_frame": 90.0, "feature_frame": 80.0, "annotations": [{"segment": [1.0, 2.0]}]}
    (tmp_path / "anet_anno_action.json").write_text(json.dumps({"v_a": video, "v_b": video}))
    (tmp_path / "csv_mean_100").mkdir()
    (tmp_path / "csv_mean_100" / "v_a.csv").write_text("no features")
    with pytest.raises(DataError, match="1 of 2 videos have no features, first v_b"):
        check(BSN, data=str(listed))
    (tmp_path / "csv_mean_100" / "v_b.csv").touch()
    check(BSN, data=str(listed))
    with pytest.raises(OptionError, match="the list of activitynet is not there"):
        check(BSN, data="full", data_root=str(tmp_path))
