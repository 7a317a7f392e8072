"""Whatever leaves files makes the folders that they belong in, however deep, once."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tools import measure
from tools.datasets.mini import encode
from tools.judging import results
from tools.machine import child, locks
from tools.measuring import launch, quarantine
from tools.spec.case import Device
from tools.storage.entries import Facts, Key
from tools.storage.publishing import empty_partial
from tools.storage.shards import Shards
from tools.storage.store import Store, require_writable

FRAMES = np.zeros((1, 16, 16, 3), np.uint8)


def built(folder: Path) -> Facts:
    (folder / "a").touch()
    return {}


def held(folder: Path) -> None:
    with locks.hold(folder / "a.lock", lambda words: pytest.fail(words)):
        pass


LEAVE: dict[str, Callable[[Path], object]] = {
    "results of a run": lambda folder: results.append([], folder),
    "a run": measure._require_run,
    "devices given up": lambda folder: quarantine.give_up(folder, Device("cpu"), "why"),
    "what a runtime dumps": launch._own_scratch,
    "a lock": held,
    "a log": lambda folder: child.call(partial(os.getcwd), "a child", log=folder / "a.log", on_event=lambda event: None),
    "a video": lambda folder: encode.write_avi(FRAMES, folder / "a.avi"),
    "a store": require_writable,
    "an entry": lambda folder: Store(folder).build(Key("onnx", "a", ()), built),
    "a half-built entry": lambda folder: empty_partial(folder, "0123"),
    "results of hours": lambda folder: Shards(folder, 9)._keep(0, 1, {"a": np.ones(1)}),
}


@pytest.mark.parametrize("what", LEAVE)
def test_folders_are_made_on_the_way(tmp_path: Path, what: str) -> None:
    """And may be there already."""
    folder = tmp_path / "not" / "there" / "yet"
    for _ in range(2):
        LEAVE[what](folder)
        assert folder.is_dir()


def test_frames_go_into_a_folder_of_their_own(tmp_path: Path) -> None:
    """Which is made once: frames of two clips are never mixed."""
    encode.write_jpegs(FRAMES, tmp_path / "a" / "b")
    with pytest.raises(FileExistsError):
        encode.write_jpegs(FRAMES, tmp_path / "a" / "b")
