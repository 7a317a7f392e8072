"""A bit that flipped on disk, in whatever file of an entry: the entry is not used, and is built anew."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from suites.selftest.storage.test_killed import MAKE, is_right
from suites.selftest.storage.test_store import HOSTED, KEY
from tools.errors import StoreError
from tools.storage.elsewhere import alike
from tools.storage.entries import Key, folder_of, manifest_path, parse_manifest
from tools.storage.packing import choose, pack
from tools.storage.store import Store
from tools.storage.unpacking import unpack

FILES = ["head.bin", "inner/list.txt", "bs4.onnx", "bs4.data", "entry.json", manifest_path(Path(), HOSTED).name]
MANIFESTS = {"entry.json": KEY, FILES[-1]: HOSTED}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    for key in (KEY, HOSTED):
        store.build(key, MAKE[key])
    return store


def flips(content: bytes, seed: str, count: int) -> list[bytes]:
    """*content* with one bit flipped, at so many places."""
    places = sorted(random.Random(seed).sample(range(8 * len(content)), min(count, 8 * len(content))))
    return [content[: place // 8] + bytes([content[place // 8] ^ 1 << place % 8]) + content[place // 8 + 1 :] for place in places]


@pytest.mark.parametrize("name", FILES, ids=[*FILES[:-1], "hosted manifest"])
def test_an_entry_with_a_flipped_bit_is_not_used(store: Store, tmp_path: Path, name: str) -> None:
    """Neither found nor packed; a manifest that says the same in other letters is the same manifest."""
    path = folder_of(store.root, KEY) / name
    whole, before = path.read_bytes(), (store.find(KEY), store.find(HOSTED))
    hurt = HOSTED if name.startswith("bs4") or name == FILES[-1] else KEY
    refused = 0
    for content in flips(whole, name, 100):
        path.write_bytes(content)
        found = store.find(hurt)
        assert found in (None, before[hurt == HOSTED]), content
        if found:
            assert parse_manifest(content, name).get("sha256", "lost") in (parse_manifest(whole, name)["sha256"], "lost")
            continue
        refused += 1
        assert (before[0] if hurt == HOSTED else None, None) == (store.find(KEY), store.find(HOSTED))
    assert refused > 0.9 * min(100, 8 * len(whole))

    with pytest.raises(StoreError, match="is damaged"):
        pack(store.root, choose(store.root, None, []), tmp_path / "all.tar", lambda text: None)
    for key in (KEY, HOSTED):
        assert is_right(store.build(key, MAKE[key]), tmp_path / f"{key.name} again")


@pytest.mark.parametrize(("name", "key"), MANIFESTS.items(), ids=["entry.json", "hosted manifest"])
def test_what_a_changed_manifest_says_is_believed_by_nobody(store: Store, name: str, key: Key) -> None:
    """A digit of a fact, a version or the commit: still JSON, and still not what was written."""
    path = folder_of(store.root, KEY) / name
    whole = path.read_bytes()
    for text in (*((b'"length": ', b'"revision": "') if key == KEY else (b'"graphs": ', b'"batch": "')), b'"commit": "'):
        place = whole.index(text) + len(text)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(StoreError, match="the manifest has changed since it was written"):
            parse_manifest(path.read_bytes(), name)
        assert ([], None) == (alike(store.root, key, "revision"), store.find(key))
    path.write_bytes(whole)
    assert store.find(key)


def test_what_the_disk_cannot_read_is_damage(store: Store, tmp_path: Path) -> None:
    """As a disk that is going bad answers: the file is named, and the entry is built anew."""
    said = list[str]()
    file = folder_of(store.root, KEY) / "head.bin"
    file.unlink()
    file.symlink_to("/proc/self/mem")  # the kernel refuses to read its first byte

    assert Store(store.root, said.append).find(KEY) is None
    assert [f"{KEY} is damaged (head.bin cannot be read: Input/output error); it will be built again"] == said
    assert is_right(store.build(KEY, MAKE[KEY]), tmp_path / "again")


def test_an_entry_from_before_seals_is_still_good(store: Store, tmp_path: Path) -> None:
    """Stores that older code filled stay of use, and their archives come in."""
    path = manifest_path(store.root, KEY)
    sealed = parse_manifest(path.read_bytes(), str(path))["sha256"]
    path.write_bytes(b"".join(line for line in path.read_bytes().splitlines(keepends=True) if sealed.encode() not in line))
    assert "sha256" not in parse_manifest(path.read_bytes(), str(path))
    assert store.find(KEY)
    pack(store.root, choose(store.root, None, []), tmp_path / "all.tar", lambda text: None)
    unpack(tmp_path / "there", tmp_path / "all.tar", lambda text: None)
    assert Store(tmp_path / "there").find(KEY)
