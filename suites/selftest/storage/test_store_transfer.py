"""Entries carried to another store: packed whole or not at all, and let in only as what was packed."""

from __future__ import annotations

import hashlib
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.storage.test_store import HOSTED, KEY, OTHER, command, left, write, write_graph
from tools.errors import StoreError
from tools.storage import unpacking
from tools.storage.archive import CONTENTS
from tools.storage.entries import Key, folder_of, manifest_path, manifests
from tools.storage.packing import Digesting, choose, lacking, pack
from tools.storage.store import Store
from tools.storage.unpacking import unpack

TSM = frozenset({"tsm", "tsm-mini"})
MEMBERS = [CONTENTS, f"{KEY}/entry.json", f"{KEY}/head.bin", f"{KEY}/inner/list.txt",
           f"{KEY}/{HOSTED.name}-{HOSTED.digest[:16]}.json", f"{KEY}/bs4.onnx"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a host and its hosted entry."""
    store = Store(tmp_path / "here" / "store")
    store.build(KEY, write("a"))
    store.build(HOSTED, write_graph)
    return store


@pytest.fixture
def archive(store: Store, tmp_path: Path) -> Path:
    """An archive of that store."""
    pack(store.root, choose(store.root, None, []), tmp_path / "all.tar", print)
    return tmp_path / "all.tar"


def there(tmp_path: Path) -> Path:
    return tmp_path / "there" / "store"


def said_by_unpacking(archive: Path, root: Path) -> list[str]:
    said: list[str] = []
    unpack(root, archive, said.append)
    return said


def test_entries_arrive_as_they_were(store: Store, archive: Path, tmp_path: Path) -> None:
    """A store filled from an archive has the same files, also below folders, and finds them.

    A second time nothing changes.
    """
    first, second = (said_by_unpacking(archive, there(tmp_path)) for _ in range(2))

    labels = [str(KEY), f"{KEY}/{HOSTED.name}-{HOSTED.digest[:16]}.json"]
    assert [f"new: {label}" for label in labels] == first
    assert [f"already here: {label}" for label in labels] == second
    assert left(store.root) == left(there(tmp_path))
    arrived = Store(there(tmp_path))
    assert (store.find(KEY), store.find(HOSTED)) == tuple(
        replace(found, folder=folder_of(store.root, KEY)) for key in (KEY, HOSTED) if (found := arrived.find(key)))
    assert all(path.read_bytes() == (there(tmp_path) / path.relative_to(store.root)).read_bytes()
               for path in store.root.glob("weights/**/*") if path.is_file())


def test_of_two_entries_of_the_same_files_the_later_travels(store: Store, tmp_path: Path) -> None:
    """A key that changed and made the same graph anew leaves two manifests of one file.

    The one used last is packed, and arrives.
    """
    again = replace(HOSTED, shaped_by=(*HOSTED.shaped_by, ("surgery", "")))
    store.build(again, write_graph)
    later = manifest_path(store.root, again)
    os.utime(later, (later.stat().st_atime, later.stat().st_mtime + 10))
    chosen = choose(store.root, None, [])
    pack(store.root, chosen, tmp_path / "all.tar", print)

    assert [manifest_path(store.root, KEY), later] == chosen
    assert [f"new: {KEY}", f"new: {KEY}/{later.name}"] == said_by_unpacking(tmp_path / "all.tar", there(tmp_path))


def test_what_is_here_whole_stays_and_what_is_damaged_is_replaced(archive: Path, tmp_path: Path) -> None:
    """An entry with other content is left alone with all made beside it; a damaged one is renewed."""
    arrived = Store(there(tmp_path))
    arrived.build(KEY, write("other"))
    said = said_by_unpacking(archive, arrived.root)
    assert [f"already here with other content, left alone: {KEY}",
            f"left out, made beside other files than are here: {KEY}/{HOSTED.name}-{HOSTED.digest[:16]}.json"] == said
    assert "other" == arrived.build(KEY, write("x")).file("head.bin").read_text()

    (folder_of(arrived.root, KEY) / "head.bin").write_text("broken")
    assert {"new"} == {line.partition(":")[0] for line in said_by_unpacking(archive, arrived.root)}
    assert arrived.find(HOSTED)


def test_a_model_takes_what_its_entries_are_made_of(store: Store) -> None:
    """Chosen are a model's entries and the data they name.

    Never chosen are other models', digests of local files, and compiled graphs.
    """
    data = Key("data", "mini", (("recipes", "1"),))
    fitted = Key("weights", "tsm-mini", (("data", data.digest),))
    exported = Key("onnx", "tsm", ())
    graphs = [Key("onnx", f"bs{batch}", (("batch", str(batch)),), host=exported) for batch in (1, 4)]
    others = [OTHER, replace(data, shaped_by=()), Key("manifest", "tsm", ()), Key("om", "tsm", ()), Key("control", "tsm", ()),
              Key("om", "bs1", (("batch", "1"),), host=exported)]
    for key in (data, fitted, exported, *graphs, *others):
        store.build(key, (lambda folder: {}) if key.host else write("a"))

    wanted = {manifest_path(store.root, key) for key in (KEY, HOSTED, data, fitted, exported, *graphs)}
    chosen = choose(store.root, TSM, [])
    assert (wanted, len(wanted)) == (set(chosen), len(chosen))
    assert wanted - {manifest_path(store.root, graphs[0])} == set(choose(store.root, TSM, [4]))
    assert wanted | {manifest_path(store.root, key) for key in others[:2]} == set(choose(store.root, None, []))
    assert ["no reference of tsm is in the store: python -m tools.reference tsm",
            "no graph of tsm for batch 16 is in the store: python -m tools.specialise tsm 16"] == lacking(chosen, "tsm", TSM, [4, 16])


@pytest.mark.parametrize(("name", "words"), [("head.bin", "head.bin does not have its digest"), ("entry.json", "entry.json is unreadable"),
                                             ("inner/list.txt", "inner/list.txt is missing")])
def test_a_damaged_entry_is_not_packed(store: Store, tmp_path: Path, name: str, words: str) -> None:
    """Damage found while packing names the entry, leaves no file, and an archive that was there as it was."""
    file = folder_of(store.root, KEY) / name
    file.unlink() if "missing" in words else file.write_text("{")
    (tmp_path / "old.tar").write_text("old")
    with pytest.raises(StoreError, match=str(KEY)) as caught:
        pack(store.root, choose(store.root, None, []), tmp_path / "old.tar", print)
    assert words in str(caught.value)
    assert ["here", "old.tar"] == sorted(path.name for path in tmp_path.iterdir())
    assert "old" == (tmp_path / "old.tar").read_text()


def blocks(archive: Path) -> dict[str, tuple[int, int]]:
    """Where each member's content begins and ends in the file."""
    with tarfile.open(archive) as tar:
        return {member.name: (member.offset_data, member.offset_data + member.size) for member in tar}


@pytest.mark.parametrize("at", range(len(MEMBERS)))
@pytest.mark.parametrize("cut", ["before", "inside"])
def test_a_truncated_archive_lets_in_whole_entries_only(archive: Path, tmp_path: Path, at: int, cut: str) -> None:
    """An archive that ends too early anywhere is an error; only entries before the cut are there, whole."""
    begin, end = blocks(archive)[MEMBERS[at]]
    os.truncate(archive, begin - 512 if cut == "before" else end - 1)
    with pytest.raises(StoreError) as caught:
        unpack(there(tmp_path), archive, print)
    assert caught.value.where == str(archive)
    assert int(at > 3) == len(manifests(there(tmp_path)))
    assert (Store(there(tmp_path)).find(KEY) is not None) == (at > 3)
    assert not list(there(tmp_path).glob(".partial/*"))


@pytest.mark.parametrize("at", range(len(MEMBERS)))
def test_a_changed_byte_is_found(archive: Path, tmp_path: Path, at: int) -> None:
    """A byte that differs anywhere in contents, manifest or file is an error; that entry stays outside."""
    begin, end = blocks(archive)[MEMBERS[at]]
    content = bytearray(archive.read_bytes())
    content[(begin + end) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(StoreError):
        unpack(there(tmp_path), archive, print)
    assert int(at > 3) == len(manifests(there(tmp_path)))
    assert not list(there(tmp_path).glob(".partial/*"))


def test_nothing_to_pack_is_an_error(store: Store, tmp_path: Path) -> None:
    """A model without entries says what makes them, an unknown one which there are; no archive is begun."""
    for model, words in (("bsn", ["nothing of bsn is in the store", "pytest -m bsn -k bs1"]), ("tms", ["unknown model 'tms'", "tsm"])):
        done = command(store.root.parent, "export", str(tmp_path / "x.tar"), "-m", model)
        assert done.returncode in (1, 2)
        assert all(word in done.stderr for word in words), done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.parametrize("place", ["nowhere/x.tar", "here/store/x.tar/y.tar"])
def test_an_archive_that_cannot_be_written_is_named(store: Store, tmp_path: Path, place: str) -> None:
    """A place that is not there, or is no folder, is a StoreError that names it."""
    (store.root / "x.tar").write_text("in the way")
    with pytest.raises(StoreError, match="cannot write the archive") as caught:
        pack(store.root, choose(store.root, None, []), tmp_path / place, print)
    assert str(caught.value.where).startswith(str((tmp_path / place).with_suffix("")))


def test_a_store_that_cannot_be_written_takes_nothing_in(archive: Path, tmp_path: Path) -> None:
    """A file in the place of the store is the store's error and not the archive's."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "store").write_text("in the way")
    done = command(tmp_path / "there", "import", str(archive))
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("cannot write the artifact store")


def test_the_one_used_last_is_still_that_when_it_arrived(store: Store, tmp_path: Path) -> None:
    """Entries are let in in the order of their last use, whatever their names."""
    keys = [replace(KEY, shaped_by=(("torch", version),)) for version in ("2.1", "2.2", "2.3", "2.4")]
    for used, key in enumerate(keys, 1000):
        store.build(key, write(key.digest))
        os.utime(manifest_path(store.root, key), (used, used))
    pack(store.root, choose(store.root, TSM, []), tmp_path / "x.tar", print)
    assert [f"new: {key}" for key in keys] == said_by_unpacking(tmp_path / "x.tar", there(tmp_path))[:4]


@pytest.mark.parametrize("sizes", [(), (1,), (1, 100)])
def test_what_is_read_is_what_is_digested(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    """In parts or in one, to the end of the file."""
    (tmp_path / "file").write_bytes(b"content")
    with (tmp_path / "file").open("rb") as file:
        digesting = Digesting(file)
        read = b"".join([*(digesting.read(size) for size in sizes), digesting.read()])

    assert (b"content", hashlib.sha256(b"content").digest()) == (read, digesting.sha.digest())


def test_no_file_of_an_archive_is_in_memory_whole() -> None:
    """A checkpoint has hundreds of megabytes; it comes in pieces of a few at most."""
    assert 2**16 <= unpacking.CHUNK <= 2**22
