"""ActivityNet's annotations: read in the listing's order, and refused by name where they cannot be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tools.errors import DataError
from tools.localisation.activitynet import Video, check_features, read_ground_truth, read_videos
from tools.spec.settings import ROOT

SHARED = ROOT.parent / "shared" / "data" / "activitynet"
LISTING = "video,numFrame,seconds,fps,rfps,subset,featureFrame\n"


def annotated(**changed: object) -> dict[str, object]:
    """One video's annotation, as anet_anno_action.json has it."""
    whole = {"duration_second": 64.0, "duration_frame": 1601, "feature_frame": 1600,
             "annotations": [{"segment": [1.5, 20], "label": "Ballet"}, {"segment": [30.0, 30.0], "label": "Ballet"}]}
    return whole | changed


def listing(*rows: tuple[str, str]) -> str:
    """Videos and their subsets, as video_info_new.csv has them."""
    return LISTING + "".join(f"{name},1601,64.0,25.0,25.0,{subset},1600\n" for name, subset in rows)


def written(folder: Path, annotations: object, text: str) -> tuple[Path, Path, Path]:
    """The two files, and the folder the features would be in."""
    (folder / "annotations.json").write_text(annotations if isinstance(annotations, str) else json.dumps(annotations))
    (folder / "listing.csv").write_text(text)
    return folder / "annotations.json", folder / "listing.csv", folder


def real(name: str) -> Path:
    if not SHARED.is_dir():
        pytest.skip("shared/data/activitynet is not beside this checkout")
    return SHARED / name


def test_videos_of_a_subset_are_read(tmp_path: Path) -> None:
    """Name, length, frames, true segments and features' file of the subset's videos, in listed order."""
    content = {"v_b": annotated(), "v_a": annotated(duration_second=10, annotations=[{"segment": [0, 1]}]), "v_t": annotated()}
    paths = written(tmp_path, content, listing(("v_a", "validation"), ("v_t", "training"), ("v_b", "validation")))

    assert (Video("v_a", 10.0, 1601, 1600, ((0.0, 1.0),), tmp_path / "v_a.csv"),
            Video("v_b", 64.0, 1601, 1600, ((1.5, 20.0), (30.0, 30.0)), tmp_path / "v_b.csv")) == read_videos(*paths)
    assert ["v_t"] == [video.name for video in read_videos(*paths, subset="training")]
    assert [[1.5, 20.0], [30.0, 30.0]] == read_videos(*paths)[1].truth.tolist()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_may_start_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    """The mark is no part of the listing's first column, nor of the annotations; CRLF ends a line too."""
    paths = written(tmp_path, {}, "")
    paths[0].write_bytes(json.dumps({"v_a": annotated()}).encode(encoding))
    paths[1].write_bytes(listing(("v_a", "validation")).replace("\n", "\r\n").encode(encoding))

    assert ["v_a"] == [video.name for video in read_videos(*paths)]


def test_the_testing_subset_has_no_segments(tmp_path: Path) -> None:
    """ActivityNet keeps the testing subset's segments to itself, so that subset may be read without any."""
    paths = written(tmp_path, {"v_a": annotated(annotations=[])}, listing(("v_a", "testing")))

    assert (0, 2) == read_videos(*paths, subset="testing")[0].truth.shape


def test_the_real_annotations_are_read() -> None:
    """ActivityNet-1.3's validation subset has 4,728 videos and 7,293 segments; training has 9,649 videos."""
    paths = real("anet_anno_action.json"), real("video_info_new.csv"), Path("features")
    videos = read_videos(*paths)

    assert (4728, 7293, 4728) == (len(videos), sum(len(video.segments) for video in videos), len({video.name for video in videos}))
    assert (9649, 4851) == (len(read_videos(*paths, subset="training")), len(read_videos(*paths, subset="testing")))
    assert (Path("features/v_--1DO2V4K74.csv"), 211.53, 6337, 6336) == (
        videos[0].features, videos[0].duration_s, videos[0].frames, videos[0].feature_frames)


@pytest.mark.parametrize(("annotations", "rows", "where", "words"), [
    ({"v_a": annotated()}, listing(("v_a", "validation"), ("v_b", "training"), ("v_a", "validation")), "listing.csv:4",
     "v_a is listed twice, first on line 2"),
    ({"v_a": annotated()}, listing(("v_a", "validation"), ("v_b", "validation")), "listing.csv:3", "v_b is not annotated"),
    ({"v_a": annotated()}, listing(("v_a", "training")), "listing.csv", "no video is of the subset validation"),
    ({"v_a": annotated()}, "v_a,validation\n", "listing.csv:1", "the header has no subset and no video"),
    ({"v_a": annotated()}, "video,subset\nv_a,validation\nb,validation\n", "listing.csv:3", "names no video"),
    ({"v_a": annotated()}, "video,subset\nv_a\n", "listing.csv:2", "names no video"),
    ("no json", listing(("v_a", "validation")), "annotations.json:1", "cannot be read"),
    ('{"v_a": 1, "v_a": 2}', listing(("v_a", "validation")), "annotations.json", "'v_a' stands twice"),
    ([], listing(("v_a", "validation")), "listing.csv:2", "v_a is not annotated"),
    ({"v_a": []}, listing(("v_a", "validation")), "annotations.json: v_a", "duration_second is None"),
    ({"v_a": annotated(duration_second=0)}, listing(("v_a", "validation")), "annotations.json: v_a", "duration_second is 0.0"),
    ({"v_a": annotated(duration_second=-1.5)}, listing(("v_a", "validation")), "annotations.json: v_a", "duration_second is -1.5"),
    ({"v_a": annotated(duration_second=float("nan"))}, listing(("v_a", "validation")), "annotations.json: v_a", "duration_second is nan"),
    ({"v_a": annotated(duration_second=float("inf"))}, listing(("v_a", "validation")), "annotations.json: v_a", "duration_second is inf"),
    ({"v_a": annotated(duration_frame=0)}, listing(("v_a", "validation")), "annotations.json: v_a", "duration_frame is 0.0"),
    ({"v_a": annotated(feature_frame="many")}, listing(("v_a", "validation")), "annotations.json: v_a", "feature_frame is 'many'"),
    ({"v_a": annotated(annotations=[])}, listing(("v_a", "validation")), "annotations.json: v_a", "the video has no annotations"),
    ({"v_a": annotated(annotations=[{"segment": [1, 2]}, {"segment": [5, 4]}])}, listing(("v_a", "validation")),
     "annotations.json: v_a[1]", "the segment 5.0 to 4.0 is impossible"),
    ({"v_a": annotated(annotations=[{"segment": [-1, 4]}])}, listing(("v_a", "validation")), "annotations.json: v_a[0]", "impossible"),
    ({"v_a": annotated(annotations=[{"segment": [0, float("nan")]}])}, listing(("v_a", "validation")), "annotations.json: v_a[0]",
     "impossible"),
    ({"v_a": annotated(annotations=[{"segment": [1]}])}, listing(("v_a", "validation")), "annotations.json: v_a[0]", "no segment"),
    ({"v_a": annotated(annotations=[{"label": "Ballet"}])}, listing(("v_a", "validation")), "annotations.json: v_a[0]", "no segment"),
])
def test_annotations_that_cannot_be_used_are_named(tmp_path: Path, annotations: object, rows: str, where: str, words: str) -> None:
    """A video with a fault in list or annotations is a DataError that names it.

    It is listed twice, not annotated, without length or segments, or has an impossible segment.
    """
    with pytest.raises(DataError, match=words.replace("[", r"\[")) as caught:
        read_videos(*written(tmp_path, annotations, rows))

    assert f"{tmp_path}/{where}" == caught.value.where
    assert caught.value.remedy


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    """A missing or binary file is a DataError that names it."""
    annotations, rows, folder = written(tmp_path, {"v_a": annotated()}, listing(("v_a", "validation")))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for paths, wrong in (((tmp_path / "none", rows), "none"), ((annotations, tmp_path / "none"), "none"),
                         ((tmp_path / "binary", rows), "binary"), ((annotations, tmp_path / "binary"), "binary")):
        with pytest.raises(DataError, match="cannot be read") as caught:
            read_videos(*paths, folder)
        assert f"{tmp_path / wrong}{':1' if wrong == 'binary' else ''}" == caught.value.where


def test_a_video_without_features_is_named(tmp_path: Path) -> None:
    """Every video of the subset needs its features' file; the first that lacks one is named, and how many."""
    paths = written(tmp_path, {name: annotated() for name in ("v_a", "v_b", "v_c")}, listing(*((f"v_{id}", "validation") for id in "abc")))
    videos = read_videos(*paths)
    (tmp_path / "v_a.csv").touch()

    with pytest.raises(DataError, match="2 of 3 videos have no features, first v_b") as caught:
        check_features(videos)
    assert f"{tmp_path / 'v_b.csv'} ({paths[1]}:3)" == caught.value.where
    check_features(videos[:1])


def test_a_ground_truth_is_read() -> None:
    """mmaction2's small ground truth holds two videos with three segments and one."""
    truths = read_ground_truth(real("small_gt.json"))

    assert {"v_bYUmtLBL7W4": (3, 2), "v_hDPLy21Yyuk": (1, 2)} == {name: segments.shape for name, segments in truths.items()}
    assert [21.392480499219968, 76.161] == truths["v_hDPLy21Yyuk"][0].tolist()


def test_activitynets_own_ground_truth_is_read(tmp_path: Path) -> None:
    """In ActivityNet's file the videos stand under "database" by bare ids; other subsets are left out."""
    path = tmp_path / "truth.json"
    rows = {"v_1": {"subset": "validation", "duration": 9.5, "annotations": [{"segment": [1, 2]}]},
            "b": {"subset": "testing", "duration": 9.5, "annotations": []}}
    path.write_text(json.dumps({"database": rows, "taxonomy": [], "version": "VERSION 1.3"}))

    assert {"v_v_1": [[1.0, 2.0]]} == {name: segments.tolist() for name, segments in read_ground_truth(path).items()}


@pytest.mark.parametrize(("video", "words"), [
    ({"duration": 9.5, "annotations": []}, "the video has no annotations"), ({"duration": 9.5}, "the video has no annotations"),
    ({"duration": 0, "annotations": [{"segment": [1, 2]}]}, "duration is 0.0, not a positive number"),
    ({"annotations": [{"segment": [1, 2]}]}, "duration is None"),
    ({"duration": 9.5, "annotations": [{"segment": [2, 1]}]}, "the segment 2.0 to 1.0 is impossible"),
    ({"duration": 9.5, "annotations": [{"segment": [2, None]}]}, "no segment of two numbers"),
    ({"duration": 9.5, "annotations": ["now"]}, "no segment of two numbers"),
])
def test_a_ground_truth_that_cannot_be_used_is_named(tmp_path: Path, video: Mapping[str, object], words: str) -> None:
    """A video without annotations or length, or a reversed segment, is a DataError naming file and video."""
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"v_a": {**video, "subset": "validation"}}))

    with pytest.raises(DataError, match=words) as caught:
        read_ground_truth(path)
    assert str(caught.value.where).startswith(f"{path}: v_a")


@pytest.mark.parametrize("content", ["{}", "[]", '{"v_a": 1}', '{"database": {}}', '{"v_a": {"subset": "training"}}'])
def test_a_ground_truth_of_nothing_is_named(tmp_path: Path, content: str) -> None:
    """A file without a video of the subset is a DataError."""
    (tmp_path / "truth.json").write_text(content)

    with pytest.raises(DataError, match="no video is of the subset validation"):
        read_ground_truth(tmp_path / "truth.json")
