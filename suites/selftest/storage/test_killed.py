"""A process killed before any one of its changes of files leaves a store of whole entries."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from suites.selftest.storage.test_store import HOSTED, KEY, OTHER, write
from tools.storage.entries import Entry, Facts, damage_of, files_of, manifests
from tools.storage.packing import choose, pack
from tools.storage.pruning import prune
from tools.storage.store import Store
from tools.storage.unpacking import unpack

FORK = multiprocessing.get_context("fork")
CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
OLDER = replace(HOSTED, shaped_by=(("batch", "4"), ("surgery", "")))  # its files have the names of HOSTED's


def write_graphs(text: str) -> Callable[[Path], Facts]:
    def builder(folder: Path) -> Facts:
        for name in ("bs4.data", "bs4.onnx"):
            (folder / name).write_text(text)
        return {"graphs": 2}

    return builder


MAKE = {KEY: write("a"), HOSTED: write_graphs("graph"), OTHER: write("other")}


def fresh(store: Store) -> Callable[[], object]:
    return lambda: store.build(KEY, MAKE[KEY])


def hosted(store: Store) -> Callable[[], object]:
    store.build(KEY, MAKE[KEY])
    return lambda: store.build(HOSTED, MAKE[HOSTED])


def damaged(store: Store) -> Callable[[], object]:
    store.build(KEY, MAKE[KEY])
    store.build(HOSTED, MAKE[HOSTED]).file("inner/list.txt").write_text("b")
    return lambda: store.build(KEY, MAKE[KEY])


def damaged_hosted(store: Store) -> Callable[[], object]:
    store.build(KEY, MAKE[KEY])
    store.build(HOSTED, MAKE[HOSTED]).file("bs4.onnx").write_text("b")
    return lambda: store.build(HOSTED, MAKE[HOSTED])


def same_names(store: Store) -> Callable[[], object]:
    store.build(KEY, MAKE[KEY])
    store.build(OLDER, write_graphs("older"))
    return lambda: store.build(HOSTED, MAKE[HOSTED])


def pruning(store: Store) -> Callable[[], object]:
    store.build(KEY, MAKE[KEY]).file("head.bin").write_text("b")
    store.build(HOSTED, MAKE[HOSTED]).file("bs4.onnx").write_text("b")
    store.build(KEY, MAKE[KEY]).file("head.bin").write_text("b")
    return lambda: prune(store.root, 1, lambda text: None)


def importing(store: Store) -> Callable[[], object]:
    archive = store.root.with_name("all.tar")
    if not archive.exists():
        from_here = Store(store.root.with_name("from"))
        for key in (KEY, HOSTED):
            from_here.build(key, MAKE[key])
        pack(from_here.root, choose(from_here.root, None, []), archive, lambda text: None)
    return lambda: unpack(store.root, archive, lambda text: None)


def killed_before(change: int, work: Callable[[], object]) -> bool:
    """Whether a process that does *work* changes files so often, and was killed before that change."""
    def watched() -> None:
        seen = 0

        def hook(event: str, given: tuple[object, ...]) -> None:
            nonlocal seen
            if event in CHANGES or (event == "open" and cast("int", given[2]) & (os.O_WRONLY | os.O_RDWR)):
                seen += 1
                if seen > change:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        work()

    process = FORK.Process(target=watched)
    process.start()
    process.join(20)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def is_right(entry: Entry, again: Path) -> bool:
    """Whether an entry is what its builder makes."""
    again.mkdir()
    facts = MAKE[entry.key](again)
    made = {str(path.relative_to(again)): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    return entry.facts == facts and made == {name: entry.file(name).read_bytes() for name in entry.files}


def strays(root: Path) -> list[Path]:
    """What lies in a store and belongs to no whole entry; the empty files of free locks do not count."""
    whole = [path for path in manifests(root) if not damage_of(path)]
    listed = {*whole, *(file for path in whole for file in files_of(path))}
    return [path for path in root.rglob("*") if path.is_file() and path not in listed and path.suffix != ".lock"]


@pytest.mark.parametrize("prepare", [fresh, hosted, damaged, damaged_hosted, same_names, pruning, importing])
def test_a_process_killed_anywhere_leaves_whole_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                        prepare: Callable[[Store], Callable[[], object]]) -> None:
    """Each is right or not there; building again gives the right one; prune removes all that was left."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # a kill loses nothing that was written
    for change in range(1000):
        store = Store(tmp_path / f"store{change}")
        store.build(OTHER, MAKE[OTHER])
        if not killed_before(change, prepare(store)):
            break
        for key in (KEY, HOSTED, OTHER):
            entry = store.find(key)
            assert key != OTHER if entry is None else is_right(entry, tmp_path / f"{change} {key.name}"), change
        prune(store.root, None, lambda text: None)
        assert [] == strays(store.root), change
        for key in (KEY, HOSTED):
            assert is_right(store.build(key, MAKE[key]), tmp_path / f"{change} {key.name} again"), change
        prune(store.root, None, lambda text: None)  # what the new files took the place of
        assert [] == strays(store.root), change
    assert 6 < change < 999
