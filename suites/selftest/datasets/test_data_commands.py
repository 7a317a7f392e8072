"""The commands for data sets, as a user types them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from suites.selftest.conftest import ran
from suites.selftest.datasets.test_check import NAMES, tree
from tools.datasets.mini.encode import write_avi
from tools.datasets.mini.moving_shapes import Recipe, render


def test_the_command_lists_what_is_not_there(tmp_path: Path) -> None:
    """The report names and counts the clips that cannot be used; the status says the set is incomplete."""
    folder = tree(tmp_path)
    shutil.rmtree(folder / "rawframes" / NAMES[1])
    done = ran("data", "check", "ucf101", "--data-root", str(tmp_path), "--artifacts", str(tmp_path / "artifacts"))

    assert 1 == done.returncode, done.stderr
    assert f"missing  Hammering/v_2: is missing: {folder}/rawframes/Hammering/v_2" in done.stdout
    assert "ucf101: 2 of 3 named can be used with 10 frames; 1 missing" in done.stdout
    assert "ucf101 is not complete: 2 of 3,783; accuracy on it is NO VERDICT" in done.stdout


@pytest.mark.parametrize(("arguments", "words"), [
    ((), "required: {check,rawframes,clips,dump}"), (("chek",), "invalid choice: 'chek'"), (("check", "ucf101"), "--data-root"),
    (("check", "imagenet", "--data-root", "."), "choose activitynet, kinetics400, ucf101"),
])
def test_a_command_that_cannot_be_meant_is_one_error(arguments: tuple[str, ...], words: str) -> None:
    """An unknown command or data set, or no folder, ends with status 2 and the choices, without traceback."""
    done = ran("data", *arguments)

    assert 2 == done.returncode
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_videos_are_checked_where_frames_are_yet_to_be_extracted(tmp_path: Path) -> None:
    """A UCF-101 of videos alone is checked as such.

    What is damaged is told with the number of frames that decode, and with what comes next.
    """
    folder = tmp_path / "ucf101"
    for number, name in enumerate(NAMES):
        write_avi(render(Recipe(number, 12, (number,), noise=4.0, travel=60.0)), folder / "videos" / f"{name}.avi")
    (folder / "annotations").mkdir()
    (folder / "annotations" / "classInd.txt").write_text("1 Haircut\n2 Hammering\n3 HammerThrow\n")
    (folder / "annotations" / "testlist01.txt").write_text("".join(f"{name}.avi\n" for name in NAMES))
    bad = folder / "videos" / f"{NAMES[2]}.avi"
    bad.write_bytes(bad.read_bytes()[: bad.stat().st_size // 2])
    done = ran("data", "check", "ucf101", "--data-root", str(tmp_path), "--artifacts", str(tmp_path / "artifacts"))

    assert 1 == done.returncode, done.stderr
    assert f"damaged  {NAMES[2]}.avi: cannot be decoded (" in done.stdout
    assert "of 12 frames decode)" in done.stdout
    assert "ucf101: 2 of 3 named can be used with 24 frames; 1 damaged" in done.stdout
    assert f"python -m tools.data rawframes --data-root {tmp_path}" in done.stdout
