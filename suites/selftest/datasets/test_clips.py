"""Lists of one's own: what is judged is named, whole, and known by its bytes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tools.datasets import survey
from tools.datasets.clips import ClipSet
from tools.datasets.listing import of_list
from tools.datasets.lists import ClipList, balanced, read_list
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.errors import DataError
from tools.media.decode import FRAME_NAME, Clip
from tools.spec.catalog import load_spec
from tools.spec.model import Sampling
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

CLASSES = 5
SAMPLING = Sampling(1, 1, 8)


def listed(folder: Path, text: str) -> ClipList:
    """The list of this text, read."""
    path = folder / "list.txt"
    path.write_text(text)
    return read_list(path, folder, CLASSES)


def settings(artifacts: Path) -> Settings:
    return Settings.parse({"artifacts": str(artifacts)})


def known(clips: ClipList, artifacts: Path) -> ClipSet | None:
    """What is known of a list's clips as their files are now."""
    found = survey.usable_if_checked(of_list(clips, SAMPLING), settings(artifacts))
    return ClipSet(clips.format, found.clips, found.shortfall) if found else None


def checked(clips: ClipList, artifacts: Path) -> ClipSet:
    """A list's clips, checked in this process."""
    survey.check(of_list(clips, SAMPLING), settings(artifacts))
    found = known(clips, artifacts)
    assert found is not None
    return found


def test_a_rawframes_list_is_read(tmp_path: Path) -> None:
    """A line of folder, frames and label becomes a clip below the root, in the list's order."""
    found = listed(tmp_path, "b/v_2 20 4\na/v_1 7 0\n\n")

    assert ("rawframes", (Clip("b/v_2", tmp_path / "b/v_2", 4, 20), Clip("a/v_1", tmp_path / "a/v_1", 0, 7))) == (
        found.format, found.clips)


def test_a_videos_list_is_read(tmp_path: Path) -> None:
    """A line of path and label becomes a clip whose frames are not known yet."""
    found = listed(tmp_path, "b/v_2.mp4 4\r\na/v_1.avi 0")

    assert ("videos", (Clip("b/v_2.mp4", tmp_path / "b/v_2.mp4", 4), Clip("a/v_1.avi", tmp_path / "a/v_1.avi", 0))) == (
        found.format, found.clips)


@pytest.mark.parametrize(("text", "line", "words"), [
    ("a.mp4 1\nb.mp4 1 2 3\n", 2, "found 4 fields"),
    ("a.mp4 1\n\nb c.mp4 2\n", 3, "found 3 fields"),
    ("a 1 2\nb.mp4 1\n", 2, "found 2 fields"),
    ("a.mp4\n", 1, "found 1 fields"),
    ("a.mp4 0\nb.mp4 5\n", 2, "label 5 is outside"),
    ("a 3 0\nb 3 5\n", 2, "label 5 is outside"),
    ("a.mp4 0\nb.mp4 -1\n", 2, "'-1' should be whole numbers"),
    ("a.mp4 0\nb.mp4 walk\n", 2, "'walk' should be whole numbers"),
    ("a.mp4 1.0\n", 1, "'1.0' should be whole numbers"),
    ("a 3 0\nb many 1\n", 2, "should be whole numbers"),
    ("a.mp4 0\nb.mp4 1\na.mp4 2\n", 3, "a.mp4 is listed twice, first on line 1"),
    ("a 3 0\nb 0 1\n", 2, "b is listed with 0 frames"),
])
def test_a_wrong_line_is_named(tmp_path: Path, text: str, line: int, words: str) -> None:
    """A line that cannot be a clip is a DataError that names file and line."""
    with pytest.raises(DataError, match=words) as caught:
        listed(tmp_path, text)

    assert f"{tmp_path / 'list.txt'}:{line}" == caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize(("content", "line"), [(b"", ""), (b"\n  \n", ""), (b"\x89PNG\r\n\x1a\n\xff\xfe\x00", ":1")])
def test_a_list_of_nothing_is_named(tmp_path: Path, content: bytes, line: str) -> None:
    """An empty or binary list is a DataError that names the file, and the first line that is no text."""
    (tmp_path / "list.txt").write_bytes(content)

    with pytest.raises(DataError, match="list") as caught:
        read_list(tmp_path / "list.txt", tmp_path, CLASSES)
    assert f"{tmp_path / 'list.txt'}{line}" == caught.value.where


def uneven() -> tuple[Clip, ...]:
    """Thirty clips: ten of class 2, then seventeen of class 0 and three of class 1 in turns."""
    labels = [2] * 10 + [0, 0, 0, 1, 0, 0] * 3 + [0, 0]
    return tuple(Clip(f"v_{number}", Path(f"v_{number}"), label) for number, label in enumerate(labels))


@pytest.mark.parametrize(("count", "expected"), [(1, [1, 0, 0]), (3, [1, 1, 1]), (7, [3, 2, 2]), (9, [3, 3, 3]), (12, [5, 3, 4]),
                                                 (23, [10, 3, 10]), (29, [16, 3, 10])])
def test_a_subset_is_spread_over_the_classes(count: int, expected: list[int]) -> None:
    """A subset takes equally many of every class, or one more, as long as a class has clips left."""
    chosen = balanced(uneven(), count)

    assert expected == np.bincount([clip.label for clip in chosen], minlength=3).tolist()


@pytest.mark.parametrize("count", [1, 7, 12, 29])
def test_a_subset_is_the_same_every_time(count: int) -> None:
    """A subset has the list's order, holds no clip twice, and is the same on every call."""
    chosen = balanced(uneven(), count)

    assert [clip for clip in uneven() if clip in set(chosen)] == list(chosen)
    assert chosen == balanced(uneven(), count)


@pytest.mark.parametrize("count", [0, 30, 1000])
def test_a_subset_of_nothing_is_everything(count: int) -> None:
    """No clips asked for, or more than there are, stands for all of them."""
    assert uneven() == balanced(uneven(), count)


@pytest.mark.parametrize("kind", ["mp4", "avi"])
@pytest.mark.parametrize(("damage", "words"), [("missing", "is missing"), ("empty", "is empty"), ("noise", "cannot be decoded"),
                                               ("cut", "cannot be decoded"), ("stub", "cannot be decoded")])
def test_a_damaged_video_is_named(tmp_path: Path, kind: str, damage: str, words: str) -> None:
    """A video that cannot be read is a DataError that names it and its line.

    It may be missing, empty, noise, or cut off in its middle or after its header.
    """
    write = {"mp4": encode.write_mp4, "avi": encode.write_avi}[kind]
    for name in ("whole", "bad"):
        write(render(Recipe(0, 30, (5,), noise=4.0, travel=160.0)), tmp_path / f"{name}.{kind}")
    bad = tmp_path / f"bad.{kind}"
    whole = bad.read_bytes()
    content = {"noise": np.random.default_rng(0).bytes(20_000), "cut": whole[: len(whole) // 2],
               "stub": whole[: whole.find({"mp4": b"mdat", "avi": b"movi"}[kind]) + 4]}
    bad.write_bytes(content.get(damage, b""))
    if damage == "missing":
        bad.unlink()

    with pytest.raises(DataError, match=words) as caught:
        checked(listed(tmp_path, f"whole.{kind} 0\nbad.{kind} 1\n"), tmp_path / "artifacts")
    assert f"clip bad.{kind} {words}" == caught.value.what.partition(" (")[0]
    assert f"{bad} ({tmp_path / 'list.txt'}:2)" == caught.value.where


@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_a_clip_that_is_not_there_is_named_before_anything_is_read(tmp_path: Path, damage: str) -> None:
    """That one of its files is missing or empty is told before a process is started that reads them."""
    (tmp_path / "noise.mp4").write_bytes(b"noise")
    if damage == "empty":
        (tmp_path / "bad.mp4").write_bytes(b"")
    context = Context(settings(tmp_path / "artifacts"), load_spec(MODELS, "tsm"), lambda event: pytest.fail(f"it is checked: {event}"))

    with pytest.raises(DataError, match=f"clip bad.mp4 is {damage}") as caught:
        survey.usable(of_list(listed(tmp_path, "noise.mp4 0\nbad.mp4 1\n"), SAMPLING), context)
    assert DataError is type(caught.value)
    assert caught.value.remedy


def test_all_of_the_list_are_named(tmp_path: Path) -> None:
    """If several clips of one's own list cannot be used, one run names all, each with its file and line."""
    for name in ("b", "a"):
        (tmp_path / f"{name}.mp4").write_bytes(b"noise")

    with pytest.raises(DataError, match="3 clips cannot be used") as caught:
        checked(listed(tmp_path, "b.mp4 0\na.mp4 1\nmissing.mp4 2\n"), tmp_path / "artifacts")
    assert [f"  clip {name}.mp4 {what}: {tmp_path / name}.mp4 ({tmp_path / 'list.txt'}:{line})" for line, (name, what) in enumerate(
        [("b", "cannot be decoded"), ("a", "cannot be decoded"), ("missing", "is missing")], 1)] == caught.value.what.splitlines()[1:]
    assert str(tmp_path / "list.txt") == caught.value.where
    assert "restore the file" in str(caught.value.remedy)


def rawframes(root: Path) -> ClipList:
    """A list of two small rawframes clips of five frames."""
    rng = np.random.default_rng(8)
    for name in ("v_1", "v_2"):
        encode.write_jpegs(rng.integers(0, 256, (5, 24, 32, 3), np.uint8), root / name)
    return listed(root, "v_1 5 0\nv_2 5 1\n")


@pytest.mark.parametrize(("name", "words"), [(FRAME_NAME.format(3), "is missing"), (FRAME_NAME.format(5), "is missing")])
def test_a_missing_frame_is_named(tmp_path: Path, name: str, words: str) -> None:
    """A folder that lacks one of its frames is a DataError that names clip, file and line."""
    clips = rawframes(tmp_path)
    (tmp_path / "v_2" / name).unlink()

    with pytest.raises(DataError, match=f"clip v_2 {words}") as caught:
        checked(clips, tmp_path / "artifacts")
    assert f"{tmp_path / 'v_2' / name} ({tmp_path / 'list.txt'}:2)" == caught.value.where


def test_a_check_counts_and_digests(tmp_path: Path) -> None:
    """Checked clips are the list's, in its order, each with its frames and a digest of its own."""
    found = checked(rawframes(tmp_path), tmp_path / "artifacts")

    assert [("v_1", 0, 5), ("v_2", 1, 5)] == [(clip.id, clip.label, clip.frames) for clip in found.clips]
    assert 2 == len({clip.sha256 for clip in found.clips} - {""})


def test_the_digest_is_of_bytes_not_of_places(tmp_path: Path) -> None:
    """The same clips in another folder have the same digest; one byte changed in one file gives another."""
    for folder in ("here", "there", "changed"):
        (tmp_path / folder).mkdir()
        rawframes(tmp_path / folder)
    frame = tmp_path / "changed" / "v_1" / FRAME_NAME.format(4)
    content = bytearray(frame.read_bytes())
    content[len(content) // 2] ^= 1
    frame.write_bytes(content)
    here, there, changed = (checked(listed(tmp_path / folder, "v_1 5 0\nv_2 5 1\n"), tmp_path / folder / "artifacts").digest
                            for folder in ("here", "there", "changed"))

    assert here == there
    assert here != changed


def test_a_changed_file_asks_for_a_new_check(tmp_path: Path) -> None:
    """Of a list with a frame that was overwritten in place nothing is known until it is checked again."""
    clips, artifacts = rawframes(tmp_path), tmp_path / "artifacts"
    before = checked(clips, artifacts)
    assert before == known(clips, artifacts)
    frame = tmp_path / "v_1" / FRAME_NAME.format(4)
    frame.write_bytes(frame.read_bytes()[:-1] + b"\0")
    os.utime(frame, ns=(0, frame.stat().st_mtime_ns + 1_000_000_000))

    assert known(clips, artifacts) is None


def test_a_part_of_a_list_leaves_the_rest_known(tmp_path: Path) -> None:
    """What a check of some of a list's clips finds is added to what is known of the others."""
    clips, artifacts = rawframes(tmp_path), tmp_path / "artifacts"
    whole = checked(clips, artifacts)
    part = checked(replace(clips, clips=clips.clips[1:]), artifacts)

    assert whole.clips[1:] == part.clips
    assert whole == known(clips, artifacts)
