"""What `python -m tools.store` may remove, and what somebody is still working on."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.conftest import ran
from tools import store as command
from tools.storage.entries import UNFINISHED, Facts, Key, folder_of, manifest_path
from tools.storage.publishing import empty_partial
from tools.storage.store import Store

KEY, OTHER = Key("onnx", "a", (("batch", "1"),)), Key("onnx", "b", (("batch", "1"),))
DAY_S = 86400


def prune(artifacts: Path, *more: str) -> list[str]:
    """What it says of each thing it removes; its last line counts them."""
    done = ran("store", "prune", "--artifacts", str(artifacts), *more)
    assert (0, "") == (done.returncode, done.stderr)
    *said, last = done.stdout.splitlines()
    assert re.fullmatch(r"\d+ removed, \d+ entries stay", last)
    return said


def built(folder: Path) -> Facts:
    (folder / "file").write_bytes(bytes(2**19))
    return {}


def graph(folder: Path, text: str) -> Facts:
    (folder / "bs1.onnx").write_text(text)
    return {}


def age(path: Path, days: float) -> None:
    then = time.time() - days * DAY_S
    os.utime(path, (then, then))


def test_what_is_being_built_stays(tmp_path: Path) -> None:
    """The half-built entry of a process that holds its lock; that of a process that is gone goes."""
    store = Store(tmp_path / "store")
    gone = empty_partial(store.root, OTHER.digest[:16])
    seen: list[tuple[bool, bool]] = []

    def slow(folder: Path) -> Facts:
        facts = built(folder)
        prune(tmp_path)
        seen.append(((folder / "file").is_file(), gone.exists()))
        return facts

    store.build(KEY, slow)
    assert [(True, False)] == seen
    assert store.find(KEY) is not None
    assert prune(tmp_path) == []
    assert not gone.parent.exists()


@pytest.mark.parametrize("why", ["unused", "damaged"])
def test_a_file_that_another_entry_has_as_well_stays(tmp_path: Path, why: str) -> None:
    """Entries of two keys have one graph, or two of one name: the older one goes without it."""
    store = Store(tmp_path / "store")
    older, later = (replace(OTHER, shaped_by=(("surgery", text),), host=KEY) for text in ("a", "b"))
    store.build(KEY, built)
    store.build(older, lambda folder: graph(folder, "same"))
    store.build(later, lambda folder: graph(folder, "same" if why == "unused" else "other"))
    age(manifest_path(store.root, older), 9)

    words = "not used lately" if why == "unused" else "bs1.onnx does not have its digest"
    assert [f"{KEY}/{manifest_path(store.root, older).name}: {words}"] == prune(tmp_path, "--unused-days", "7")
    assert (None, True) == (store.find(older), store.find(later) is not None)


@pytest.mark.parametrize("left", ["bs1.onnx", "inner/a"])
def test_what_a_killed_process_left_beside_an_entry_goes(tmp_path: Path, left: str) -> None:
    """A file that no entry lists; and a folder of files whose entry.json is gone."""
    store = Store(tmp_path / "store")
    for key in (KEY, OTHER):
        stray = store.build(key, built).file(left)
        stray.parent.mkdir(exist_ok=True)
        stray.write_text("half")
    manifest_path(store.root, OTHER).unlink()

    assert [f"{KEY}/{left}: no entry lists it", f"{OTHER}: entry.json cannot be read: No such file or directory"] == prune(tmp_path)
    assert store.find(KEY)
    assert not folder_of(store.root, OTHER).exists()


@pytest.mark.parametrize(("days", "words"), [(6.9, []), (7.1, ["not used lately"])])
def test_an_entry_is_unused_from_that_many_days_on(tmp_path: Path, days: float, words: list[str]) -> None:
    store = Store(tmp_path / "store")
    folder = store.build(KEY, built).folder
    age(folder / "entry.json", days)

    assert [] == prune(tmp_path)
    assert [f"{KEY}: {word}" for word in words] == prune(tmp_path, "--unused-days", "7")
    assert folder.exists() != bool(words)


def test_verify_removes_nothing_and_list_calls_nothing_damaged(tmp_path: Path) -> None:
    """Even of what has not been used for years; sizes are in MiB."""
    store = Store(tmp_path / "store")
    folder = store.build(KEY, built).folder
    age(folder / "entry.json", 1000)

    for word, said in (("verify", ["1 entries, 0 damaged"]), ("list", [f"0.5 MiB  {KEY}"])):
        done = ran("store", word, "--artifacts", str(tmp_path))
        assert (0, said) == (done.returncode, [line.strip() for line in done.stdout.splitlines()])
    assert folder_of(store.root, KEY).exists()


@pytest.mark.parametrize(("days", "goes"), [(2.9, False), (3.1, True)])
def test_unfinished_work_goes_once_nobody_went_on_with_it(tmp_path: Path, days: float, goes: bool) -> None:
    """Only where days are given: hours of work are kept until then."""
    kept = Store(tmp_path / "store").unfinished(KEY)
    kept.mkdir(parents=True)
    (kept / "0.npz").write_bytes(b"scores")
    age(kept, days)

    assert [] == prune(tmp_path)
    said = prune(tmp_path, "--unused-days", "3")
    assert ([f"{UNFINISHED}/{KEY}: not gone on with lately"] if goes else []) == said
    assert goes != kept.exists()


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "many", ""])
def test_days_are_a_number_above_none(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Half a day is one; the message says what was given and why."""
    assert 0.5 == command._days("0.5")
    with pytest.raises(SystemExit):
        command.main(["prune", "--artifacts", str(tmp_path), "--unused-days", text])
    assert f"{text!r} is no number of days above 0; what is in use now must stay" in capsys.readouterr().err


def test_what_is_exported_is_what_was_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Models and batch sizes may be given at once or one after the other; without them all are packed."""
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(command, "export_models", lambda *given: asked.append(given))
    base = ["export", "--artifacts", str(tmp_path), "--models", "folder", "file.tar"]

    assert 0 == command.main([*base, "-m", "tsm", "bsn", "-m", "slowfast", "--batch", "1", "--batch", "4", "8"])
    assert 0 == command.main(base)
    store, file, models = tmp_path / "store", Path("file.tar"), Path("folder")
    assert [(store, file, models, ["tsm", "bsn", "slowfast"], [1, 4, 8]), (store, file, models, [], [])] == asked


def test_a_store_is_written_to_before_an_archive_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    did: list[object] = []
    monkeypatch.setattr(command, "require_writable", lambda root: did.append(("writable", root)))
    monkeypatch.setattr(command, "unpack", lambda root, file, say: did.append((root, file, say)))

    assert 0 == command.main(["import", "--artifacts", str(tmp_path), "file.tar"])
    assert [("writable", tmp_path / "store"), (tmp_path / "store", Path("file.tar"), print)] == did
