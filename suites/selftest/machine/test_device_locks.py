"""Locks of devices: nobody is led to another file, and one process at a time holds."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import queue
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from tools.errors import DeviceError
from tools.machine import device_locks
from tools.machine.device_locks import hold, own_folder, require

FORK = multiprocessing.get_context("fork")
Waiter = tuple[threading.Thread, "queue.Queue[str]", threading.Event]


def folder(path: Path, mode: int = 0o700) -> Path:
    path.mkdir()
    path.chmod(mode)
    return path


def holds(place: str, held: Event) -> None:
    """What a process does that keeps the lock until it is killed."""
    with hold(place, "npu0", lambda words: None):
        held.set()
        threading.Event().wait()


@contextmanager
def held_elsewhere(place: Path) -> Iterator[multiprocessing.process.BaseProcess]:
    """Another process has the lock."""
    held = FORK.Event()
    other = FORK.Process(target=holds, args=(str(place), held), daemon=True)
    other.start()
    try:
        assert held.wait(20)
        yield other
    finally:
        other.kill()
        other.join()


@contextmanager
def waiting(place: Path) -> Iterator[Waiter]:
    """A thread that takes the lock: itself, what it says while it waits, and whether it has it."""
    said: queue.Queue[str] = queue.Queue()
    has, done = threading.Event(), threading.Event()

    def take() -> None:
        with hold(str(place), "npu0", said.put):
            has.set()
            done.wait(20)

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    yield thread, said, has
    done.set()
    thread.join(20)


def link(place: Path, target: Path) -> None:
    place.symlink_to(target)


def hard_link(place: Path, target: Path) -> None:
    place.hardlink_to(target)


def pipe(place: Path, target: Path) -> None:
    os.mkfifo(place)


def directory(place: Path, target: Path) -> None:
    place.mkdir()


@pytest.mark.parametrize("plant", [link, hard_link, pipe, directory])
def test_what_is_planted_at_the_locks_place_is_refused(tmp_path: Path, plant: Callable[[Path, Path], None]) -> None:
    """The file behind a link keeps its content and its mode, and nothing is waited for."""
    place, target = folder(tmp_path / "locks", 0o1777), tmp_path / "precious"
    target.write_text("precious")
    target.chmod(0o600)
    plant(place / "npu0.lock", target)
    with pytest.raises(DeviceError, match="no lock file") as caught, hold(str(place), "npu0", lambda words: None):
        pytest.fail("the lock was given")

    assert str(place / "npu0.lock") == caught.value.where
    assert ("precious", 0o600) == (target.read_text(), stat.S_IMODE(target.stat().st_mode))


def test_a_link_to_nothing_makes_no_file(tmp_path: Path) -> None:
    """Nor is a file made where a planted link points."""
    place = folder(tmp_path / "locks", 0o1777)
    (place / "npu0.lock").symlink_to(tmp_path / "new")
    with pytest.raises(DeviceError, match="no lock file"), hold(str(place), "npu0", lambda words: None):
        pytest.fail("the lock was given")

    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("mode", "fit"), [(0o777, False), (0o775, False), (0o1777, True), (0o3770, True), (0o700, True), (0o755, True)])
def test_a_folder_that_others_write_needs_the_sticky_bit(tmp_path: Path, mode: int, fit: bool) -> None:
    """Without it they could remove a lock that is held, and take the next one of that name."""
    place = folder(tmp_path / "locks", mode)
    if fit:
        assert place == require(str(place))
    else:
        with pytest.raises(DeviceError, match="no sticky bit") as caught:
            require(str(place))
        assert f"chmod +t {place}" in str(caught.value.remedy)


def test_only_owner_and_group_write_the_lock_file(tmp_path: Path) -> None:
    """Whatever the umask is."""
    place, before = folder(tmp_path / "locks", 0o3770), os.umask(0o077)
    try:
        with hold(str(place), "npu0", lambda words: None):
            pass
    finally:
        os.umask(before)

    assert 0o664 == stat.S_IMODE((place / "npu0.lock").stat().st_mode)


def test_a_holder_that_is_killed_leaves_the_lock_free(tmp_path: Path) -> None:
    """Its words are there while it lives; nothing is cleaned up, and nobody waits."""
    place = folder(tmp_path / "locks")
    with held_elsewhere(place) as other, waiting(place) as (_, said, has):
        assert f"process {other.pid} (working in {Path.cwd()})" == said.get(timeout=20)
        assert not has.is_set()
        other.kill()
        assert has.wait(20)
        assert said.empty()

    with held_elsewhere(place) as other:
        other.kill()
        other.join()
        with hold(str(place), "npu0", lambda words: pytest.fail("the dead one's lock is waited for")):
            pass


def test_a_forked_child_that_leaves_by_the_lock_frees_nothing(tmp_path: Path) -> None:
    """Its copy of the descriptor is closed, and the process that took the lock has it still."""
    holding = hold(str(folder(tmp_path / "locks")), "npu0", lambda words: None)
    with holding:
        child = FORK.Process(target=holding.__exit__, args=(None, None, None))
        child.start()
        child.join(20)
        with (tmp_path / "locks" / "npu0.lock").open() as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with (tmp_path / "locks" / "npu0.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_file_made_again_while_it_is_waited_for_has_one_holder(tmp_path: Path) -> None:
    """Who waits for a file that was removed does not get a lock on it beside the holder of the new one."""
    place, anew = folder(tmp_path / "locks"), folder(tmp_path / "anew")
    with held_elsewhere(place) as first, held_elsewhere(anew) as second, waiting(place) as (_, said, has):
        said.get(timeout=20)
        (anew / "npu0.lock").replace(place / "npu0.lock")  # at once, or the one that waits would make it first
        first.kill()
        first.join()
        assert not has.wait(5 * device_locks.POLL_S), "two hold one lock"
        second.kill()
        assert has.wait(20)


def test_a_file_removed_before_it_is_locked_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between opening and locking another may have removed it: the lock is on the file that is there."""
    place, real = folder(tmp_path / "locks"), device_locks._open
    opened: list[Path] = []

    def removed_once(path: Path) -> int:
        descriptor = real(path)
        if not opened:
            path.unlink()
        opened.append(path)
        return descriptor

    monkeypatch.setattr(device_locks, "_open", removed_once)
    with hold(str(place), "npu0", lambda words: None):
        assert (place / "npu0.lock").is_file()
    assert 2 == len(opened)


def as_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int) -> Path:
    """The own folder of a user without a runtime folder."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(device_locks, "TEMPORARY", tmp_path)
    monkeypatch.setattr(device_locks, "OF_THIS_BOOT", tmp_path / "none")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return own_folder()


def test_each_user_has_a_folder_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named by the user's number, and closed to others; the same whatever TMPDIR is."""
    user = os.geteuid()
    other = as_user(monkeypatch, tmp_path, user + 1)
    monkeypatch.setenv("TMPDIR", "/elsewhere")
    own = as_user(monkeypatch, tmp_path, user)

    assert (tmp_path / f"clipgate-{user}", tmp_path / f"clipgate-{user + 1}") == (own, other)
    assert own == require("")
    assert 0o700 == stat.S_IMODE(own.stat().st_mode)


def test_the_runtime_folder_is_taken_where_it_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one that sudo has left of another user, nor one that others write."""
    user = os.geteuid()
    runtime = folder(tmp_path / "runtime")
    as_user(monkeypatch, tmp_path, user)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))

    assert runtime / "clipgate" == own_folder() == require("")
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    assert tmp_path / f"clipgate-{user + 1}" == own_folder()
    monkeypatch.setattr(os, "geteuid", lambda: user)
    runtime.chmod(0o777)
    assert tmp_path / f"clipgate-{user}" == own_folder()


@pytest.mark.parametrize(("lies_there", "words"), [("open", "no sticky bit"), ("another's", "belongs to another user"),
    ("file", "a file or a link is in the place"), ("link", "a file or a link is in the place")])
def test_what_lies_in_the_place_of_the_own_folder_is_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lies_there: str, words: str) -> None:
    """A file, a link and another user's folder are one sentence each, with the option that helps."""
    own = as_user(monkeypatch, tmp_path, os.geteuid() + int(lies_there == "another's"))
    if lies_there == "file":
        own.write_text("")
    elif lies_there == "link":
        own.symlink_to(folder(tmp_path / "elsewhere"))
    else:
        folder(own, 0o777 if lies_there == "open" else 0o700)
    with pytest.raises(DeviceError, match=words) as caught:
        require("")

    assert str(own) == caught.value.where
    assert "--locks DIR" in str(caught.value.remedy)
    assert "\n" not in caught.value.what
