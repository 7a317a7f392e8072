"""What a clip's files say of it: size, time, frames and digest; which data is meant, and its name."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tools.datasets import choice, clips, examine
from tools.datasets.mini import encode
from tools.errors import DataError, OptionError
from tools.localisation.snippet_features import write_features
from tools.machine.files import sha256
from tools.media.decode import FRAME_NAME, Clip, ClipError
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec, Sampling
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

TSM = cast("ModelSpec", load_spec(MODELS, "tsm"))


def folder(path: Path, count: int, size: tuple[int, int] = (24, 32)) -> Clip:
    """A clip of so many frames."""
    rng = np.random.default_rng(1)
    encode.write_jpegs(rng.integers(0, 256, (count, *size, 3), np.uint8), path)
    return Clip(path.name, path, 0)


def frame(clip: Clip, number: int) -> Path:
    return clip.path / FRAME_NAME.format(number)


def test_a_folder_is_as_large_as_its_frames_and_as_new_as_the_newest(tmp_path: Path) -> None:
    """Or as new as the folder itself, from which a frame may be gone. What else lies there does not count."""
    clip = folder(tmp_path / "v", 3)
    for name in ("flow_x_00001.jpg", "img_00001.txt", "notes"):
        (clip.path / name).write_bytes(b"not a frame")
    for number in range(1, 4):
        os.utime(frame(clip, number), ns=(0, number * 10**9))
    os.utime(clip.path, ns=(0, 2 * 10**9))
    size = sum(frame(clip, number).stat().st_size for number in range(1, 4))

    assert (size, 3 * 10**9) == examine.signature(clip, "rawframes")
    os.utime(clip.path, ns=(0, 5 * 10**9))
    assert (size, 5 * 10**9) == examine.signature(clip, "rawframes")


def test_a_file_is_known_by_its_size_and_time(tmp_path: Path) -> None:
    """An empty or a missing one is none."""
    clip = Clip("v", tmp_path / "v.mp4", 0)
    clip.path.write_bytes(b"12345")
    os.utime(clip.path, ns=(0, 7))
    assert (5, 7) == examine.signature(clip, "videos") == examine.signature(clip, "features")

    clip.path.write_bytes(b"")
    with pytest.raises(ClipError, match="is empty"):
        examine.signature(clip, "videos")
    clip.path.unlink()
    for kind in ("videos", "rawframes"):
        with pytest.raises(ClipError, match="is missing"):
            examine.signature(clip, kind)


def test_the_first_clip_that_changed_is_named(tmp_path: Path) -> None:
    made = []
    for name in "abc":
        (tmp_path / name).write_bytes(b"1")
        one = Clip(name, tmp_path / name, 0)
        made.append(replace(one, signature=examine.signature(one, "videos")))
    examine.require_unchanged(made, "videos")
    for name in "bc":
        (tmp_path / name).write_bytes(b"22")

    with pytest.raises(ClipError, match="clip b has changed since it was checked") as caught:
        examine.require_unchanged(made, "videos")
    assert (str(tmp_path / "b"), "let its files rest, and run again") == (caught.value.where, caught.value.remedy)


def test_frames_are_counted_where_the_list_does_not_say(tmp_path: Path) -> None:
    """Else as many as it says are read; the digest is of their bytes and where each begins."""
    clip = folder(tmp_path / "v", 4)
    contents = [frame(clip, number).read_bytes() for number in range(1, 5)]

    for asked, frames in ((0, 4), (3, 3)):
        found = examine.examine(replace(clip, frames=asked), "rawframes")
        joined = b"".join(len(content).to_bytes(8, "little") + content for content in contents[:frames])
        assert (frames, hashlib.sha256(joined).hexdigest(), None) == (found.frames, found.sha256, found.sampled_crc32)


def test_a_folder_that_is_no_clip_is_named(tmp_path: Path) -> None:
    """Without frames, with one too few, with one that is damaged, or with frames of two sizes."""
    (tmp_path / "none").mkdir()
    with pytest.raises(ClipError, match="clip none has no frames") as caught:
        examine.examine(Clip("none", tmp_path / "none", 0), "rawframes")
    assert (str(tmp_path / "none" / FRAME_NAME.format(1)), "extract them") == (caught.value.where, caught.value.remedy)

    clip = folder(tmp_path / "v", 3)
    with pytest.raises(ClipError) as caught:
        examine.examine(replace(clip, frames=4), "rawframes")
    assert (str(frame(clip, 4)), "damaged") == (caught.value.where, caught.value.word)
    frame(clip, 2).write_bytes(frame(folder(tmp_path / "other", 1, (32, 32)), 1).read_bytes())
    with pytest.raises(ClipError, match="clip v has frames of different sizes") as caught:
        examine.examine(clip, "rawframes")
    assert (str(clip.path), "extract its frames again") == (caught.value.where, caught.value.remedy)
    for content, word in ((b"", "empty"), (b"noise", "damaged")):
        frame(clip, 2).write_bytes(content)
        with pytest.raises(ClipError) as caught:
            examine.examine(clip, "rawframes")
        assert (str(frame(clip, 2)), word) == (caught.value.where, caught.value.word)


def test_features_are_read_and_known_by_their_bytes(tmp_path: Path) -> None:
    """A row that is wrong is named by its line."""
    clip = Clip("v", tmp_path / "v.csv", 0, 7)
    write_features(np.zeros((100, 400), np.float32), clip.path)
    assert replace(clip, sha256=sha256(clip.path)) == examine.examine(clip, "features")

    clip.path.write_text("\n".join(clip.path.read_text().splitlines()[:50]))
    with pytest.raises(ClipError, match="clip v cannot be used: ") as caught:
        examine.examine(clip, "features")
    assert str(clip.path) in str(caught.value.where)


def test_a_video_is_proved_by_the_frames_that_are_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of as many as it has, whatever a list says."""
    clip, asked = Clip("v", tmp_path / "v.mp4", 0, 7), list[object]()
    clip.path.write_bytes(b"video")

    def prove(given: Clip, sampled: object) -> object:
        asked.append([*sampled(40)])  # type: ignore[operator]
        return SimpleNamespace(frames=40, sampled_crc32=11)

    monkeypatch.setattr(examine, "prove", prove)
    assert replace(clip, frames=40, sha256=sha256(clip.path), sampled_crc32=11) == examine.examine(clip, "videos", Sampling(1, 1, 8))
    assert 8 == len(asked[0])  # type: ignore[arg-type]


def run(**options: Any) -> Context[ModelSpec]:
    """A run with these options, whether their files are there or not."""
    count = int(options.pop("clips", "0"))
    return Context(replace(Settings.parse({}), clips=count, **options), TSM)


@pytest.mark.parametrize(("options", "word", "some", "whole_mini"), [
    ({"data": "mini"}, "mini", False, True), ({"data": "mini", "clips": "7"}, "mini[7]", True, False),
    ({"data": "full", "data_root": "/nowhere"}, "full", False, False), ({"data": "full", "clips": "12"}, "full[12]", True, False),
    ({"data": "/a/my list.txt"}, "my list.txt", False, False), ({"data": "/a/my.txt", "clips": "3"}, "my.txt[3]", False, False),
    ({"data_root": "/nowhere"}, "mini", False, True), ({"data": "/a/full"}, "full", False, False),
])
def test_data_is_called_by_what_it_is(options: dict[str, str], word: str, some: bool, whole_mini: bool) -> None:
    """A list by its file's name, a subset with its size; without data mini stands for auto."""
    assert word == choice.word(run(**options))
    assert some == choice.is_some(word)
    assert whole_mini == choice.is_whole_mini(run(**options))


@pytest.mark.parametrize("word", ["mini", "full", "xmini[7]", "mini[7]x", "mini[]", "my.txt[3]", "mini[a]"])
def test_other_words_are_not_of_some_clips(word: str) -> None:
    assert not choice.is_some(word)


@pytest.mark.parametrize("file", [TSM.list_file, "annotations/testlist01.txt"])
def test_full_data_is_what_has_its_list_or_what_it_is_made_of(tmp_path: Path, file: str) -> None:
    """Nothing is full without a root. Only the list itself is required by name."""
    path = tmp_path / TSM.dataset / file
    path.parent.mkdir(parents=True)
    assert "mini" == choice.chosen(run(data_root=str(tmp_path)))
    path.write_text("v 1 0\n")

    assert ("full", "mini") == (choice.chosen(run(data_root=str(tmp_path))), choice.chosen(run()))
    if file == TSM.list_file:
        assert path == choice.required_list(run(data_root=str(tmp_path)))
    for root in [str(tmp_path / "other"), *([] if file == TSM.list_file else [str(tmp_path)])]:
        with pytest.raises(OptionError, match=f"--data full: the list of {TSM.dataset} is not there") as caught:
            choice.required_list(run(data="full", data_root=root))
        assert f"{root}/{TSM.dataset}/{TSM.list_file}" == caught.value.where
        assert (f"give --data-root DIR with DIR/{TSM.dataset}/{TSM.list_file} or what it is made of, annotations/"
                in str(caught.value.remedy))
        assert str(caught.value.remedy).endswith(", or use --data mini")


def test_a_full_data_set_without_a_root_is_asked_for() -> None:
    with pytest.raises(OptionError, match="--data full"):
        clips.full_listing(run(data="full"), 101)
    with pytest.raises(OptionError, match="--data full"):
        choice.required_list(run(data="full"))


def test_an_own_list_is_cut_and_lies_below_the_root_if_there_is_one(tmp_path: Path) -> None:
    """Else its clips lie beside it."""
    (tmp_path / "own.txt").write_text("".join(f"v_{number}.mp4 {number}\n" for number in range(6)))
    own = str(tmp_path / "own.txt")

    whole = clips.clip_list(run(data=own), 101)
    assert (6, tmp_path / "v_0.mp4") == (len(whole.clips), whole.clips[0].path)
    some = clips.clip_list(run(data=own, clips="2", data_root="/videos"), 101)
    assert [Path("/videos/v_0.mp4"), Path("/videos/v_1.mp4")] == [clip.path for clip in some.clips]
    with pytest.raises(DataError, match="label 5 is outside the model's classes 0 to 4"):
        clips.clip_list(run(data=own), 5)
    rows = clips.listing(run(data=own), 101)
    assert (True, "checking 6 clips", TSM.sampling) == (rows.required, rows.doing, rows.sampling)


def test_a_set_is_known_by_all_that_shapes_its_answers() -> None:
    """By each clip's name, label, frames and bytes, and by the format; not by where its files lie."""
    one = Clip("v", Path("v"), 3, 9, sha256="0" * 64)
    digest = clips.ClipSet("videos", (one,)).digest

    assert digest == clips.ClipSet("videos", (replace(one, path=Path("w"), signature=(1, 2), sampled_crc32=7),)).digest
    others = [replace(one, id="w"), replace(one, label=4), replace(one, frames=8), replace(one, sha256="1" * 64)]
    assert 6 == len({digest, clips.ClipSet("rawframes", (one,)).digest, *(clips.ClipSet("videos", (other,)).digest for other in others)})
