"""The artifact store: what is found is whole, what broke is built again, and two builders are one."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.conftest import ran
from tools.errors import StoreError, WeightsError
from tools.storage.entries import Facts, Key, folder_of, manifests
from tools.storage.store import Store, require_writable

FORK = multiprocessing.get_context("fork")
KEY = Key("weights", "tsm-mini", (("revision", "1"), ("spec", "abc")))
HOSTED = Key("onnx", "tsm-bs4", (("batch", "4"),), host=KEY)
OTHER = replace(KEY, name="other")


def write(text: str) -> Callable[[Path], Facts]:
    def builder(folder: Path) -> Facts:
        (folder / "inner").mkdir()
        (folder / "head.bin").write_text(text)
        (folder / "inner" / "list.txt").write_text(text * 2)
        return {"length": len(text)}

    return builder


def write_graph(folder: Path) -> Facts:
    (folder / "bs4.onnx").write_text("graph")
    return {}


def refuse(folder: Path) -> Facts:
    raise AssertionError("this entry needs no building")


def left(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.parent.name != "locks")


def test_what_was_built_is_found(tmp_path: Path) -> None:
    """An entry built once is found with its files and facts, by another store and another process alike."""
    built = Store(tmp_path).build(KEY, write("a"))
    found = Store(tmp_path).build(KEY, refuse)

    assert (built.folder, {"head.bin", "inner/list.txt"}, {"length": 1}) == (found.folder, set(found.files), found.facts)
    assert ("a", "aa") == (found.file("head.bin").read_text(), found.file("inner/list.txt").read_text())
    assert found == Store(tmp_path).find(KEY)


def test_an_entry_lies_where_its_key_says(tmp_path: Path) -> None:
    """Equal keys lie in one place; another kind, name or anything that shapes the content is elsewhere."""
    store = Store(tmp_path)
    shapes = [(("revision", "2"), ("spec", "abc")), (("revision", "1"), ("spec", "abd")), (("revision", "1"), ("spe", "cabc"))]
    others = [replace(KEY, kind="data"), replace(KEY, name="tsm"), *(replace(KEY, shaped_by=shape) for shape in shapes)]

    assert folder_of(store.root, KEY) == folder_of(store.root, replace(KEY))
    assert 6 == len({folder_of(store.root, key) for key in (KEY, *others)}) == len({key.digest for key in (KEY, *others)})
    assert 6 == len({replace(HOSTED, host=host).digest for host in (KEY, *others)})


@pytest.mark.parametrize("error", [WeightsError("no"), OSError("no"), KeyboardInterrupt()])
def test_a_builder_that_raises_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    """What a failed builder wrote is gone, its own error is raised, and the next build works."""

    def fail(folder: Path) -> Facts:
        write("half")(folder)
        raise error

    store = Store(tmp_path)
    with pytest.raises((type(error), StoreError)):
        store.build(KEY, fail)
    assert (None, []) == (store.find(KEY), left(tmp_path))
    assert "a" == store.build(KEY, write("a")).file("head.bin").read_text()


def test_an_error_of_the_builder_is_not_blamed_on_the_store(tmp_path: Path) -> None:
    """An input that the builder cannot read is that error, not a store that cannot be written."""
    with pytest.raises(FileNotFoundError):
        Store(tmp_path / "store").build(KEY, lambda folder: {"size": (tmp_path / "gone.pth").stat().st_size})


def test_a_killed_build_leaves_no_entry(tmp_path: Path) -> None:
    """A process killed inside its builder leaves nothing that is found, and its lock is free."""

    def die(folder: Path) -> Facts:
        write("half")(folder)
        os.kill(os.getpid(), signal.SIGKILL)
        return {}

    process = FORK.Process(target=Store(tmp_path).build, args=(KEY, die))
    process.start()
    process.join(20)
    assert -signal.SIGKILL == process.exitcode
    assert ([], None) == (manifests(tmp_path), Store(tmp_path).find(KEY))
    assert "a" == Store(tmp_path).build(KEY, write("a")).file("head.bin").read_text()
    assert all(name.startswith(str(KEY)) for name in left(tmp_path))


@pytest.mark.parametrize(("name", "words"), [("head.bin", "head.bin does not have its digest"), ("entry.json", "entry.json is unreadable"),
                                             ("inner/list.txt", "inner/list.txt is missing")])
def test_a_damaged_entry_is_announced_and_rebuilt(tmp_path: Path, name: str, words: str) -> None:
    """A file that was cut or lost is found out on use, said aloud, and the entry is built again."""
    said: list[str] = []
    store = Store(tmp_path, said.append)
    damaged = store.build(KEY, write("abcdef")).file(name)
    os.truncate(damaged, damaged.stat().st_size - 3)
    if "missing" in words:
        damaged.unlink()

    assert store.find(KEY) is None
    assert [f"{KEY} is damaged ({words}); it will be built again"] == said
    assert "abcdef" == store.build(KEY, write("abcdef")).file("head.bin").read_text()
    assert store.find(KEY)


def test_a_hosted_entry_lies_beside_its_host_and_falls_with_it(tmp_path: Path) -> None:
    """A hosted entry's files lie in the host's folder; a damaged host makes both absent until rebuilt."""
    store = Store(tmp_path)
    host, hosted = store.build(KEY, write("a")), store.build(HOSTED, write_graph)
    assert (host.folder, {"bs4.onnx"}) == (hosted.folder, set(hosted.files))
    assert (host, hosted) == (store.find(KEY), store.find(HOSTED))

    host.file("head.bin").write_text("b")
    assert (None, None) == (store.find(HOSTED), store.find(KEY))
    store.build(KEY, write("a"))
    assert store.find(HOSTED) is None
    assert store.build(HOSTED, write_graph) == store.find(HOSTED)


def test_two_builders_of_one_entry_build_it_once(tmp_path: Path) -> None:
    """Of two processes that want the same entry one builds; the other says that it waits, and finds it."""
    started, finish, said = FORK.Event(), FORK.Event(), FORK.SimpleQueue()

    def slow(folder: Path) -> Facts:
        started.set()
        assert finish.wait(20)
        return write("first")(folder)

    def say(text: str) -> None:
        said.put(text)
        finish.set()

    first = FORK.Process(target=Store(tmp_path).build, args=(KEY, slow))
    second = FORK.Process(target=Store(tmp_path, say).build, args=(KEY, refuse))
    first.start()
    assert started.wait(20)
    second.start()
    for process in (first, second):
        process.join(20)

    assert (0, 0) == (first.exitcode, second.exitcode)
    assert (f"waiting: process {first.pid} (working in {Path.cwd()}) is building {KEY}", True) == (said.get(), said.empty())
    assert "first" == Store(tmp_path).build(KEY, refuse).file("head.bin").read_text()


def command(artifacts: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m tools.store` with these words on *artifacts*."""
    return ran("store", *words, "--artifacts", str(artifacts))


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    """An artifacts folder with a host of 3 MiB, its hosted entry, and another entry with a damaged file."""
    store = Store(tmp_path / "store")
    store.build(KEY, write("x" * 2**20))
    store.build(HOSTED, write_graph)
    store.build(OTHER, write("a")).file("inner/list.txt").write_text("b")
    return tmp_path


def test_list_shows_sizes(artifacts: Path) -> None:
    """`list` prints a line an entry with its size, a damaged one's too."""
    done = command(artifacts, "list")

    assert 0 == done.returncode, done.stderr
    assert {f"3.0 MiB {KEY}", f"0.0 MiB {KEY}/{HOSTED.name}-{HOSTED.digest[:16]}.json", f"0.0 MiB {OTHER}"} == {
        " ".join(line.split()) for line in done.stdout.splitlines()}


@pytest.mark.parametrize("name", ["inner/list.txt", "entry.json"])
def test_list_stands_damage(artifacts: Path, name: str) -> None:
    """`list` goes on past an entry that lost a file or its manifest's end."""
    damaged = artifacts / "store" / str(OTHER) / name
    damaged.write_text("{") if name == "entry.json" else damaged.unlink()
    done = command(artifacts, "list")
    assert 0 == done.returncode, done.stderr
    assert 3 == len(done.stdout.splitlines())


def test_verify_names_and_prune_removes_what_is_damaged(artifacts: Path) -> None:
    """`verify` exits 1, naming the file; `prune` removes that entry and half-built ones; `verify` exits 0."""
    (artifacts / "store" / ".partial" / "0123").mkdir(parents=True)
    before, pruned, after = (command(artifacts, word) for word in ("verify", "prune", "verify"))
    damaged = f"{OTHER}: inner/list.txt does not have its digest"

    assert (1, [damaged, "3 entries, 1 damaged"]) == (before.returncode, before.stdout.splitlines())
    assert (0, [damaged, "2 removed, 2 entries stay"]) == (pruned.returncode, pruned.stdout.splitlines())
    assert (0, ["2 entries, 0 damaged"]) == (after.returncode, after.stdout.splitlines())
    store = Store(artifacts / "store")
    assert None not in (store.find(KEY), store.find(HOSTED))
    assert not (folder_of(store.root, OTHER).exists() or (artifacts / "store" / ".partial").exists())


@pytest.mark.parametrize("damaged", ["head.bin", "entry.json", pytest.param(f"{HOSTED.name}-{HOSTED.digest[:16]}.json", id="hosted")])
def test_prune_stands_damage_to_host_or_hosted(artifacts: Path, damaged: str) -> None:
    """`prune` of a host takes its hosted entries along; a hosted entry whose manifest broke goes alone."""
    store = Store(artifacts / "store")
    (folder_of(store.root, KEY) / damaged).write_text("{")
    done = command(artifacts, "prune")

    assert (0, "") == (done.returncode, done.stderr)
    assert store.find(HOSTED) is None
    assert damaged.startswith(HOSTED.name) == (store.find(KEY) is not None)
    assert 0 == command(artifacts, "verify").returncode


def test_prune_removes_what_was_not_used_lately(artifacts: Path) -> None:
    """`prune --unused-days` removes what nobody found so long; finding an entry, or a hosted one, is use."""
    store = Store(artifacts / "store")
    store.build(OTHER, write("a"))
    for path in manifests(store.root):
        os.utime(path, (0, 0))
    assert store.find(HOSTED)
    for days in ("-3", "0", "nan"):
        assert 2 == command(artifacts, "prune", "--unused-days", days).returncode
    done = command(artifacts, "prune", "--unused-days", "7")
    assert 0 == done.returncode, done.stderr
    assert f"{OTHER}: not used lately" in done.stdout
    assert not folder_of(store.root, OTHER).exists()
    assert None not in (store.find(KEY), store.find(HOSTED))


@pytest.mark.parametrize("act", [lambda root: Store(root).build(KEY, write("a")), require_writable])
def test_a_store_that_cannot_be_written_is_named(tmp_path: Path, act: Callable[[Path], object]) -> None:
    """A file in place of the store's folder is a StoreError naming the place and the option to change."""
    (tmp_path / "store").write_text("in the way")

    with pytest.raises(StoreError) as caught:
        act(tmp_path / "store")
    assert str(caught.value.where).startswith(str(tmp_path / "store"))
    assert "--artifacts" in str(caught.value.remedy)
