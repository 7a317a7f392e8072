"""When an extraction of frames is whole, what its command says and refuses, and what annotations say."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tools import data
from tools.datasets import rawframes, splits
from tools.errors import DataError, OptionError
from tools.machine import events
from tools.spec.model import ListFormat


class Reader:
    """A video that says it has so many frames and gives so many; *released* once nobody reads it any more."""

    def __init__(self, declared: int, given: int) -> None:
        self.declared, self.left, self.released = declared, given, False

    def get(self, what: int) -> float:
        return float(self.declared) if what == cv2.CAP_PROP_FRAME_COUNT else 7.0

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return (self.left >= 0, np.zeros((4, 4, 3), np.uint8))

    def release(self) -> None:
        self.released = True


@pytest.mark.parametrize(("declared", "given", "fits"), [(100, 98, True), (100, 97, False), (0, 1, True), (-1, 0, False), (1, 1, True)])
def test_one_frame_in_fifty_may_be_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: int, given: int, fits: bool) -> None:
    """The rest is a damaged video, which leaves no folder of its name."""
    reader = Reader(declared, given)
    monkeypatch.setattr(cv2, "VideoCapture", lambda path: reader)
    target = tmp_path / "very" / "deep" / "v"
    if fits:
        assert given == rawframes.extract(tmp_path / "v.avi", target, tmp_path / "partial" / "v")
        assert (given, False) == (len([*target.iterdir()]), (tmp_path / "partial" / "v").exists())
    else:
        with pytest.raises(DataError, match=f"{given} of {max(declared, 0)} frames decode") as caught:
            rawframes.extract(tmp_path / "v.avi", target, tmp_path / "partial" / "v")
        assert (str(tmp_path / "v.avi"), "restore the video, and start again") == (caught.value.where, caught.value.remedy)
        assert not target.exists()
    assert reader.released


def test_a_frame_that_cannot_be_written_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one video it is told with it, and what was written of that one goes."""
    monkeypatch.setattr(cv2, "VideoCapture", lambda path: Reader(3, 3))
    monkeypatch.setattr(cv2, "imwrite", lambda path, frame: False)
    with pytest.raises(DataError, match="a frame cannot be written") as caught:
        rawframes.extract(tmp_path / "v.avi", tmp_path / "v", tmp_path / "partial")
    assert (str(tmp_path / "partial"), "make room, and start again: what is done is kept") == (caught.value.where, caught.value.remedy)
    partial = tmp_path / rawframes.PARTIAL / "c" / "v"
    assert ("c/v.avi", 0, f"a frame cannot be written: {partial}") == rawframes._extract("c/v.avi", tmp_path, tmp_path)
    assert not partial.exists()


def test_progress_counts_those_that_were_there_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[object, ...]] = []

    def one_by_one(work: Callable[[str], Any], items: Iterable[str], size: int) -> list[Any]:
        return [(name, 3, "") for name in items]

    monkeypatch.setattr(rawframes, "spread", one_by_one)
    monkeypatch.setattr(events, "progress", lambda *what: said.append(what))
    (tmp_path / "a").mkdir()
    found = [*rawframes.extract_all(["a.avi", "b.avi", "c.avi"], tmp_path, tmp_path)]
    assert [("b.avi", 3, ""), ("c.avi", 3, "")] == found
    assert [("extracting", 2, 3), ("extracting", 3, 3)] == said


def told(monkeypatch: pytest.MonkeyPatch, *found: tuple[str, int, str], line: tuple[str, ...]) -> int:
    monkeypatch.setattr(rawframes, "wanted", lambda videos, everything: ["a", "b", "c", "d"] if everything else ["a", "b"])
    monkeypatch.setattr(rawframes, "extract_all", lambda names, videos, target: iter(found))
    return data.main(["rawframes", *line])


def test_the_command_counts_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And is 1 if a video is damaged, which is named."""
    videos = tmp_path / "ucf101" / "videos"
    videos.mkdir(parents=True)
    line = ("--data-root", str(tmp_path), "--all")
    assert 0 == told(monkeypatch, ("a", 3, ""), ("b", 4, ""), line=line)
    target = tmp_path / "ucf101" / "rawframes"
    assert f"2 videos extracted to 7 frames, 2 were there before, 0 are damaged: {target}\n" == capsys.readouterr().out
    assert 1 == told(monkeypatch, ("a", 3, ""), ("b", 0, "it is noise"), line=line)
    assert ["damaged b: it is noise", f"1 videos extracted to 3 frames, 2 were there before, 1 are damaged: {target}"] == (
        capsys.readouterr().out.splitlines())
    assert 0 == told(monkeypatch, ("a", 3, ""), line=(str(videos), str(tmp_path / "there")))
    assert f"1 videos extracted to 3 frames, 1 were there before, 0 are damaged: {tmp_path / 'there'}\n" == capsys.readouterr().out


def test_the_command_must_know_what_and_where_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="nothing says what to extract and where to") as caught:
        data.main(["rawframes"])
    assert ("--data-root", "give --data-root DIR, or a source and a target") == (caught.value.where, caught.value.remedy)
    with pytest.raises(OptionError, match="no such folder") as caught:
        data.main(["rawframes", "--data-root", str(tmp_path)])
    assert (str(tmp_path / "ucf101" / "videos"), "put the videos there, or give a source and a target") == (
        caught.value.where, caught.value.remedy)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rawframes, "wanted", lambda videos, everything: ["a"])
    monkeypatch.setattr(rawframes, "extract_all", full)
    with pytest.raises(DataError, match=r"frames cannot be written: .*No space left on device") as stopped:
        data.main(["rawframes", str(tmp_path), str(tmp_path / "there")])
    assert (str(tmp_path / "there"), "make room or the folder writable, and start again: what is done is kept") == (
        stopped.value.where, stopped.value.remedy)


def test_of_a_split_without_its_videos_the_split_is_named(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "testlist01.txt").write_text("Haircut/v_1.avi\n")
    (tmp_path / "videos").mkdir()
    with pytest.raises(DataError, match=r"no video of testlist01\.txt is there") as caught:
        rawframes.wanted(tmp_path / "videos", everything=False)
    assert "unpack UCF-101 so that every class has its folder of videos there" == caught.value.remedy


def kinetics(folder: Path, *rows: str, there: tuple[str, ...] = ()) -> list[tuple[int, str, str]]:
    """Line, file and class of these rows, where these files are."""
    (folder / "val.csv").write_text("\n".join(["label,youtube_id,time_start,time_end", *rows, ""]))
    for name in there:
        (folder / "videos" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "videos" / name).touch()
    return [*splits._kinetics(folder / "val.csv", folder / "videos")]


def test_a_video_of_kinetics_is_looked_for_in_its_folder_and_by_its_ending(tmp_path: Path) -> None:
    """Six digits a second; where none is there it is named as it should be."""
    row = "eating cake,abc,7,17"
    assert [(2, "eating_cake/abc_000007_000017.mp4", "eating cake")] == kinetics(tmp_path, row)
    assert "abc_000007_000017.webm" == kinetics(tmp_path, row, there=("abc_000007_000017.webm",))[0][1]
    assert "eating_cake/abc_000007_000017.webm" == kinetics(tmp_path, row, there=("eating_cake/abc_000007_000017.webm",))[0][1]
    assert "abc_000007_000017.mp4" == kinetics(tmp_path, row, there=("abc_000007_000017.mp4",))[0][1]
    (tmp_path / "videos" / "eating cake").mkdir()
    with pytest.raises(DataError, match="a class's folder has a space in its name") as caught:
        kinetics(tmp_path, row)
    assert (str(tmp_path / "videos" / "eating cake"), "rename the folders: an underscore for every space") == (
        caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("row", "words"), [("eating cake,abc,7", "too few fields"), (",abc,7,17", "too few fields"),
                                            ("x,abc,soon,17", "time_start should be seconds: 'soon'")])
def test_a_row_of_kinetics_that_is_wrong_is_named(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(DataError, match=words) as caught:
        kinetics(tmp_path, "x,y,1,2", row)
    assert (f"{tmp_path / 'val.csv'}:3", "give Kinetics' own file") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("kind", "id"), [("videos", "Haircut/v_1.avi"), ("rawframes", "Haircut/v_1")])
def test_a_clip_of_ucf101_is_its_video_or_its_folder(tmp_path: Path, kind: ListFormat, id: str) -> None:
    """A second field is passed over, a third is none."""
    (tmp_path / "list.txt").write_text("Haircut/v_1.avi 7\n")
    assert [(1, id, "Haircut")] == [*splits._ucf101(tmp_path / "list.txt", kind)]
    for text in ("Haircut/v_1.avi 7 8\n", "v_1.avi\n", "Haircut/v_1.mp4\n"):
        (tmp_path / "list.txt").write_text(text)
        with pytest.raises(DataError, match=r"expected 'Class/video\.avi', found ") as caught:
            [*splits._ucf101(tmp_path / "list.txt", kind)]
        assert (f"{tmp_path / 'list.txt'}:1", splits.UCF_FILE) == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("text", "names"), [
    ("1 A\n2 b\n", ("A", "b")), ("1 A\n3 b\n", "expected '2 ClassName', found '3 b'"), ("1 A x\n", "expected '1 ClassName', found '1 A x'"),
    ("0 A\n", "expected '1 ClassName', found '0 A'"),
])
def test_the_index_of_classes_counts_from_one(tmp_path: Path, text: str, names: tuple[str, ...] | str) -> None:
    (path := tmp_path / "classInd.txt").write_text(text)
    if isinstance(names, tuple):
        assert splits.Classes(names, path) == splits.classes("ucf101", tmp_path, 2)
        return
    with pytest.raises(DataError) as caught:
        splits.classes("ucf101", tmp_path, 2)
    assert (names, splits.UCF_FILE) == (caught.value.what, caught.value.remedy)
    assert f"{path}:{text.count(chr(10))}" == caught.value.where


@pytest.mark.parametrize(("text", "names"), [
    ("b/v.avi 2\nA/v.avi 1\nA/w.avi 1\n", ("A", "b")), ("A/v.avi 1\nA/w.avi 3\n", "its labels are not 1 to 2"),
    ("A/v.avi 0\n", "its labels are not 1 to 1"), ("A/v.avi\n", "expected 'Class/video.avi label', a label a class, found 'A/v.avi'"),
    ("A/v.avi 1\nb/v.avi 1\n", "expected 'Class/video.avi label', a label a class, found 'b/v.avi 1'"),
    ("A/v.avi x\n", "expected 'Class/video.avi label', a label a class, found 'A/v.avi x'"),
])
def test_the_training_list_gives_names_too(tmp_path: Path, text: str, names: tuple[str, ...] | str) -> None:
    (path := tmp_path / "trainlist01.txt").write_text(text)
    if isinstance(names, tuple):
        assert splits.Classes(names, path) == splits.classes("ucf101", tmp_path, 2)
        assert splits.classes("kinetics400", tmp_path, 2) is None
        return
    with pytest.raises(DataError) as caught:
        splits.classes("ucf101", tmp_path, 2)
    assert names == caught.value.what
    assert "classInd.txt beside it" in str(caught.value.remedy)


def test_a_class_is_found_by_its_name_as_folders_spell_it(tmp_path: Path) -> None:
    named = splits.Classes(("eating_cake", "ski"), tmp_path / "map.txt")
    assert (0, 1) == (named.label(' "eating cake"', "here"), named.label("ski", "here"))
    with pytest.raises(DataError, match=r"Ski is no class of map\.txt") as caught:
        named.label("Ski", "here:3")
    assert ("here:3", f"name it as {tmp_path / 'map.txt'} does; case counts") == (caught.value.where, caught.value.remedy)
    assert "there is no file of class names, and the rows do not have all 400 classes of the model" in splits.unnamed("kinetics400", 400)
    assert splits.unnamed("ucf101", 101).endswith("there is no file of class names")
