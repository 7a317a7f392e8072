"""A folder of features as --data: it chooses its videos, and what is wrong in it is one sentence."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.datasets.test_videos import spec
from tools.datasets import choice, clips, videos
from tools.datasets.mini import videos as mini
from tools.deployment.origin import origin
from tools.errors import DataError, OptionError
from tools.localisation.snippet_features import read_features
from tools.spec.catalog import load_spec
from tools.spec.model import LocaliserSpec, recogniser
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

__all__ = ["spec"]
LIST, ANNOTATIONS = "video_info_new.csv", "anet_anno_action.json"
ONE, THREE, TRAINING = "v_mini_test_001", "v_mini_test_003", "v_mini_train_001"
FOUR = "v_mini_test_004"


@pytest.fixture
def folder(tmp_path: Path, spec: LocaliserSpec) -> Path:
    """Features of three of the six annotated videos: two published files and an array of 57 snippets."""
    (tmp_path / "home").mkdir()
    mini.build(spec, tmp_path / "home")
    shutil.copytree(tmp_path / "home" / "csv_mean_100", tmp_path / "home" / "own")
    own = tmp_path / "home" / "own"
    for path in own.iterdir():
        if path.stem[-1] in "024":
            path.unlink()
    (own / f"{THREE}.csv").unlink()
    np.save(own / f"{THREE}.npy", np.random.default_rng(0).normal(0, 1, (57, 400)).astype(np.float32))
    return own


def context(folder: Path, spec: LocaliserSpec, **more: str) -> Context[LocaliserSpec]:
    options = {"data": str(folder), "weights": "mini", "artifacts": str(folder.parent.parent / "artifacts"), **more}
    return Context(Settings.parse(options), spec)


def names(context: Context[LocaliserSpec]) -> list[str]:
    return [video.name for video in videos.listed(context)]


def test_a_folder_chooses_its_videos(folder: Path, spec: LocaliserSpec) -> None:
    """Videos with features are judged, in the list's order; those without are none of the folder's matter.

    Features of another subset are left out, as they are out of a list, and not read.
    """
    (folder / f"{TRAINING}.csv").write_text("no features")
    found = videos.video_set(context(folder, spec))

    assert (ONE, THREE, "v_mini_test_005") == found.ids
    assert [folder / f"{ONE}.csv", folder / f"{THREE}.npy", folder / "v_mini_test_005.csv"] == [video.features for video in found.videos]
    assert found.shortfall is None
    assert all(len(video.segments) for video in found.videos)
    assert (100, 400) == read_features(found.videos[1].features).shape
    assert [ONE, THREE] == names(context(folder, spec, clips="2"))


def test_a_changed_file_is_another_data_set(folder: Path, spec: LocaliserSpec) -> None:
    """One snippet more, or the other form of the same video, and nothing stored of the old one fits."""
    before = videos.video_set(context(folder, spec))
    np.save(folder / f"{THREE}.npy", np.random.default_rng(0).normal(0, 1, (58, 400)).astype(np.float32))
    longer = videos.video_set(context(folder, spec))
    (folder / f"{THREE}.npy").unlink()
    shutil.copy(folder.parent / "csv_mean_100" / f"{THREE}.csv", folder)
    table = videos.video_set(context(folder, spec))

    assert 3 == len({before.digest, longer.digest, table.digest})
    for after in (longer, table):
        assert [True, False, True] == [one.sha256 == other.sha256 for one, other in zip(before.features, after.features, strict=True)]


@pytest.mark.parametrize(("place", "root"), [("home/own", ""), ("home", ""), ("root", "root"), ("root/activitynet", "root")])
def test_list_and_annotations_are_found(tmp_path: Path, folder: Path, spec: LocaliserSpec, place: str, root: str) -> None:
    """They lie in the folder or beside it, or below --data-root, whose own come first."""
    (tmp_path / place).mkdir(parents=True, exist_ok=True)
    for name in (LIST, ANNOTATIONS):
        if place != "home":
            (shutil.copy if root else shutil.move)(folder.parent / name, tmp_path / place / name)
    found = videos.listed(context(folder, spec, **({"data_root": str(tmp_path / root)} if root else {})))

    assert (3, f"{tmp_path / place / LIST}:6") == (len(found), found[0].listed)


def test_where_they_were_looked_for_is_told(tmp_path: Path, folder: Path, spec: LocaliserSpec) -> None:
    """Every place with what it lacks; both files must be in one."""
    shutil.move(folder.parent / LIST, folder / LIST)
    (tmp_path / "root").mkdir()
    with pytest.raises(DataError, match=f"a folder of features needs {LIST} and {ANNOTATIONS}") as caught:
        names(context(folder, spec, data_root=str(tmp_path / "root")))

    each = [f"{tmp_path}/root has no {LIST} and no {ANNOTATIONS}", f"{tmp_path}/root/activitynet has no {LIST} and no {ANNOTATIONS}",
            f"{folder} has no {ANNOTATIONS}", f"{folder.parent} has no {LIST}"]
    assert caught.value.what.endswith("; ".join(each))
    assert "--data-root" in str(caught.value.remedy)


def unannotated(folder: Path) -> None:
    path = folder.parent / ANNOTATIONS
    path.write_text(json.dumps({name: video for name, video in json.loads(path.read_text()).items() if name != THREE}))


def emptied(folder: Path) -> None:
    for path in folder.iterdir():
        path.rename(path.with_suffix(".pkl"))


def of_training(folder: Path) -> None:
    path = folder.parent / LIST
    path.write_text(path.read_text().replace("validation", "training"))
    (folder / f"{TRAINING}.csv").unlink()


def with_a_wide_array(folder: Path) -> None:
    np.save(folder / f"{THREE}.npy", np.zeros((57, 2048), np.float32))


WRONG: dict[str, tuple[Callable[[Path], object], str, str, str]] = {  # what is done, what is told, where, the remedy
    "not listed": (lambda folder: np.save(folder / "v_x.npy", np.zeros((5, 400))), "v_x.npy is of no video of", "v_x.npy", "take the file"),
    "not annotated": (unannotated, f"{THREE} is not annotated", LIST, "add it to"),
    "two forms": (lambda folder: shutil.copy(folder / f"{ONE}.csv", folder / f"{THREE}.csv"),
                  f"{THREE} has two files of features, {THREE}.csv and {THREE}.npy", f"{THREE}.npy", "leave one"),
    "other name": (lambda folder: (folder / f"{ONE}.csv").rename(folder / "a.csv"), "a.csv is named after no video", "a.csv", "v_<id>.csv"),
    "only pickles": (emptied, "the folder holds no features", "own", "never opened"),
    "training": (of_training, "none of the folder's 3 videos is of the subset validation", LIST, "only these are judged"),
    "empty": (lambda folder: (folder / f"{ONE}.csv").write_bytes(b""), f"{ONE} is empty", f"{ONE}.csv", "restore the file"),
    "wide": (with_a_wide_array, r"the features are \[57, 2048\] instead of \[T, 400\]", f"{THREE}.npy", "one row a snippet"),
    "a dead link": (lambda folder: (folder / f"{FOUR}.npy").symlink_to("nowhere"), f"no features, first {FOUR}", f"{FOUR}.npy", "complete"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_is_wrong_in_a_folder_is_named(folder: Path, spec: LocaliserSpec, fault: str) -> None:
    """Each fault is one DataError with the file and what to do."""
    do, words, where, remedy = WRONG[fault]
    do(folder)

    with pytest.raises(DataError, match=words) as caught:
        videos.video_set(context(folder, spec))
    assert where in str(caught.value.where)
    assert remedy in str(caught.value.remedy)
    assert "\n" not in caught.value.what


def test_what_is_no_features_may_lie_beside(folder: Path, spec: LocaliserSpec) -> None:
    """The list and annotations, notes, folders and what a file system hides are left alone."""
    for name in (LIST, ANNOTATIONS):
        shutil.move(folder.parent / name, folder / name)
    (folder / "notes.txt").write_text("mine")
    (folder / f"._{ONE}.npy").write_bytes(b"\0")
    (folder / "older.npy").mkdir()

    assert [ONE, THREE, "v_mini_test_005"] == names(context(folder, spec))


@pytest.mark.parametrize("name", ["full", "mini", "full[8]"])
def test_no_folder_is_taken_for_a_data_set(tmp_path: Path, folder: Path, spec: LocaliserSpec, name: str) -> None:
    """Whatever a folder is called, rows name it with a slash, and it has weights of no default."""
    own = Path(shutil.copytree(folder, folder.parent / name))
    word = choice.word(context(own, spec))

    assert f"{name}/" == word
    assert not choice.is_some(word)
    with pytest.raises(OptionError, match="whose weights"):
        origin(context(own, spec, weights="auto"))


def test_a_recogniser_reads_a_list(folder: Path) -> None:
    """It has no features, and a folder of clips has no labels."""
    settings = Settings.parse({"data": str(folder), "weights": "mini"})
    tsm = recogniser(load_spec(MODELS, "tsm"), "", remedy="")

    with pytest.raises(OptionError, match="tsm reads clips by a list, and this is a folder") as caught:
        clips.clip_list(Context(settings, tsm), 101)
    assert "for bsn" in str(caught.value.remedy)


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The choices are told with both kinds of path."""
    with pytest.raises(OptionError, match="no such choice or file") as caught:
        Settings.parse({"data": str(tmp_path / "none")})
    assert "a list file, or a folder of features for bsn" in str(caught.value.remedy)
