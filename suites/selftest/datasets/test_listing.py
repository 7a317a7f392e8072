"""Rows of a full data set, from its list or own annotations: every label is that of the class it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.datasets import listing
from tools.errors import DataError
from tools.media.decode import Clip
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS

CLASS_INDEX = "1 Haircut\r\n2 Hammering\r\n3 HammerThrow\r\n"
SPLIT = "Haircut/v_Haircut_g01_c01.avi\nHammering/v_Hammering_g01_c01.avi\nHammerThrow/v_HammerThrow_g01_c02.avi\n"
TRAINING = "Hammering/v_Hammering_g09_c01.avi 2\nHaircut/v_Haircut_g09_c01.avi 1\nHammerThrow/v_HammerThrow_g09_c01.avi 3\n"
CSV = ("label,youtube_id,time_start,time_end,split\nzumba,-abcdefghij,0,10,val\n\"air drumming\",abcdefghij1,5.0,15.0,val\n"
       "abseiling,abcdefghij2,100,110,val\n")
LIST = "ucf101_val_split_1_rawframes.txt"


def spec(model: str) -> ModelSpec:
    """A recogniser of the matrix."""
    found = load_spec(MODELS, model)
    assert isinstance(found, ModelSpec)
    return found


def rows(model: str, folder: Path, classes: int = 0, **files: str) -> tuple[Clip, ...]:
    """The rows of a model's data set, whose folder has these files; `__` in a name is a folder's end.

    The model has as many *classes*, or as the published one.
    """
    chosen = spec(model)
    for name, text in files.items():
        path = folder / chosen.dataset / (name.replace("__", "/") + (".csv" if "kinetics" in name else ".txt"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    found = listing.find(chosen, folder, classes or chosen.classes)
    assert found is not None
    return tuple(found.rows())


@pytest.mark.parametrize("files", [{"annotations__classInd": CLASS_INDEX}, {"ucfTrainTestlist__classInd": CLASS_INDEX},
                                   {"classInd": CLASS_INDEX}, {"annotations__label_map": "Haircut\nHammering\nHammerThrow\n"},
                                   {"annotations__trainlist01": TRAINING}])
def test_ucf101s_split_becomes_clips(tmp_path: Path, files: dict[str, str]) -> None:
    """A line of testlist01.txt is a folder of frames; its label is its class's place in the label file.

    Places are counted from 0.
    """
    found = rows("tsm", tmp_path, 3, annotations__testlist01=SPLIT, **files)

    assert [("Haircut/v_Haircut_g01_c01", 0), ("Hammering/v_Hammering_g01_c01", 1), ("HammerThrow/v_HammerThrow_g01_c02", 2)] == [
        (clip.id, clip.label) for clip in found]
    assert tmp_path / "ucf101" / "rawframes" / "Haircut" / "v_Haircut_g01_c01" == found[0].path
    assert f"{tmp_path}/ucf101/annotations/testlist01.txt:3" == found[2].listed


def test_kinetics_csv_becomes_clips(tmp_path: Path) -> None:
    """A row is a video in its class's folder or in one for all; labels are places in the sorted classes."""
    folder = tmp_path / "kinetics400" / "videos_val"
    (folder / "air_drumming").mkdir(parents=True)
    for name in ("air_drumming/abcdefghij1_000005_000015.mkv", "abcdefghij2_000100_000110.mp4"):
        (folder / name).touch()
    found = rows("slowfast", tmp_path, 3, annotations__kinetics_val=CSV)

    assert [("zumba/-abcdefghij_000000_000010.mp4", 2), ("air_drumming/abcdefghij1_000005_000015.mkv", 1),
            ("abcdefghij2_000100_000110.mp4", 0)] == [(clip.id, clip.label) for clip in found]
    assert f"{tmp_path}/kinetics400/annotations/kinetics_val.csv:3" == found[1].listed


def test_kinetics_labels_go_by_the_training_classes(tmp_path: Path) -> None:
    """Training rows or a label map, where they are there, say which classes there are.

    They are the classes the model was trained with.
    """
    train = CSV.splitlines()[0] + "".join(f"\n{name},abc,0,10,train" for name in ("zumba", "belly dancing", "abseiling", "air drumming"))
    by_rows = rows("slowfast", tmp_path, 4, annotations__kinetics_val=CSV, annotations__kinetics_train=train)
    (tmp_path / "kinetics400" / "label_map_k400.txt").write_text("abseiling\nair drumming\nbelly dancing\nbowling\nzumba\n")
    by_map = rows("slowfast", tmp_path, 5)

    assert [3, 1, 0] == [clip.label for clip in by_rows]
    assert [4, 1, 0] == [clip.label for clip in by_map]


MAP = "".join(f"{name}\n" for name in ["abseiling", "air drumming", *(f"class {number:03d}" for number in range(397)), "zumba"])


@pytest.mark.parametrize("train", ["", CSV + "belly dancing,abc,0,10,train\n"])
def test_a_class_keeps_its_place_among_the_models_classes(tmp_path: Path, train: str) -> None:
    """Rows of 3 of 400 classes have the labels of a label map; without one they are refused, not counted."""
    files = {"annotations__kinetics_val": CSV} | ({"annotations__kinetics_train": train} if train else {})
    with pytest.raises(DataError, match="the rows do not have all 400 classes of the model") as caught:
        rows("slowfast", tmp_path, 0, **files)
    (tmp_path / "kinetics400" / "label_map_k400.txt").write_text(MAP)

    assert "label_map_k400.txt" in str(caught.value.remedy)
    assert [399, 1, 0] == [clip.label for clip in rows("slowfast", tmp_path)]
    (tmp_path / "kinetics400" / "label_map_k400.txt").write_text("abseiling\nair drumming\nzumba\n")
    with pytest.raises(DataError, match="it names 3 classes, and the model has 400"):
        rows("slowfast", tmp_path)


def test_rows_of_some_classes_do_not_contradict_a_list(tmp_path: Path) -> None:
    """A list with the model's labels is taken as it is beside a CSV that has 3 of 400 classes."""
    (tmp_path / "kinetics400").mkdir()
    (tmp_path / "kinetics400" / "kinetics400_val_list_videos.txt").write_text("abseiling/a.mp4 0\nair_drumming/b.mp4 1\nzumba/c.mp4 399\n")

    assert [0, 1, 399] == [clip.label for clip in rows("slowfast", tmp_path, annotations__kinetics_val=CSV)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_annotations_are_read_whatever_their_mark_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    """A byte order mark is no part of the first name, and no line end one of the last."""
    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("\r\n", "\n").replace("\n", end).encode(encoding))

    write("ucf101/classInd.txt", CLASS_INDEX)
    write("ucf101/testlist01.txt", SPLIT)
    write("kinetics400/label_map_k400.txt", MAP)
    write("kinetics400/kinetics_val.csv", CSV)
    assert ([0, 1, 2], [399, 1, 0]) == tuple([clip.label for clip in rows(model, tmp_path)] for model in ("tsm", "slowfast"))

    write("ucf101/" + LIST, "Haircut/a 5 0\nHammering/b 5 1\n")
    assert [("Haircut/a", 5, 0), ("Hammering/b", 5, 1)] == [(clip.id, clip.frames, clip.label) for clip in rows("tsm", tmp_path)]


def test_a_list_that_is_there_is_taken(tmp_path: Path) -> None:
    """The list goes before the annotations it could be made of."""
    found = rows("tsm", tmp_path, annotations__classInd=CLASS_INDEX, annotations__testlist01=SPLIT,
                 ucf101_val_split_1_rawframes="Hammering/v_1 7 1\n")

    assert [Clip("Hammering/v_1", tmp_path / "ucf101" / "rawframes" / "Hammering" / "v_1", 1, 7)] == list(found)


@pytest.mark.parametrize(("lines", "line", "words"), [
    ("Haircut/a 5 0\nHammerThrow/b 5 1\n", 2, "HammerThrow/b is not .*: expected 2, which is HammerThrow in .*, found 1, which is Ham"),
    ("Haircut/a 5 0\nHammering/b 5 7\n", 2, "expected 1, which is Hammering in .*classInd.txt, found 7\\n"),
    ("Haircut/a 5 1\nHammering/b 5 2\n", 1, "expected 0, which is Haircut in .*classInd.txt, found 1, which is Hammering"),
    ("Haircut/a 5 0\nhaircut/b 5 0\n", 2, "haircut is no class of classInd.txt"),
])
def test_a_label_that_is_not_its_folders_is_named(tmp_path: Path, lines: str, line: int, words: str) -> None:
    """A list whose labels disagree with folders and label file is one error: line, expected, found."""
    with pytest.raises(DataError, match=words) as caught:
        rows("tsm", tmp_path, annotations__classInd=CLASS_INDEX, ucf101_val_split_1_rawframes=lines)

    assert f"{tmp_path}/ucf101/{LIST}:{line}" == caught.value.where


@pytest.mark.parametrize(("lines", "line", "words"), [
    ("Haircut/a 5 0\nHammering/b 5 2\nHammerThrow/c 5 1\n", 2, "expected one below 1, which HammerThrow has, .* found 2"),
    ("Haircut/a 5 0\nHaircut/b 5 1\n", 2, "expected 0, which Haircut has at .*:1, found 1"),
    ("Haircut/a 5 0\nHammering/b 5 0\n", 2, "expected a label of its own for Hammering, found 0, which Haircut has"),
])
def test_without_class_names_labels_go_by_the_alphabet(tmp_path: Path, lines: str, line: int, words: str) -> None:
    """Without a label file a label stands for one folder; labels follow the alphabet, ignoring case."""
    right = rows("tsm", tmp_path / "right", ucf101_val_split_1_rawframes="HammerThrow/c 5 2\nHaircut/a 5 0\nHammering/b 5 1\n")
    with pytest.raises(DataError, match=words) as caught:
        rows("tsm", tmp_path, ucf101_val_split_1_rawframes=lines)

    assert 3 == len(right)
    assert f"{tmp_path}/ucf101/{LIST}:{line}" == caught.value.where


@pytest.mark.parametrize(("files", "line", "words"), [
    ({"annotations__classInd": "1 Haircut\n3 Hammering\n"}, "classInd.txt:2", "expected '2 ClassName', found '3 Hammering'"),
    ({"annotations__testlist01": "Haircut/a.avi\nHammering.avi\n"}, "testlist01.txt:2", "expected 'Class/video.avi'"),
    ({"annotations__testlist01": "Haircut/a.avi\nHaircut/a.avi\n"}, "testlist01.txt:2", "listed twice, first on line 1"),
    ({"annotations__testlist01": "Skating/a.avi\n"}, "testlist01.txt:1", "Skating is no class of classInd.txt"),
])
def test_wrong_annotations_of_ucf101_are_named(tmp_path: Path, files: dict[str, str], line: str, words: str) -> None:
    """A line that cannot be meant is a DataError that names file and line."""
    given = {"annotations__classInd": CLASS_INDEX, "annotations__testlist01": SPLIT} | files
    with pytest.raises(DataError, match=words) as caught:
        rows("tsm", tmp_path, 0, **given)

    assert f"{tmp_path}/ucf101/annotations/{line}" == caught.value.where


@pytest.mark.parametrize(("text", "line", "words"), [
    ("youtube_id,time_start,time_end\n", 1, "the header has no label"),
    (CSV + "zumba,abc,soon,later,val\n", 5, "should be seconds"), (CSV + "zumba,abc\n", 5, "too few fields"),
    (CSV + "zumba,-abcdefghij,0,10,val\n", 5, "listed twice, first on line 2"),
])
def test_wrong_rows_of_kinetics_are_named(tmp_path: Path, text: str, line: int, words: str) -> None:
    """A header that lacks a column, and a faulty row, name file and line.

    A row is faulty if it lacks a field, has a time that is none, or is repeated.
    """
    with pytest.raises(DataError, match=words) as caught:
        rows("slowfast", tmp_path, 3, annotations__kinetics_val=text)

    assert f"{tmp_path}/kinetics400/annotations/kinetics_val.csv:{line}" == caught.value.where


def test_class_names_that_are_not_there_are_asked_for(tmp_path: Path) -> None:
    """A split without any file of class names gives no labels, and the error says which file would."""
    with pytest.raises(DataError, match="there is no file of class names") as caught:
        rows("tsm", tmp_path, annotations__testlist01=SPLIT)

    assert "classInd.txt" in str(caught.value.remedy)


def test_folders_that_no_list_can_name_are_refused(tmp_path: Path) -> None:
    """Kinetics' folders must have underscores for spaces, as mmaction2 renames them."""
    (tmp_path / "kinetics400" / "videos_val" / "air drumming").mkdir(parents=True)
    with pytest.raises(DataError, match="a space in its name"):
        rows("slowfast", tmp_path, 3, annotations__kinetics_val=CSV)
