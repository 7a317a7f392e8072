"""Many processes at one entry: it is built once, whoever is killed and whatever is removed."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.storage.test_killed import strays
from suites.selftest.storage.test_store import HOSTED, KEY, write, write_graph
from tools.errors import StoreError
from tools.storage import pruning
from tools.storage.entries import Facts, folder_of
from tools.storage.publishing import lock_of_folder
from tools.storage.store import Store

FORK = multiprocessing.get_context("fork")
MANY = 8


def crowd(root: Path, builder: Callable[[Path], Facts]) -> tuple[list[int | None], list[str]]:
    """The exit codes of processes that ask for one entry at the same time, and what those read who got it."""
    together, got = FORK.Barrier(MANY), FORK.SimpleQueue()

    def ask() -> None:
        together.wait(20)
        got.put(Store(root).build(KEY, builder).file("head.bin").read_text())

    processes = [FORK.Process(target=ask) for _ in range(MANY)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    codes = [process.exitcode for process in processes]
    return codes, [got.get() for _ in range(codes.count(0))]


@pytest.mark.parametrize("killed", [0, 1, 3])
def test_all_get_what_one_builds(tmp_path: Path, killed: int) -> None:
    """The first builders are killed at work, one after the other; the next one builds, and no other."""
    builds, lock = FORK.Value("i", 0), FORK.Lock()

    def builder(folder: Path) -> Facts:
        with lock:
            builds.value += 1
            turn = builds.value
        (folder / "head.bin").write_text(f"half by {turn}")
        if turn <= killed:
            os.kill(os.getpid(), signal.SIGKILL)
        (folder / "head.bin").unlink()
        return write(f"by {turn}")(folder)

    codes, got = crowd(tmp_path, builder)

    assert [-signal.SIGKILL] * killed + [0] * (MANY - killed) == sorted(codes, key=lambda code: code or 0)
    assert (killed + 1, [f"by {killed + 1}"] * (MANY - killed)) == (builds.value, got)
    assert [] == strays(tmp_path)


def test_a_store_that_is_removed_while_an_entry_is_made_is_one_error(tmp_path: Path) -> None:
    """It says so; the next build makes the entry."""
    root = tmp_path / "store"

    def builder(folder: Path) -> Facts:
        facts = write("a")(folder)
        shutil.rmtree(root)
        return facts

    def late(folder: Path) -> Facts:
        shutil.rmtree(root)
        return write("a")(folder)

    for build in (builder, late):
        with pytest.raises(StoreError, match="the artifact store was removed while it was used") as caught:
            Store(root).build(KEY, build)
        assert str(caught.value.where).startswith(str(root))
        assert "run it again" in str(caught.value.remedy)
    assert Store(root).build(KEY, write("a")) == Store(root).find(KEY)


def test_two_that_build_one_entry_since_the_store_was_removed_do_not_mix(tmp_path: Path) -> None:
    """The second builds meanwhile, in a folder of its own; one of them is the entry."""
    root, said = tmp_path / "store", list[str]()

    def first(folder: Path) -> Facts:
        (folder / "head.bin").write_text("first")
        shutil.rmtree(root)
        Store(root, said.append).build(KEY, lambda other: second(other, folder))
        return {}

    def second(folder: Path, of_first: Path) -> Facts:
        (folder / "head.bin").write_text("second")
        with pytest.raises(FileNotFoundError):
            (of_first / "tail.bin").write_text("first")
        return {}

    with pytest.raises(StoreError, match="was removed while it was used"):
        Store(root).build(KEY, first)
    entry = Store(root).find(KEY)
    assert entry
    assert (["head.bin"], "second", []) == ([*entry.files], entry.file("head.bin").read_text(), said)


def test_an_entry_that_is_removed_before_its_use_is_one_error(tmp_path: Path) -> None:
    """Between finding and using it: it is named, and made anew."""
    store = Store(tmp_path / "store")
    entry = store.build(KEY, write("a"))
    shutil.rmtree(store.root)
    with pytest.raises(StoreError, match="has changed since this run found it"):
        entry.require_unchanged()
    assert store.find(KEY) is None
    assert store.build(KEY, write("a")) == store.find(KEY)


def test_what_is_built_anew_while_prune_looks_at_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prune finds damage; before it has the lock a builder has put it right."""
    store = Store(tmp_path / "store")
    store.build(KEY, write("a")).file("head.bin").write_text("b")

    def after_the_builder(root: Path, folder: Path) -> Path:
        store.build(KEY, write("a"))
        return lock_of_folder(root, folder)

    said = list[str]()
    monkeypatch.setattr(pruning, "lock_of_folder", after_the_builder)
    assert (0, []) == (pruning.prune(store.root, None, said.append), said)
    assert store.find(KEY)
    assert folder_of(store.root, KEY).is_dir()


def test_prune_takes_no_file_of_an_entry_that_is_being_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are beside its host already, and its manifest is not yet: prune says who is at it."""
    store, said, move = Store(tmp_path / "store"), list[str](), os.replace
    host = store.build(KEY, write("a"))

    def prune_before_the_manifest(source: Path, target: Path) -> None:
        if target.suffix == ".json":
            assert host.file("bs4.onnx").is_file()
            assert 0 == pruning.prune(store.root, None, said.append)
        move(source, target)

    monkeypatch.setattr(os, "replace", prune_before_the_manifest)
    entry = store.build(HOSTED, write_graph)
    assert entry == store.find(HOSTED)
    assert [f"{KEY}: process {os.getpid()} (working in {Path.cwd()}) is building it, left alone"] == said
