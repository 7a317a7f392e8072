"""Extracting rawframes: mmaction2's names and bytes, whole clips only, done once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suites.selftest.conftest import ran
from tools.datasets import rawframes
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.errors import DataError
from tools.media.preprocess import Frames
from tools.spec.settings import ROOT

REAL = ROOT.parent / "shared" / "data" / "video" / "test.avi"
NAMES = ("Haircut/v_1", "Hammering/v_2", "Hammering/v_3")


def clip(number: int, frames: int = 12) -> Frames:
    return render(Recipe(number, frames, (number,), noise=4.0, travel=60.0))


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Three AVIs of two classes."""
    for number, name in enumerate(NAMES):
        encode.write_avi(clip(number), tmp_path / "ucf101" / "videos" / f"{name}.avi")
    return tmp_path / "ucf101" / "videos"


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.jpg"))}


def by_opencv(video: Path, folder: Path) -> dict[str, bytes]:
    """The frames as OpenCV reads and, by default, writes them: mmaction2's extraction through mmcv."""
    import cv2

    folder.mkdir()
    reader, number = cv2.VideoCapture(str(video)), 1
    while (read := reader.read())[0]:
        cv2.imwrite(str(folder / f"img_{number:05d}.jpg"), read[1])
        number += 1
    return content(folder)


@pytest.mark.parametrize("source", ["made", "real"])
def test_frames_are_opencvs(tmp_path: Path, source: str) -> None:
    """Names, bytes and so pixels of every frame are those that OpenCV's reader and writer give."""
    video = tmp_path / "video.avi"
    if source == "made":
        encode.write_avi(clip(0, 30), video)
    elif not REAL.is_file():
        pytest.skip(f"no {REAL}")
    else:
        shutil.copy(REAL, video)
    count = rawframes.extract(video, tmp_path / "ours", tmp_path / "partial")
    theirs = by_opencv(video, tmp_path / "theirs")

    assert content(tmp_path / "ours") == theirs
    assert [f"img_{number:05d}.jpg" for number in range(1, count + 1)] == list(theirs)
    assert source == "real" or count == 30


def test_every_video_becomes_a_folder(videos: Path) -> None:
    """The command extracts every class's videos beside them, and a second time none of them again."""
    first = ran("data", "rawframes", "--data-root", str(videos.parent.parent))
    target = videos.parent / "rawframes"
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*.jpg")}
    second = ran("data", "rawframes", str(videos), str(target))

    assert "3 videos extracted to 36 frames, 0 were there before, 0 are damaged" in first.stdout, first.stderr
    assert {f"{name}/img_{number:05d}.jpg" for name in NAMES for number in range(1, 13)} == set(content(target))
    assert "0 videos extracted to 0 frames, 3 were there before, 0 are damaged" in second.stdout
    assert before == {path: path.stat().st_mtime_ns for path in target.rglob("*.jpg")}


def test_what_an_interruption_left_is_extracted_again(videos: Path) -> None:
    """Frames of an interrupted extraction lie in no clip's folder; that clip is made anew, others stay."""
    target = videos.parent / "rawframes"
    left = target / rawframes.PARTIAL / NAMES[1]
    left.mkdir(parents=True)
    (left / "img_00001.jpg").write_bytes(b"half")
    (target / NAMES[0]).mkdir(parents=True)
    names = rawframes.wanted(videos, everything=True)
    found = list(rawframes.extract_all(names, videos, target))

    assert {f"{name}.avi" for name in NAMES[1:]} == {name for name, _, _ in found}
    assert b"half" not in content(target).values()
    assert not (target / rawframes.PARTIAL).exists()


def test_a_damaged_video_leaves_no_folder(videos: Path) -> None:
    """A video of which clearly less decodes than it says is told and leaves nothing; the others go on."""
    bad = videos / f"{NAMES[1]}.avi"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])
    done = ran("data", "rawframes", "--data-root", str(videos.parent.parent))

    assert 1 == done.returncode
    assert f"damaged {NAMES[1]}.avi: " in done.stdout
    assert f"of 12 frames decode: {bad}" in done.stdout
    assert {NAMES[0], NAMES[2]} == {str(Path(name).parent) for name in content(videos.parent / "rawframes")}


def test_one_frame_is_a_clip_and_none_is_not(tmp_path: Path) -> None:
    """A video that says and has one frame becomes that frame; one without any is a DataError."""
    encode.write_avi(clip(0)[:1], tmp_path / "one.avi")
    (tmp_path / "none.avi").write_bytes(b"")

    assert 1 == rawframes.extract(tmp_path / "one.avi", tmp_path / "one", tmp_path / "partial")
    assert {"img_00001.jpg"} == set(content(tmp_path / "one"))
    with pytest.raises(DataError, match=r"^0 of 0 frames decode"):
        rawframes.extract(tmp_path / "none.avi", tmp_path / "none", tmp_path / "partial")
    assert not (tmp_path / "none").exists()


def test_the_first_test_split_is_enough(videos: Path) -> None:
    """If the splits lie beside the videos, only the clips of the list are extracted, or all if asked for."""
    (videos.parent / "annotations").mkdir()
    (videos.parent / "annotations" / "testlist01.txt").write_text(f"{NAMES[2]}.avi\n")

    assert [f"{NAMES[2]}.avi"] == rawframes.wanted(videos, everything=False)
    assert [f"{name}.avi" for name in NAMES] == rawframes.wanted(videos, everything=True)


def test_no_videos_are_one_error(tmp_path: Path) -> None:
    """A folder without videos is a DataError that says how they should lie."""
    with pytest.raises(DataError, match="no video is there") as caught:
        rawframes.wanted(tmp_path, everything=False)

    assert f"{tmp_path}/*/*.avi" == caught.value.where
