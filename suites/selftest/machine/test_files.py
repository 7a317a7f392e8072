"""Files that are whole or not there, the versions that keys hold, and the words of whoever holds a lock."""

from __future__ import annotations

import errno
import os
import platform
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO, Self

import pytest

from tools.errors import DataError, MeasureError, StoreError
from tools.machine import locks, versions
from tools.machine.files import flush, require_unchanged, sha256, write_whole, writing
from tools.spec.settings import ROOT

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_a_file_must_have_the_bytes_it_was_found_with(tmp_path: Path) -> None:
    """One that is gone has changed as well; a folder is no file."""
    path = tmp_path / "a.bin"
    path.touch()
    require_unchanged(path, EMPTY)
    path.write_bytes(b"more")
    for place in (path, tmp_path / "none", tmp_path):
        with pytest.raises(StoreError, match=f"{place.name} has changed since this run found it") as caught:
            require_unchanged(place, EMPTY)
        assert str(place) == caught.value.where
    assert "let nobody write it during a run, and start again: what is damaged in the store is built anew" == caught.value.remedy
    with pytest.raises(DataError):
        require_unchanged(path, EMPTY, DataError)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_file_that_is_not_written_whole_leaves_the_old_one(tmp_path: Path, error: type[BaseException]) -> None:
    """And nothing beside it."""
    def half(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    path = tmp_path / "a.json"
    write_whole(path, lambda file: file.write(b"old"))
    with pytest.raises(error):
        write_whole(path, half)
    assert ([path], b"old") == ([*tmp_path.iterdir()], path.read_bytes())


def test_writing_one_file_touches_no_other(tmp_path: Path) -> None:
    """Neither a user's own beside it, nor one of the same stem that is written at the same time."""
    (tmp_path / "a.partial").write_text("mine")

    def meanwhile(file: BinaryIO) -> None:
        file.write(b"tar")
        write_whole(tmp_path / "a.json", lambda other: other.write(b"json"))

    write_whole(tmp_path / "a.tar", meanwhile)
    assert {"a.partial": "mine", "a.tar": "tar", "a.json": "json"} == {path.name: path.read_text() for path in tmp_path.iterdir()}


def test_what_is_written_is_on_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "a.json", list[tuple[bool, int]]()
    monkeypatch.setattr(os, "fsync", lambda descriptor: seen.append((path.exists(), os.fstat(descriptor).st_size)))
    write_whole(path, lambda file: file.write(b"12345"))

    assert [(False, 5)] == seen
    assert b"12345" == path.read_bytes()


@pytest.mark.parametrize(("number", "ours"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EFBIG, True), (errno.EROFS, True),
                                              (errno.EACCES, False), (errno.ENOENT, False)])
def test_a_full_disk_is_one_sentence(tmp_path: Path, number: int, ours: bool) -> None:
    """Naming the file, or else the folder; any other error is left as it is."""
    for name in (str(tmp_path / "a"), None):
        with pytest.raises(MeasureError if ours else OSError) as caught, writing("the scores", tmp_path, MeasureError):
            raise OSError(number, os.strerror(number), name)
        if isinstance(caught.value, MeasureError):
            assert f"cannot write the scores: {os.strerror(number)}" == caught.value.what
            assert (name or str(tmp_path), "make room, or choose another disk with --artifacts DIR") == (
                caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("count", "each"), [(64, True), (65, False)])
def test_everything_below_a_folder_is_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, each: bool) -> None:
    """Files and the folder one by one, or all that the system has where they are many."""
    (tmp_path / "inner").mkdir()
    for number in range(count):
        (tmp_path / "inner" / str(number)).touch()
    one_by_one, at_once = list[int](), list[int]()
    monkeypatch.setattr(os, "fsync", lambda descriptor: one_by_one.append(os.fstat(descriptor).st_ino))
    monkeypatch.setattr(os, "sync", lambda: at_once.append(1))
    flush(tmp_path)

    inodes = {path.stat().st_ino for path in (tmp_path, *(tmp_path / "inner").iterdir())}
    assert (inodes if each else set(), [] if each else [1]) == (set(one_by_one), at_once)
    assert EMPTY == sha256(tmp_path / "inner" / "0")


def test_a_package_is_told_by_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    """In public without the label of its build; one that is not installed is absent."""
    monkeypatch.setattr(versions, "version", lambda package: {"torch": "2.13.0+cpu", "numpy": "2.4"}[package])

    assert (("torch", "2.13.0+cpu"), ("numpy", "2.4")) == versions.of("torch", "numpy")
    assert (("torch", "2.13.0"), ("numpy", "2.4")) == versions.public("torch", "numpy")
    monkeypatch.undo()
    assert (("no-such-package-at-all", "absent"),) == versions.of("no-such-package-at-all")


@pytest.mark.parametrize(("top", "head", "changed", "commit"), [
    (str(ROOT), "0123456789abcdef", "", "0123456789ab"), (str(ROOT), "0123456789abcdef", " M a.py", "0123456789ab+"),
    ("/another/checkout", "0123456789abcdef", "", "unknown"), (str(ROOT), "", "", "unknown"), ("", "", "", "unknown"),
])
def test_the_commit_is_that_of_this_checkout(monkeypatch: pytest.MonkeyPatch, top: str, head: str, changed: str, commit: str) -> None:
    """With a plus where files differ from it."""
    def git(*arguments: str) -> str:
        return f"{top}\n{head}" if arguments[0] == "rev-parse" else changed

    monkeypatch.setattr(versions, "_git", git)
    assert commit == versions.commit.__wrapped__()


def test_without_git_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor where it fails or takes too long."""
    asked: list[Any] = []

    def run(command: list[str], **how: Any) -> object:
        asked.append((command, how["timeout"]))
        return SimpleNamespace(stdout=" said \n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert ("", []) == (versions._git("status"), asked)
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/git")
    assert "said" == versions._git("status")
    assert [(["/bin/git", "-C", str(ROOT), "status"], 10.0)] == asked
    for error in (OSError(), subprocess.TimeoutExpired("git", 1), subprocess.CalledProcessError(128, "git")):
        monkeypatch.setattr(subprocess, "run", lambda *given, error=error, **how: (_ for _ in ()).throw(error))
        assert "" == versions._git("status")


def test_a_machine_is_told_by_what_times_depend_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its processor by the first name that the kernel gives, or by its kind."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    monkeypatch.setattr(os, "getloadavg", lambda: (1.256, 9.0, 9.0))
    told = dict(versions.machine())
    assert ["python", "system", "cpu", "cores", "load"] == list(told)
    assert ("3", "1.26") == (told["cores"], told["load"])

    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    for text, name in (("processor : 0\nmodel name\t: A CPU @ 3: GHz\nmodel name\t: Another\n", "A CPU @ 3: GHz"),
                       ("Model\t\t: Kunpeng\n", "Kunpeng"), ("processor : 0\n", "aarch64")):
        monkeypatch.setattr("builtins.open", lambda path, text=text: _File(text))
        assert name == versions._cpu_name()
    monkeypatch.setattr("builtins.open", lambda path: (_ for _ in ()).throw(OSError()))
    assert "aarch64" == versions._cpu_name()


class _File(list[str]):
    """The lines of a file."""

    def __init__(self, text: str) -> None:
        super().__init__(text.splitlines(keepends=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *given: object) -> None:
        pass


def test_a_lock_is_waited_for_and_its_holder_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once; without the holder's words it is another process."""
    path, said = tmp_path / "folder" / "a.lock", list[str]()

    class FreeError(Exception):
        """The test's holder lets go."""

    def free(words: str) -> None:
        said.append(words)
        raise FreeError

    with locks.hold(path, said.append):
        with pytest.raises(FreeError), locks.hold(path, free):
            pytest.fail("it was held")
        path.with_suffix(".holder").unlink()
        with pytest.raises(FreeError), locks.hold(path, free):
            pytest.fail("it was held")
    assert [f"process {os.getpid()} (working in {Path.cwd()})", "another process"] == said
    with locks.hold(path, said.append):
        assert path.with_suffix(".holder").is_file()
    assert not path.with_suffix(".holder").exists()
    assert 2 == len(said)
