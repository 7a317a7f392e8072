"""Runs on disk: which one is gone on with, what it was asked, and that one process at a time works on it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tools.errors import OptionError
from tools.storage import runs
from tools.storage.runs import Asked

ASKED = Asked("/where/it/started", ("suites/test_acceptance.py",), ("suites/x.py::y",), {"markexpr": "tsm", "clips": "8"})


def started(artifacts: Path, name: str, when: int, asked: Asked = ASKED) -> Path:
    run = artifacts / runs.FOLDER / name
    runs.note(run, asked)
    os.utime(run / runs.ASKED, (when, when))
    return run


def test_what_a_run_was_asked_is_read_back_and_never_narrowed(tmp_path: Path) -> None:
    """The first note stays, whatever a process that goes on with it is asked."""
    run = started(tmp_path, "one", 1)
    runs.note(run, Asked("/elsewhere", (), (), {}))

    assert ASKED == runs.read(run)


def test_the_last_run_is_the_one_started_last_and_others_go_by_name_or_path(tmp_path: Path) -> None:
    """A run of another kind, without a note of what it was asked, is none of them."""
    late, early = started(tmp_path, "20261127-100000-7", 100), started(tmp_path, "20261126-100000-7", 200)
    (tmp_path / runs.FOLDER / "z-by-hand").mkdir()
    copied = started(tmp_path, "20261128-copy", 300)

    assert late == runs.find(tmp_path, runs.LAST)
    assert early == runs.find(tmp_path, early.name) == runs.find(Path("/nowhere"), str(early))
    assert copied == runs.find(tmp_path, copied.name)


def test_a_run_is_found_by_the_path_that_is_given_and_nowhere_else(tmp_path: Path) -> None:
    """A link to a larger disk stays a link; a copy beside the runs would be written into the original."""
    run = started(tmp_path / "large", "20261127-100000-7", 1)
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / runs.FOLDER).symlink_to(run.parent)
    assert tmp_path / "artifacts" / runs.FOLDER / run.name == runs.find(tmp_path / "artifacts", runs.LAST)

    shutil.copytree(run, tmp_path / "backup" / run.name)
    with pytest.raises(OptionError, match="no folder of runs"):
        runs.find(tmp_path / "artifacts", str(tmp_path / "backup" / run.name))


@pytest.mark.parametrize(("name", "said"), [("last", "no run is here to go on with"),
                                            ("b-early", "no run to go on with is called 'b-early'"),
                                            ("z-by-hand", "no run to go on with is called 'z-by-hand'")])
def test_a_run_that_is_not_there_is_one_sentence(tmp_path: Path, name: str, said: str) -> None:
    """And where there are others, they are named."""
    (tmp_path / runs.FOLDER / "z-by-hand").mkdir(parents=True)
    with pytest.raises(OptionError, match=said):
        runs.find(tmp_path, name)

    started(tmp_path, "20261127-100000-7", 1)
    if name != "last":
        with pytest.raises(OptionError, match=said) as caught:
            runs.find(tmp_path, name)
        assert "choose 20261127-100000-7" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"folder": "/"}', '{"folder": "/", "arguments": 3, "deselected": [], "options": {}}',
                                  '{"folder": "/", "arguments": [], "deselected": [], "options": []}'])
def test_a_damaged_note_is_one_sentence(tmp_path: Path, text: str) -> None:
    run = started(tmp_path, "one", 1)
    (run / runs.ASKED).write_text(text)

    with pytest.raises(OptionError, match="what the run was asked") as caught:
        runs.read(run)
    assert caught.value.where is not None
    assert caught.value.where.startswith(str(run / runs.ASKED))


def test_one_process_at_a_time_goes_on_with_a_run(tmp_path: Path) -> None:
    """A second one is refused; one that ended has no claim, however it ended."""
    claimed = runs.claim(tmp_path / "run")
    with pytest.raises(OptionError, match="still going on in another process"):
        runs.claim(tmp_path / "run")

    os.close(claimed)
    os.close(runs.claim(tmp_path / "run"))


def test_a_claim_follows_no_link(tmp_path: Path) -> None:
    """What somebody else has put in its place is not opened."""
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / runs.LOCK).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OptionError, match="cannot be written") as caught:
        runs.claim(tmp_path)
    assert str(tmp_path / runs.LOCK) == caught.value.where
