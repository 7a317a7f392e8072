"""What a child process works with is what its parent has found: bytes that have changed since are refused."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tools.datasets import survey
from tools.datasets.clips import ClipSet
from tools.datasets.listing import of_list
from tools.datasets.lists import read_list
from tools.datasets.mini.encode import write_jpegs
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.deployment.export import WEIGHTS
from tools.deployment.specialise import Graph
from tools.errors import ChildError, ClipgateError, DataError, StoreError
from tools.machine import child
from tools.machine.files import require_unchanged, sha256
from tools.spec.model import Sampling
from tools.spec.settings import Settings
from tools.storage.entries import Entry, Key


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A list of two clips of rawframes."""
    for number in range(2):
        write_jpegs(render(Recipe(number, 6, (7, number), noise=2.0, travel=60.0)), tmp_path / f"v_{number}")
    (tmp_path / "list.txt").write_text("v_0 6 0\nv_1 6 1\n")
    return tmp_path / "list.txt"


def checked(path: Path) -> ClipSet:
    """The clips of a list of one's own, checked in this process."""
    listing = of_list(read_list(path, path.parent, 2), Sampling(1, 1, 8))
    settings = Settings.parse({"artifacts": str(path.parent / "artifacts")})
    (path.parent / "artifacts" / "checked").mkdir(parents=True, exist_ok=True)
    survey.check(listing, settings)
    found = survey.usable_if_checked(listing, settings)
    assert found is not None
    return ClipSet("rawframes", found.clips)


def test_a_clip_that_changes_after_its_check_is_not_used(frames: Path) -> None:
    """A frame cut short would be read with the rest in grey: the clip is refused by name."""
    clips = checked(frames)
    clips.require_unchanged()
    frame = frames.parent / "v_1" / "img_00004.jpg"
    frame.write_bytes(frame.read_bytes()[:500])

    with pytest.raises(DataError, match="clip v_1 has changed since it was checked"):
        clips.require_unchanged()


def test_a_clip_that_was_restored_as_it_was_is_looked_at_again(frames: Path) -> None:
    """Of a list of one's own: the restored file may have the size and the times of the damaged one."""
    frame = frames.parent / "v_0" / "img_00002.jpg"
    good, stat = frame.read_bytes(), frame.stat()

    def put(content: bytes) -> None:
        frame.write_bytes(content)
        os.utime(frame, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    put(bytes(len(good)))
    with pytest.raises(DataError, match="clip v_0 cannot be decoded"):
        checked(frames)
    put(good)

    assert 2 == len(checked(frames).clips)


@pytest.mark.parametrize("changed", ["bs4.onnx", WEIGHTS])
def test_a_graph_that_changes_after_it_was_found_is_not_measured(tmp_path: Path, changed: str) -> None:
    """Neither the graph nor the weights beside it."""
    for name in ("bs4.onnx", WEIGHTS):
        (tmp_path / name).write_bytes(name.encode())
    graph = Graph(tmp_path / "bs4.onnx", sha256(tmp_path / "bs4.onnx"), sha256(tmp_path / WEIGHTS), (), 0, 0)
    graph.require_unchanged()
    (tmp_path / changed).write_bytes(b"other")

    with pytest.raises(StoreError, match=f"{changed} has changed since this run found it"):
        graph.require_unchanged()


def test_an_entry_that_changes_after_it_was_found_builds_nothing(tmp_path: Path) -> None:
    """Each of its files is compared with its digest."""
    (tmp_path / "dynamic.onnx").write_bytes(b"graph")
    entry = Entry(Key("onnx", "net", ()), tmp_path, {"dynamic.onnx": sha256(tmp_path / "dynamic.onnx")})
    entry.require_unchanged()

    with pytest.raises(StoreError, match=r"dynamic\.onnx"):
        replace(entry, files={"dynamic.onnx": "0" * 64}).require_unchanged()


def test_a_file_that_is_gone_has_changed(tmp_path: Path) -> None:
    """The error is of the class that its user asks for, and names the place."""
    with pytest.raises(DataError) as caught:
        require_unchanged(tmp_path / "own.pth", "0" * 64, DataError)

    assert str(tmp_path / "own.pth") == caught.value.where


@pytest.mark.parametrize("work", [lambda: None, partial(print, lambda: None)], ids=["a lambda", "an argument"])
def test_work_that_cannot_be_handed_over_is_one_error(tmp_path: Path, work: child.Work) -> None:
    """It is told before a process starts."""
    with pytest.raises(ClipgateError, match="what the process 'doing' needs cannot be handed to it") as caught:
        child.call(work, "doing", log=tmp_path / "child.log", on_event=lambda event: None)

    assert ChildError is type(caught.value)
