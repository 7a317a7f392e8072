"""Which files a dump of inputs plans, which of them are still to be written, and when it refuses to."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from tools import data
from tools.datasets import clips
from tools.datasets.clips import ClipSet
from tools.datasets.survey import Shortfall
from tools.errors import DataError, OptionError
from tools.exchange import dump
from tools.machine import events
from tools.media.batches import Feed
from tools.media.decode import Clip
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

TSM = cast("ModelSpec", load_spec(MODELS, "tsm"))
SMALL = replace(TSM, network=replace(TSM.network, input=replace(TSM.network.input, shape=(2, 3))))
CLIPS = ClipSet("videos", tuple(Clip(f"v_{number}", Path(), number + 10, 9, sha256=f"{number}") for number in range(10)))


def test_files_are_named_as_the_models_script_names_them(tmp_path: Path) -> None:
    """By their numbers with labels in a file beside them, or with labels in their names."""
    plan = dump.plan(SMALL, CLIPS, 4, tmp_path)
    assert (("0", "1", "2"), 4, 4 * 4 * 6) == (plan.names, plan.size, plan.file_bytes)
    assert "".join(f"{number} {number + 10}\n" for number in range(10)) == plan.info_text
    assert plan.info == tmp_path / str(TSM.bins.info)
    assert plan.folder == tmp_path / TSM.bins.folder.format(batch=4)
    assert plan.mark == plan.folder.with_name(f"{plan.folder.name}.json")

    named = dump.plan(replace(SMALL, bins=replace(SMALL.bins, info=None)), CLIPS, 4, tmp_path)
    assert (("bin0-3_10_11_12_13", "bin4-7_14_15_16_17", "bin8-11_18_19"), None) == (named.names, named.info)
    one = dump.plan(replace(SMALL, bins=replace(SMALL.bins, one_video=True)), CLIPS, 4, tmp_path)
    assert (10, 1, 4 * 6) == (len(one.names), one.size, one.file_bytes)


def test_labels_must_fit_into_a_name(tmp_path: Path) -> None:
    """240 characters, since tools put an ending behind them."""
    named = replace(SMALL, bins=replace(SMALL.bins, info=None))
    many = ClipSet("videos", tuple(replace(CLIPS.clips[0], label=99) for _ in range(78)))
    assert 240 >= max(map(len, dump.plan(named, many, 77, tmp_path).names))
    with pytest.raises(DataError, match="78 labels make a file name of 241 characters") as caught:
        dump.plan(named, many, 78, tmp_path)
    assert ("--batch", "choose a smaller one: ais_bench makes batches of its own of files of one clip") == (
        caught.value.where, caught.value.remedy)


def test_what_inputs_are_made_of_is_the_clips_and_their_preparation(tmp_path: Path) -> None:
    made = [dump.plan(*given, tmp_path).made_of for given in (
        (SMALL, CLIPS, 4), (SMALL, CLIPS, 8), (TSM, CLIPS, 4), (SMALL, ClipSet("videos", CLIPS.clips[:9]), 4), (SMALL, CLIPS, 4))]
    assert made[0] == made[-1]
    assert 4 == len(set(made))


@pytest.fixture
def context(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Context[ModelSpec]:
    """A run on these clips, each of whose inputs holds its label."""
    def feed(clips: ClipSet, spec: ModelSpec) -> Feed:
        def fill(number: int, row: Any) -> None:
            row[:] = clips.clips[number].label

        return Feed(clips.ids, spec.network.input.shape, fill)

    monkeypatch.setattr(dump, "feed", feed)
    monkeypatch.setattr(clips, "clip_set", lambda context, classes: CLIPS)
    return Context(Settings.parse({}), SMALL)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(events, "say", told.append)
    monkeypatch.setattr(events, "progress", lambda text, done, total: told.append(f"{text} {done}/{total}"))
    return told


def labels(path: Path) -> list[float]:
    return np.fromfile(path, np.float32).reshape(-1, 6)[:, 0].tolist()


def test_only_what_is_not_there_yet_is_written(context: Context[ModelSpec], said: list[str], tmp_path: Path) -> None:
    """A file that is lost or cut is made again, in its place; what an interrupted run left goes."""
    dump.write_inputs(context, 4, tmp_path / "not" / "there")
    said.clear()
    plan = dump.write_inputs(context, 4, tmp_path)
    assert [[10.0, 11.0, 12.0, 13.0], [14.0, 15.0, 16.0, 17.0]] == [labels(plan.folder / f"{number}.bin") for number in (0, 1)]
    assert [18.0, 19.0] == labels(plan.folder / "2.bin")[:2]
    assert plan.info is not None
    assert plan.info_text == plan.info.read_text()
    assert {"made_of": plan.made_of, "files": 3} == json.loads(plan.mark.read_text())
    assert "10 clips in 3 files of 0.0 MiB, 3 of them to be written: 0.00 GiB; " in said[0]
    assert [f"writing inputs {number}/3" for number in (1, 2, 3)] == said[1:]

    before = (plan.folder / "0.bin").stat().st_mtime_ns
    (plan.folder / "1.bin").write_bytes(b"cut")
    (plan.folder / "9.partial").write_bytes(b"half")
    said.clear()
    dump.write_inputs(context, 4, tmp_path)
    assert [14.0, 15.0, 16.0, 17.0] == labels(plan.folder / "1.bin")
    assert (before, ["0.bin", "1.bin", "2.bin"]) == ((plan.folder / "0.bin").stat().st_mtime_ns,
                                                     sorted(path.name for path in plan.folder.iterdir()))
    assert ["writing inputs 1/1"] == said[1:]


@pytest.mark.parametrize("what", ["mark", "no mark", "labels"])
def test_files_of_other_clips_are_not_mixed_with_these(context: Context[ModelSpec], said: list[str], tmp_path: Path, what: str) -> None:
    plan = dump.write_inputs(context, 4, tmp_path)
    assert plan.info is not None
    if what == "labels":
        plan.info.write_text("0 1\n")
    else:
        plan.mark.write_text(json.dumps({"made_of": "other"}) if what == "mark" else "")
    with pytest.raises(DataError, match="what is there was made of other clips, or in another way") as caught:
        dump.write_inputs(context, 4, tmp_path)
    assert (str(plan.info if what == "labels" else plan.folder), "choose another --out, or remove it") == (
        caught.value.where, caught.value.remedy)
    for path in plan.folder.iterdir():
        path.unlink()
    if what != "labels":
        dump.write_inputs(context, 4, tmp_path)


@pytest.mark.parametrize(("free", "fits"), [(3 * 96, True), (3 * 96 - 1, False)])
def test_all_that_is_to_be_written_must_fit(context: Context[ModelSpec], said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                            free: int, fits: bool) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    if fits:
        dump.write_inputs(context, 4, tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3 * 2**30))
        dump.write_inputs(context, 4, tmp_path)
        assert said[-1].endswith("0 of them to be written: 0.00 GiB; 3.0 GiB are free")
        return
    with pytest.raises(DataError, match=r"0\.00 GiB do not fit, 0\.00 GiB are free") as caught:
        dump.write_inputs(context, 4, tmp_path)
    assert str(tmp_path) == caught.value.where
    assert str(caught.value.remedy).startswith("choose another --out, or judge fewer with --clips N; ")
    assert [] == [*tmp_path.rglob("*.bin")]


def test_what_the_data_set_lacks_is_said_and_a_disk_that_refuses_named(context: Context[ModelSpec], said: list[str], tmp_path: Path,
                                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(CLIPS, shortfall=Shortfall(10, 12, 2, 0, "v_7", "the command"))
    monkeypatch.setattr(clips, "clip_set", lambda context, classes: lacking)
    dump.write_inputs(context, 4, tmp_path)
    assert "only what is there is written: 10 of 12 clips: 2 missing" in said[0]

    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="the inputs cannot be written: Not a directory") as caught:
        dump.write_inputs(context, 4, tmp_path / "file" / "out")
    assert str(tmp_path / "file" / "out") == caught.value.where
    assert str(caught.value.remedy).startswith("make room or choose another --out; the same command goes on")


def dumped(monkeypatch: pytest.MonkeyPatch, *words: str, **plan: Any) -> list[object]:
    asked: list[object] = []
    made = SimpleNamespace(**{"folder": "the folder", "names": ("a", "b"), "size": 4, "info": None, **plan})
    monkeypatch.setattr(dump, "write_inputs", lambda context, batch, out: asked.append((batch, out)) or made)
    assert 0 == data.main(["dump", "tsm", "--out", "there", *words])
    return asked


def test_the_command_says_where_inputs_and_labels_are(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """And who makes the batches where the guide writes files of one video."""
    assert [(4, Path("there"))] == dumped(monkeypatch, "--batch", "4")
    assert "the folder: 2 files of 4; labels in their names\n" == capsys.readouterr().out
    assert [(16, Path("there"))] == dumped(monkeypatch, "--batch", "16", size=1, info="a.info")
    said = capsys.readouterr().out.splitlines()
    assert ["the folder: 2 files of 1; labels in a.info",
            "tsm's guide writes one video a file; the tool makes the batches: ais_bench --batchsize 16"] == said
    assert [(1, Path("there"))] == dumped(monkeypatch, size=1)
    assert 1 == len(capsys.readouterr().out.splitlines())
    with pytest.raises(SystemExit):
        data.main(["dump", "tsm"])
    assert "the following arguments are required: --out" in capsys.readouterr().err
    with pytest.raises(OptionError, match="no such batch size: 0") as caught:
        data.main(["dump", "tsm", "--out", "there", "--batch", "0"])
    assert ("--batch", "for example --batch 16") == (caught.value.where, caught.value.remedy)
