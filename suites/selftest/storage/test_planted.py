"""A store that several users share: what another has planted in it is not believed, nor followed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from suites.selftest.machine.test_opening import no_waiting
from suites.selftest.storage.test_store import HOSTED, KEY, write, write_graph
from tools import store as command
from tools.errors import StoreError
from tools.storage.entries import PARTIAL, UNFINISHED, damage_of, files_of, folder_of, manifest_path, parse_manifest
from tools.storage.packing import pack
from tools.storage.store import Store

__all__ = ["no_waiting"]  # used by being here


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of the person whom another user wants to harm, in a folder of its own."""
    path = tmp_path / "home" / "victim"
    path.parent.mkdir()
    path.write_bytes(b"precious")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a host and its hosted entry."""
    store = Store(tmp_path / "artifacts" / "store")
    store.build(KEY, write("a"))
    store.build(HOSTED, write_graph)
    return store


def edited(path: Path, **parts: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **parts}))


def prune(tmp_path: Path, *more: str) -> int:
    return command.main(["prune", "--artifacts", str(tmp_path / "artifacts"), *more])


@pytest.mark.parametrize("name", ["../../../home/victim", "{}", "./head.bin", "inner//list.txt", "."])
def test_a_manifest_lists_nothing_outside_its_entry(tmp_path: Path, store: Store, victim: Path, name: str) -> None:
    """A planted one, whose digests are right, is damaged: its files are not read, packed or removed."""
    path = manifest_path(store.root, HOSTED)
    edited(path, files={name.format(victim): hashlib.sha256(b"precious").hexdigest()})
    assert (f"{path.name} is unreadable", []) == (damage_of(path), files_of(path))
    assert store.find(HOSTED) is None
    with pytest.raises(StoreError, match="is unreadable"):
        pack(store.root, [path], tmp_path / "x.tar", print)
    assert 0 == prune(tmp_path)
    assert (b"precious", False) == (victim.read_bytes(), path.exists())


@pytest.mark.parametrize(("part", "value"), [
    ("shaped_by", {"code": 5}), ("shaped_by", {"code": ["x"]}), ("facts", {"beside": ["x"]}), ("facts", {"beside": {}}),
    ("facts", {"x": None}),
])
def test_a_manifest_says_texts_and_numbers(store: Store, part: str, value: object) -> None:
    """What is made of anything else is not begun."""
    path = manifest_path(store.root, KEY)
    edited(path, **{part: value})
    with pytest.raises(StoreError, match="neither text nor a number"):
        parse_manifest(path.read_bytes(), "here")
    assert store.find(KEY) is None


def test_a_pipe_in_the_place_of_a_manifest_or_file_is_damage(tmp_path: Path, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody waits for it, whatever looks after the store."""
    os.mkfifo(folder_of(store.root, KEY) / "tsm-bs9-0123456789abcdef.json")
    (folder_of(store.root, KEY) / "head.bin").unlink()
    os.mkfifo(folder_of(store.root, KEY) / "head.bin")
    assert 1 == command.main(["verify", "--artifacts", str(tmp_path / "artifacts")])
    told = capsys.readouterr().out
    assert "tsm-bs9-0123456789abcdef.json cannot be read: it is a pipe" in told
    assert "head.bin is missing" in told
    assert 0 == command.main(["list", "--artifacts", str(tmp_path / "artifacts")])


def test_a_manifest_of_gigabytes_is_damage(store: Store) -> None:
    """It is not read at all."""
    path = manifest_path(store.root, KEY)
    os.truncate(path, 2**36)
    assert f"{path.name} cannot be read: it is larger than 64 MiB" == damage_of(path)


@pytest.mark.parametrize("place", ["weights/x-0123456789abcdef", "weights2", PARTIAL, UNFINISHED])
def test_prune_removes_nothing_behind_a_link(tmp_path: Path, store: Store, victim: Path, place: str) -> None:
    """Neither an entry, nor what is half-built, nor what is long unused."""
    within = victim.parent / "mine-0123456789abcdef"
    within.mkdir()
    for folder in (victim.parent, within):
        (folder / "entry.json").write_text("damaged")
    (within / "deep").mkdir()
    (store.root / place).parent.mkdir(exist_ok=True)
    if place == PARTIAL and (store.root / PARTIAL).exists():
        (store.root / PARTIAL).rmdir()
    (store.root / place).symlink_to(victim.parent)
    os.utime(within / "deep", (0, 0))
    assert 0 == prune(tmp_path, "--unused-days", "1")
    assert (True, True, True) == (victim.exists(), (within / "entry.json").exists(), (within / "deep").exists())


def test_prune_removes_no_file_of_an_entry_that_lies_behind_a_link(tmp_path: Path, store: Store, victim: Path) -> None:
    """A folder inside an entry that somebody has replaced by a link; the manifest goes."""
    path = manifest_path(store.root, HOSTED)
    (path.parent / "more").symlink_to(victim.parent)
    edited(path, files={"more/victim": "0" * 64})
    assert 0 == prune(tmp_path)
    assert (True, False) == (victim.exists(), path.exists())


def test_nothing_is_built_behind_a_link(store: Store, victim: Path) -> None:
    """The folder of half-built entries that leads elsewhere is one error."""
    if (store.root / PARTIAL).exists():
        (store.root / PARTIAL).rmdir()
    (store.root / PARTIAL).symlink_to(victim.parent)
    edited(manifest_path(store.root, KEY), files={})
    manifest_path(store.root, KEY).unlink()
    with pytest.raises(StoreError, match="a link or something else is in the place of the file"):
        store.build(KEY, write("b"))
    assert [victim] == [*victim.parent.iterdir()]
