"""Checking a data set: what is there, what is not, nothing read twice, nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import clean_environment, keeping
from tools.datasets import check, listing, survey
from tools.datasets.ledger import path_of
from tools.datasets.listing import Listing
from tools.datasets.lists import read_list
from tools.datasets.mini import encode
from tools.errors import DataError
from tools.machine.events import OnEvent
from tools.media.decode import FRAME_NAME
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec, Sampling, Spec
from tools.spec.settings import MODELS, ROOT, Settings
from tools.storage.context import Context

NAMES = ("Haircut/v_1", "Hammering/v_2", "HammerThrow/v_3")
FRAMES = 5
SAMPLING = Sampling(1, 1, 8)


def tree(root: Path, names: tuple[str, ...] = NAMES) -> Path:
    """A UCF-101 of small rawframes clips with its annotations and no list."""
    folder = root / "ucf101"
    rng = np.random.default_rng(1)
    (folder / "annotations").mkdir(parents=True)
    (folder / "annotations" / "classInd.txt").write_text("1 Haircut\n2 Hammering\n3 HammerThrow\n")
    (folder / "annotations" / "testlist01.txt").write_text("".join(f"{name}.avi\n" for name in names))
    for name in names:
        encode.write_jpegs(rng.integers(0, 256, (FRAMES, 24, 32, 3), np.uint8), folder / "rawframes" / name)
    return folder


def frame(folder: Path, name: str, number: int) -> Path:
    """A frame's file."""
    return folder / "rawframes" / name / FRAME_NAME.format(number)


def settings(root: Path, clips: int = 0) -> Settings:
    return Settings.parse({"data_root": str(root), "artifacts": str(root / "artifacts"), "clips": str(clips or "all")})


def context(root: Path, on_event: OnEvent, clips: int = 0) -> Context[Spec]:
    return Context(settings(root, clips), load_spec(MODELS, "tsm"), on_event)


def rows(root: Path, complete: int = len(NAMES)) -> Listing:
    """The rows of the tree as a model reads them, *complete* being all of them."""
    spec = load_spec(MODELS, "tsm")
    assert isinstance(spec, ModelSpec)
    found = listing.find(replace(spec, clips=complete), root, 101)
    assert found is not None
    return found


def checked(root: Path) -> dict[str, tuple[str, str]]:
    """The word and place of every defect that a check finds."""
    path = survey.check(rows(root), settings(root))
    return {clip.id: (found.defect.word, found.defect.where) for clip, found in survey.states(rows(root), path) if found.defect}  # type: ignore[misc]


def resolved(root: Path, clips: int = 0) -> survey.Usable:
    """What a run would use, without a child process: a check goes before it."""
    survey.check(rows(root), settings(root, clips))
    return survey.usable(rows(root), context(root, lambda event: pytest.fail(f"it is checked again: {event}"), clips))


def test_a_checked_data_set_is_what_its_list_would_be(tmp_path: Path) -> None:
    """Frames and digests are those that the same clips have in a list of one's own; nothing is lacking."""
    folder = tree(tmp_path)
    own = tmp_path / "own.txt"
    own.write_text("".join(f"{name} {FRAMES} {label}\n" for label, name in enumerate(NAMES)))
    listed = read_list(own, folder / "rawframes", 101)
    survey.check(listing.of_list(listed, SAMPLING), settings(tmp_path))
    mine = survey.usable_if_checked(listing.of_list(listed, SAMPLING), settings(tmp_path))
    found = resolved(tmp_path)

    assert mine is not None
    assert mine.clips == found.clips
    assert (None, None) == (mine.shortfall, found.shortfall)


@pytest.mark.parametrize(("damage", "word", "file"), [
    ("missing", "missing", ""), ("empty", "empty", "/img_00003.jpg"), ("hole", "damaged", "/img_00003.jpg"),
    ("bare", "damaged", "/img_00001.jpg"), ("noise", "damaged", "/img_00003.jpg"), ("cut", "damaged", "/img_00003.jpg"),
    ("resized", "damaged", ""),
])
def test_what_is_not_whole_is_told(tmp_path: Path, damage: str, word: str, file: str) -> None:
    """The check says of each unusable clip what is wrong, in which file and line; others are good."""
    folder = tree(tmp_path)
    third = frame(folder, NAMES[1], 3)
    content = third.read_bytes()
    if damage in ("missing", "bare"):
        shutil.rmtree(third.parent)
    if damage == "bare":
        third.parent.mkdir()
    elif damage == "hole":
        third.unlink()
    elif damage == "resized":
        encode.write_jpegs(np.zeros((1, 32, 32, 3), np.uint8), folder / "other")
        shutil.copy(folder / "other" / FRAME_NAME.format(1), third)
    elif damage != "missing":
        third.write_bytes({"empty": b"", "noise": bytes(1000), "cut": content[:-40]}[damage])

    assert {NAMES[1]: (word, f"{folder}/rawframes/{NAMES[1]}{file} ({folder}/annotations/testlist01.txt:2)")} == checked(tmp_path)


def test_only_what_changed_is_read_again(tmp_path: Path) -> None:
    """A clip of the same size and time keeps its digest unread; a changed time gets the new bytes' digest."""
    folder = tree(tmp_path)
    before = {clip.id: clip.sha256 for clip in resolved(tmp_path).clips}
    for name, touched in ((NAMES[0], False), (NAMES[2], True)):
        path = frame(folder, name, 2)
        time_ns = path.stat().st_mtime_ns
        content = bytearray(path.read_bytes())
        content[-20] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(time_ns, time_ns + 10**9 * touched))
    after = {clip.id: clip.sha256 for clip in resolved(tmp_path).clips}

    assert {NAMES[2]} == {id for id in before if before[id] != after[id]}


def test_a_run_sees_what_changed_after_the_check(tmp_path: Path) -> None:
    """After a file was overwritten, removed or restored, the data set is checked again before it is used."""
    folder = tree(tmp_path)
    survey.check(rows(tmp_path), settings(tmp_path))
    shutil.move(folder / "rawframes" / NAMES[0], folder / "away")
    said: list[str] = []
    found = survey.usable(rows(tmp_path), context(tmp_path, keeping(said)))
    shutil.move(folder / "away", folder / "rawframes" / NAMES[0])
    shutil.copy(frame(folder, NAMES[1], 1), frame(folder, NAMES[1], 2))
    whole = survey.usable(rows(tmp_path), context(tmp_path, lambda event: None))

    assert "checking ucf101" in said[0]
    assert NAMES[1:] == tuple(clip.id for clip in found.clips)
    assert found.shortfall is not None
    assert found.shortfall.sentence.startswith(f"2 of 3 clips: 1 missing, first {folder}/rawframes/{NAMES[0]} ({folder}/annotations/")
    assert f"; python -m tools.data check ucf101 --data-root {tmp_path}" in found.shortfall.sentence
    assert NAMES == tuple(clip.id for clip in whole.clips)
    assert found.clips[0].sha256 != whole.clips[1].sha256


def test_an_interrupted_check_goes_on_where_it_was(tmp_path: Path) -> None:
    """What was read before Ctrl-C is not read again."""
    names = tuple(f"Haircut/v_{number:02d}" for number in range(20))
    folder = tree(tmp_path, names)
    stuck = frame(folder, names[-1], 2)
    stuck.unlink()
    os.mkfifo(stuck)  # whoever reads it waits for ever
    code = ("from tools import data; from tools.datasets import ledger; from tools.machine import events; ledger.SAVE_S = 0.0; "
            "raise SystemExit(events.run_command(data.main))")
    run = subprocess.Popen([sys.executable, "-c", code, "check", "ucf101", "--data-root", str(tmp_path), "--artifacts",
                            str(tmp_path / "artifacts")], cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    path = path_of(tmp_path / "artifacts", rows(tmp_path))
    end = time.monotonic() + 60
    while not (path.is_file() and _good(path)) and time.monotonic() < end:
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=5)
    kept = _good(path)
    stuck.unlink()
    shutil.copy(frame(folder, names[-1], 1), stuck)
    clip = min(kept)
    read = frame(folder, clip, 2)
    stat = read.stat()
    read.write_bytes(bytes(stat.st_size))  # would be damaged, if it were read
    os.utime(read, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert 0 < len(kept) < len(names)
    assert {} == checked(tmp_path)


def _good(path: Path) -> set[str]:
    return {clip.id for clip, found in survey.states(rows(path.parents[2]), path) if found.defect is None}


def test_a_list_is_written_once_nothing_is_missing(tmp_path: Path) -> None:
    """The list made of annotations has mmaction2's format, and the check after it reads nothing anew."""
    tree(tmp_path)
    found = rows(tmp_path)
    survey.write_list(found, survey.check(found, settings(tmp_path)))

    assert "Haircut/v_1 5 0\nHammering/v_2 5 1\nHammerThrow/v_3 5 2\n" == found.list_file.read_text()
    assert rows(tmp_path).is_list


def test_a_line_that_is_gone_is_forgotten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A clip that the list names no more counts no more."""
    folder = tree(tmp_path)
    checked(tmp_path)
    shutil.rmtree(folder / "rawframes" / NAMES[2])
    (folder / "annotations" / "testlist01.txt").write_text("".join(f"{name}.avi\n" for name in NAMES[:2]))

    assert check.run(rows(tmp_path, 2), settings(tmp_path))
    assert "2 of 2 named can be used" in capsys.readouterr().out


def test_a_subset_reads_no_more_than_itself(tmp_path: Path) -> None:
    """With --clips only that many are read, and a damaged one is replaced by another."""
    folder = tree(tmp_path)
    frame(folder, NAMES[0], 2).write_bytes(b"noise")
    found = resolved(tmp_path, 2)
    looked = {clip.id: one.defect is None for clip, one in survey.states(rows(tmp_path), path_of(tmp_path / "artifacts", rows(tmp_path)))}

    assert NAMES[1:] == tuple(clip.id for clip in found.clips)
    assert found.shortfall is None
    assert dict(zip(NAMES, (False, True, True), strict=True)) == looked


def test_a_data_set_of_nothing_is_one_error(tmp_path: Path) -> None:
    """If every clip is missing, the error names the first and its line.

    It also says how to extract them where videos are there.
    """
    folder = tree(tmp_path)
    shutil.rmtree(folder / "rawframes")
    (folder / "videos").mkdir()
    survey.check(rows(tmp_path), settings(tmp_path))
    with pytest.raises(DataError, match="none of the 3 clips of ucf101 can be used: clip Haircut/v_1 is missing") as caught:
        survey.usable(rows(tmp_path), context(tmp_path, lambda event: None))

    assert "testlist01.txt:1" in str(caught.value.where)
    assert f"python -m tools.data rawframes --data-root {tmp_path}" in str(caught.value.remedy)


def test_what_is_kept_may_be_lost(tmp_path: Path) -> None:
    """A damaged file of what is known is made anew."""
    tree(tmp_path)
    path = survey.check(rows(tmp_path), settings(tmp_path))
    path.write_bytes(b"not a database" * 100)

    assert {} == checked(tmp_path)
