"""A run's inputs as files: those of the measured path, whole, resumable, and refused if they do not fit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, tiny_places
from tools import data as tools_data
from tools.datasets import clips as data
from tools.datasets.clips import ClipSet
from tools.errors import DataError
from tools.exchange import dump
from tools.exchange.labels import labels_in_name, read_info
from tools.measuring.recogniser import feed
from tools.media.batches import BatchStream
from tools.media.decode import Clip
from tools.spec.catalog import load_spec
from tools.spec.digest import spec_digest
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

TINY = load_spec(TINY_MODELS, "tiny")
GIBIBYTE = 2**30


class Usage(NamedTuple):
    """What shutil.disk_usage gives."""

    total: int
    used: int
    free: int


@pytest.fixture(scope="module")
def context(tiny_store: Path) -> Context[ModelSpec]:
    assert isinstance(TINY, ModelSpec)
    return Context(Settings.parse({"models": str(TINY_MODELS), "artifacts": str(tiny_store), "clips": "7"}), TINY)


@pytest.fixture(scope="module")
def clips(context: Context[ModelSpec]) -> ClipSet:
    return data.clip_set(context, context.spec.classes)


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_hold_the_batches_that_are_measured(context: Context[ModelSpec], clips: ClipSet, tmp_path: Path) -> None:
    """A .bin is a batch as the engine gets it, with padding; the .info has an index and label a clip."""
    dump.write_inputs(context, 4, tmp_path)
    with BatchStream(feed(clips, context.spec), 4) as stream:
        expected = {f"{number}.bin": batch.array.tobytes() for number, batch in enumerate(stream)}

    assert expected == written(tmp_path / "out_bin_4")
    assert {number: clip.label for number, clip in enumerate(clips.clips)} == read_info(tmp_path / "labels.info").labels


def test_what_was_interrupted_is_finished(context: Context[ModelSpec], tmp_path: Path) -> None:
    """Missing and cut files are written again, whole ones are left alone, half-written ones taken away."""
    dump.write_inputs(context, 2, tmp_path)
    folder = tmp_path / "out_bin_2"
    whole = written(folder)
    kept = (folder / "0.bin").stat().st_mtime_ns
    (folder / "3.bin").unlink()
    (folder / "1.bin").write_bytes(b"cut")
    (folder / "2.partial").write_bytes(b"half")
    (tmp_path / "labels.info").unlink()

    dump.write_inputs(context, 2, tmp_path)

    assert whole == written(folder)
    assert kept == (folder / "0.bin").stat().st_mtime_ns
    assert (tmp_path / "labels.info").is_file()


def test_inputs_of_other_clips_are_not_mixed_in(context: Context[ModelSpec], tmp_path: Path) -> None:
    """A folder or a shared .info that belongs to other clips is an error and stays as it is."""
    dump.write_inputs(context, 4, tmp_path)
    before = written(tmp_path / "out_bin_4")

    for batch in (4, 2):
        with pytest.raises(DataError, match="made of other clips"):
            dump.write_inputs(replace(context, settings=replace(context.settings, clips=5)), batch, tmp_path)

    assert before == written(tmp_path / "out_bin_4")


def test_too_little_room_is_said_before_anything_is_written(
        context: Context[ModelSpec], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The size is announced, and refused where the disk has less."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(GIBIBYTE, GIBIBYTE, 1000))

    with pytest.raises(DataError, match="do not fit"):
        dump.write_inputs(context, 4, tmp_path)

    assert "7 clips in 2 files of 0.8 MiB, 2 of them to be written" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def many(count: int) -> ClipSet:
    return ClipSet("rawframes", tuple(Clip(f"v{number}", Path(f"v{number}"), 100 + number % 7) for number in range(count)))


@pytest.mark.parametrize(("model", "batch", "folder", "info", "names"), [
    ("tsm", 16, "out_bin_16", "ucf101.info", ["0", "1"]),
    ("nonlocal", 16, "out_bin_16", "k400.info", ["0", "1"]),
    ("slowfast", 16, "bin", "kinetics400.info", [str(number) for number in range(19)]),
    ("r2plus1d", 1, "predata_bts1", None, [f"bin{number}-{number}_{100 + number % 7}" for number in range(19)]),
    ("r2plus1d", 16, "predata_bts16", None, ["bin0-15_" + "_".join(str(100 + number % 7) for number in range(16)), "bin16-31_102_103_104"]),
])
def test_files_are_named_as_the_guides_scripts_name_them(model: str, batch: int, folder: str, info: str | None, names: list[str]) -> None:
    """TSM and Nonlocal have numbered batches, SlowFast a video a file, R(2+1)D the labels in the name."""
    spec = load_spec(MODELS, model)
    assert isinstance(spec, ModelSpec)

    found = dump.plan(spec, many(19), batch, Path("out"))

    assert (folder, info, names) == (found.folder.name, found.info.name if found.info else None, list(found.names))
    assert found.file_bytes == 4 * found.size * int(np.prod(spec.network.input.shape))


def test_names_with_too_many_labels_are_refused() -> None:
    """64 labels of three digits make a name no file system takes; they are read back from one it does."""
    spec = load_spec(MODELS, "r2plus1d")
    assert isinstance(spec, ModelSpec)

    with pytest.raises(DataError, match="64 labels make a file name of"):
        dump.plan(spec, many(64), 64, Path("out"))
    assert (0, tuple(100 + number % 7 for number in range(32))) == labels_in_name(dump.plan(spec, many(64), 32, Path("out")).names[0])


@pytest.mark.parametrize("model", ["tsm", "slowfast", "r2plus1d", "nonlocal"])
def test_how_inputs_are_dumped_shapes_nothing_in_the_store(model: str) -> None:
    """A model's file names are no part of the digest under which its references are found."""
    spec = load_spec(MODELS, model)
    assert isinstance(spec, ModelSpec)

    assert spec_digest(spec) == spec_digest(replace(spec, bins=replace(spec.bins, folder="elsewhere")))


def test_the_command_says_what_it_has_written(tiny_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m tools.data dump MODEL --batch 4 --out DIR` ends with the folder and the labels."""
    assert 0 == tools_data.main(["dump", "tiny", *tiny_places(tiny_store), "--clips=3", "--batch=4", f"--out={tmp_path}"])
    assert f"{tmp_path}/out_bin_4: 1 files of 4; labels in {tmp_path}/labels.info\n" == capsys.readouterr().out
