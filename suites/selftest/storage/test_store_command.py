"""What `python -m tools.store list`, `verify` and `prune` say, where there is no store as well."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from suites.selftest.storage.test_store import HOSTED, KEY, OTHER, command, write, write_graph
from tools.errors import StoreError
from tools.storage.entries import folder_of
from tools.storage.store import Store

FORK = multiprocessing.get_context("fork")
NOBODY = 65534
LOOKS = ("list", "verify", "prune")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder to which the way is open for other users, as it is not to pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def as_nobody(work: Callable[[], object]) -> int | None:
    """The exit code of *work* done by a user with no rights of their own."""
    def become() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        work()

    process = FORK.Process(target=become)
    process.start()
    process.join(20)
    return process.exitcode


@pytest.mark.parametrize(("word", "last"), [("list", "no entries in {}/store"), ("verify", "0 entries, 0 damaged"),
                                            ("prune", "0 removed, 0 entries stay")])
def test_an_empty_store_is_said_to_be_empty(tmp_path: Path, word: str, last: str) -> None:
    """And one that nothing was put into yet, to be that; neither is an error."""
    done = command(tmp_path, word)
    assert (0, f"nothing is stored yet in {tmp_path}\n", "") == (done.returncode, done.stdout, done.stderr)
    assert [] == [*tmp_path.iterdir()]

    (tmp_path / "store").mkdir()
    done = command(tmp_path, word)
    assert (0, f"{last.format(tmp_path)}\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("word", LOOKS)
@pytest.mark.parametrize(("place", "reason"), [
    ("none", "No such file"), ("file", "Not a directory"), ("in/file", "Not a directory"), ("link", "No such file")])
def test_a_folder_that_is_not_there_is_one_error(tmp_path: Path, word: str, place: str, reason: str) -> None:
    """A name that was mistyped is no empty store that is well; nor is a file in its place."""
    (tmp_path / "file").write_text("mine")
    (tmp_path / "in" / "file").mkdir(parents=True)
    (tmp_path / "in" / "file" / "store").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    done = command(tmp_path / place, word)

    assert (1, "") == (done.returncode, done.stdout)
    what, where, remedy = done.stderr.splitlines()
    assert what.startswith(f"cannot read the artifact store: {reason}")
    assert str(tmp_path / place) in where
    assert "--artifacts DIR" in remedy
    assert ("name the folder of earlier runs" in remedy) == (reason == "No such file")


@AS_ROOT
@pytest.mark.parametrize("word", LOOKS)
@pytest.mark.parametrize("closed", ["store", "store/weights", f"store/{KEY}"])
def test_a_folder_that_may_not_be_read_is_one_error(everybodys: Path, word: str, closed: str) -> None:
    """Nothing in it is called absent, whole or damaged. A run that looks there is told as well."""
    store = Store(everybodys / "store")
    store.build(KEY, write("a"))
    (everybodys / closed).chmod(0o700)

    def look() -> None:
        done = command(everybodys, word)
        assert (1, "") == (done.returncode, done.stdout)
        assert f"cannot read the artifact store: Permission denied\n  where   {everybodys / closed}\n" in done.stderr
        assert "let its owner make it readable" in done.stderr
        with pytest.raises(StoreError, match="cannot read the artifact store: Permission denied"):
            store.find(KEY)

    assert 0 == as_nobody(look)


@AS_ROOT
@pytest.mark.parametrize("name", ["entry.json", "head.bin"])
def test_an_entry_that_may_not_be_read_is_not_pruned(everybodys: Path, name: str) -> None:
    """It is somebody else's, and perhaps good: verify names it, and prune goes on without it."""
    store = Store(everybodys / "store")
    store.build(KEY, write("a")).file(name).chmod(0o600)
    store.build(OTHER, write("a")).file("head.bin").write_text("b")
    for path in (store.root, *store.root.rglob("*")):
        path.chmod(path.stat().st_mode | (0o077 if path.is_dir() else 0))

    def look() -> None:
        verified, pruned = command(everybodys, "verify"), command(everybodys, "prune")
        assert (1, True) == (verified.returncode, f"{KEY}: {name} cannot be read: Permission denied\n" in verified.stdout)
        assert (0, f"{OTHER}: head.bin does not have its digest\n1 removed, 1 entries stay\n") == (pruned.returncode, pruned.stdout)

    assert 0 == as_nobody(look)
    assert store.find(KEY)


@AS_ROOT
def test_what_may_not_be_removed_is_one_error(everybodys: Path) -> None:
    """A damaged entry in a folder of another user."""
    store = Store(everybodys / "store")
    store.build(KEY, write("a")).file("head.bin").write_text("b")
    (store.root / "locks").chmod(0o777)

    def look() -> None:
        done = command(everybodys, "prune")
        assert (1, "") == (done.returncode, done.stdout)
        assert done.stderr.startswith("cannot remove from the artifact store: Permission denied\n"), done.stderr
        assert "let its owner prune it" in done.stderr

    assert 0 == as_nobody(look)
    assert folder_of(store.root, KEY).is_dir()


def test_what_lost_its_host_is_damaged(tmp_path: Path) -> None:
    """No run can find it: verify says so, and prune removes it."""
    store = Store(tmp_path / "store")
    store.build(KEY, write("a"))
    store.build(HOSTED, write_graph).file("entry.json").unlink()
    done = command(tmp_path, "verify")
    assert (1, "1 entries, 1 damaged") == (done.returncode, done.stdout.splitlines()[-1])
    assert "entry.json is missing" in done.stdout
    assert "1 removed, 0 entries stay" == command(tmp_path, "prune").stdout.splitlines()[-1]
    assert not folder_of(store.root, KEY).exists()


def test_help_tells_the_exit_statuses(tmp_path: Path) -> None:
    done = command(tmp_path, "--help")
    assert "1 if verify found damage, or the store cannot be read or written; 2 for wrong options" in " ".join(done.stdout.split())
