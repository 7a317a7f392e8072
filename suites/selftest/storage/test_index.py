"""The index finds what the store has, and reads no file for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.storage import entries
from tools.storage.entries import Facts, Key
from tools.storage.index import Index
from tools.storage.store import Store

KEY = Key("onnx", "a", (("torch", "2.1"),))


def leave(folder: Path) -> Facts:
    (folder / "a").write_text("made")
    return {"number": 7}


def test_what_is_in_the_store_is_found_without_reading_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its digests and facts; on a host without a package also what another version of it has made."""
    made = Store(tmp_path).build(KEY, leave)
    monkeypatch.setattr(entries, "sha256", lambda path: pytest.fail(f"{path} is read"))

    assert made == Index(tmp_path).find(KEY)
    assert made == Index(tmp_path).find(Key("onnx", "a", (("torch", "absent"),)))
    assert Index(tmp_path).find(Key("onnx", "a", (("torch", "2.2"),))) is None


def test_what_has_lost_a_file_or_its_manifest_is_not_there(tmp_path: Path) -> None:
    folder = Store(tmp_path).build(KEY, leave).folder
    (folder / "a").rename(folder / "b")
    assert Index(tmp_path).find(KEY) is None
    (folder / "b").rename(folder / "a")
    (folder / entries.HOST).write_text("{")
    assert Index(tmp_path).find(KEY) is None


def test_an_entry_that_has_lost_one_of_its_files_is_not_there(tmp_path: Path) -> None:
    """All of its files count: the others do not stand for the one that is gone."""

    def leave_two(folder: Path) -> Facts:
        (folder / "b").write_text("made too")
        return leave(folder)

    folder = Store(tmp_path).build(KEY, leave_two).folder
    assert Index(tmp_path).find(KEY) is not None
    (folder / "b").unlink()

    assert Index(tmp_path).find(KEY) is None
