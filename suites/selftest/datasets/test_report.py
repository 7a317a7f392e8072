"""What a check of a full data set reports, writes and ends with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.datasets import check, survey
from tools.datasets.examine import signature
from tools.datasets.ledger import ClipState, opened, path_of
from tools.datasets.listing import Listing
from tools.errors import OptionError
from tools.machine import events
from tools.media.decode import Clip, undecodable
from tools.spec import catalog
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

Lost = dict[int, str]  # what is wrong with a clip, by its number


@pytest.fixture(autouse=True)
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told while it runs; no file is read, since the ledger knows all."""
    told: list[str] = []
    monkeypatch.setattr(events, "say", told.append)
    monkeypatch.setattr(survey, "check", lambda rows, settings: path_of(settings.artifacts, rows))
    return told


def known(folder: Path, lost: Lost, count: int = 5, **more: Any) -> tuple[Listing, Settings]:
    """A data set of 1,000 frames a clip, and what a check has found of it."""
    home = folder / "ucf101"
    (home / "rawframes").mkdir(parents=True)
    clips = tuple(Clip(f"v_{number}", home / "rawframes" / f"v_{number}", 0, 0, listed=f"split:{number}") for number in range(count))
    rows = Listing("ucf101", home / "split", home / "list.txt", home / "rawframes", "videos", count, partial(iter, clips))
    rows, settings = replace(rows, **more), Settings.parse({"artifacts": str(folder / "artifacts")})
    path = path_of(settings.artifacts, rows)
    path.parent.mkdir(parents=True)
    with opened(path) as ledger:
        for number, clip in enumerate(clips):
            word = lost.get(number, "")
            if word != "missing":
                clip.path.write_bytes(b"" if word == "empty" else b"video")
            defect = undecodable(clip, clip.path, "it is noise" if word == "damaged" else "") if word else None
            now = signature(clip, "videos") if word in ("", "damaged") else (-1, -1)
            ledger.put(clip, ClipState(now, 0, 0 if word else 1000, "0" * 64, defect=defect))
    return rows, settings


def test_a_complete_data_set_gets_its_list(tmp_path: Path, capsys: pytest.CaptureFixture[str], said: list[str]) -> None:
    """With the frames of all its clips, and where what was found is kept."""
    rows, settings = known(tmp_path, {})
    assert check.run(rows, settings)
    lines = capsys.readouterr().out.splitlines()

    assert [f"ucf101: videos below {rows.root}, named by {rows.source}; Ctrl-C loses nothing, the next check goes on"] == said
    assert ["ucf101: 5 of 5 named can be used with 5,000 frames; nothing is missing, empty or damaged",
            f"the list of all that is there is written: {rows.list_file}"] == lines[:2]
    assert lines[2].endswith(f" s; kept in {path_of(settings.artifacts, rows)}")
    assert float(lines[2].partition(" s;")[0]) < 60
    assert "".join(f"v_{number} 0\n" for number in range(5)) == rows.list_file.read_text()


def test_what_cannot_be_used_is_listed_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One kind after the other, each clip with its place; an incomplete data set gets no list."""
    rows, settings = known(tmp_path, {0: "missing", 1: "damaged", 3: "empty", 4: "damaged"})
    assert not check.run(rows, settings)
    lines = capsys.readouterr().out.splitlines()

    assert [["damaged", "v_1:"], ["damaged", "v_4:"], ["empty", "v_3:"], ["missing", "v_0:"]] == [line.split()[:2] for line in lines[:4]]
    assert f"damaged  v_1: cannot be decoded (it is noise): {rows.root}/v_1 (split:1)" == lines[0]
    assert ["ucf101: 1 of 5 named can be used with 1,000 frames; 1 missing, 1 empty, 2 damaged",
            "ucf101 is not complete: 1 of 5; accuracy on it is NO VERDICT"] == lines[4:6]
    assert 7 == len(lines)
    assert not rows.list_file.exists()


def test_a_list_that_is_there_or_a_part_of_it_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A check of some clips reports nothing of the others, and says that all is well with these."""
    rows, settings = known(tmp_path / "a", {})
    listed = replace(rows, source=rows.list_file)
    assert check.run(rows, replace(settings, clips=1))
    assert 1 == len(capsys.readouterr().out.splitlines())
    path_of(settings.artifacts, rows).rename(path_of(settings.artifacts, listed))
    assert check.run(listed, settings)
    assert "is written" not in capsys.readouterr().out
    assert not rows.list_file.exists()


def test_features_have_no_frames_and_a_read_only_data_set_no_list(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError(30, "Read-only file system")

    rows, settings = known(tmp_path, {}, kind="features")
    monkeypatch.setattr(survey, "write_list", full)
    assert check.run(rows, settings)
    lines = capsys.readouterr().out.splitlines()
    assert "ucf101: 5 of 5 named can be used; nothing is missing, empty or damaged" == lines[0]
    assert f"the list is not written (Read-only file system); runs read {rows.source}" == lines[1]


@pytest.mark.parametrize("name", ["videos", "rawframes"])
def test_who_checks_videos_is_told_how_their_frames_are_extracted(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    rows, settings = known(tmp_path, {}, root=tmp_path / "ucf101" / name)
    check.run(rows, settings)

    said = f"the models read their frames: python -m tools.data rawframes --data-root {tmp_path}" in capsys.readouterr().out
    assert said == (name == "videos")


def test_each_list_and_folder_is_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of models that read the same files the first does; a data set that no model reads is an error."""
    specs = {name: SimpleNamespace(name=name, dataset=dataset, list_file=file, files_folder=folder) for name, dataset, file, folder in (
        ("a", "x", "l", "f"), ("b", "x", "l", "f"), ("c", "x", "m", "f"), ("d", "y", "l", "f"), ("e", "x", "l", "g"))}
    monkeypatch.setattr(catalog, "model_names", lambda folder: list(specs))
    monkeypatch.setattr(catalog, "load_spec", lambda folder, name: specs[name])

    assert ["a", "c", "e"] == [spec.name for spec in check.readers(Settings.parse({}), "x")]
    with pytest.raises(OptionError, match="no model reads a data set 'z'") as caught:
        check.readers(Settings.parse({}), "z")
    assert (str(Settings.parse({}).models), "choose x, y") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("complete", "status"), [((True, True), 0), ((True, False), 1), ((False, True), 1)])
def test_the_status_is_of_all_that_models_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, complete: tuple[bool, ...],
                                               status: int) -> None:
    """All of it is checked, whatever the first lacks."""
    left, options = list(complete), SimpleNamespace(dataset="ucf101")

    def rows(context: object) -> Iterator[object]:
        return iter(())

    monkeypatch.setattr(check, "readers", lambda settings, dataset: [SimpleNamespace(kind="recogniser")] * 2)
    monkeypatch.setattr(check, "ROWS", {"recogniser": rows})
    monkeypatch.setattr(check, "run", lambda rows, settings: left.pop(0))
    monkeypatch.setattr(Settings, "of", lambda options: Settings.parse({"data_root": str(tmp_path)}))

    assert status == check.check(options)  # type: ignore[arg-type]
    assert [] == left
    monkeypatch.setattr(Settings, "of", lambda options: Settings.parse({}))
    with pytest.raises(OptionError, match="whose files are to be checked") as caught:
        check.check(options)  # type: ignore[arg-type]
    assert ("--data-root", "give the folder that holds ucf101/") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("there", "kind"), [
    ((), "rawframes"), (("rawframes",), "rawframes"), (("rawframes", "videos"), "rawframes"), (("videos",), "videos"),
])
def test_videos_are_checked_only_where_no_frames_are_there(tmp_path: Path, there: tuple[str, ...], kind: str) -> None:
    """By the annotations that both are named in."""
    spec = load_spec(MODELS, "tsm")
    annotations = tmp_path / "ucf101" / "annotations"
    for name in ("annotations", *there):
        (tmp_path / "ucf101" / name).mkdir(parents=True)
    (annotations / "classInd.txt").write_text("1 Haircut\n")
    (annotations / "testlist01.txt").write_text("Haircut/v_1.avi\n")
    settings = Settings.parse({"data_root": str(tmp_path)})
    rows = check.ROWS["recogniser"](Context(settings, spec))

    assert (kind, tmp_path / "ucf101" / kind) == (rows.kind, rows.root)
    assert rows.list_file.name == spec.list_file.replace("rawframes", kind)


def test_of_videos_that_nothing_lists_the_frames_are_asked_for(tmp_path: Path) -> None:
    spec = load_spec(MODELS, "tsm")
    (tmp_path / "ucf101" / "videos").mkdir(parents=True)
    (tmp_path / "ucf101" / spec.list_file).write_text("Haircut/v_1 9 0\n")
    rows = check.ROWS["recogniser"](Context(Settings.parse({"data_root": str(tmp_path)}), spec))

    assert ("rawframes", tmp_path / "ucf101" / spec.list_file) == (rows.kind, rows.list_file)
