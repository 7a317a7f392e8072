"""What lies in a lock's place: a note of a process that was killed, a folder, a link, another user's file."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.errors import StoreError
from tools.machine.locks import hold

FORK = multiprocessing.get_context("fork")
NOBODY = 65534


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    (tmp_path / "locks").mkdir()
    return tmp_path / "locks" / "a.lock"


class GivenUpError(Exception):
    """The test's process waits no longer."""


@pytest.fixture
def everybodys() -> Iterator[Path]:
    """A folder to which the way is open for other users, as it is not to pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def waits(holder: str) -> None:
    pytest.fail(f"it waits for {holder}")


def hold_and(lock: Path, then: Callable[[], object]) -> None:
    with hold(lock, waits):
        then()


def in_a_process(work: Callable[[], object]) -> int | None:
    process = FORK.Process(target=work)
    process.start()
    process.join(20)
    process.kill()  # should it hang
    return process.exitcode


def test_the_lock_of_a_killed_process_is_free(lock: Path) -> None:
    """Its note stays behind, and is nobody's: the next holder writes its own, and removes it."""
    note = lock.with_suffix(".holder")
    assert -signal.SIGKILL == in_a_process(lambda: hold_and(lock, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    assert note.read_text().startswith("process ")
    with hold(lock, waits):
        assert note.read_text().startswith(f"process {os.getpid()} ")
    assert not note.exists()


@pytest.mark.parametrize("put", [lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere"),
                                 lambda path: (path.parent.rmdir(), path.parent.write_text("mine"))], ids=["folder", "link", "file"])
def test_what_is_in_the_way_of_a_lock_is_named(lock: Path, put: Callable[[Path], object]) -> None:
    """A folder or a link in its place, or a file in its folder's: the user is to remove it."""
    put(lock)
    with pytest.raises(StoreError, match="cannot take a lock: ") as caught, hold(lock, waits):
        pytest.fail("it is held")
    assert str(lock).startswith(str(caught.value.where))
    assert str(caught.value.remedy).startswith("remove what is in its place")
    assert lock.is_dir() or lock.is_symlink() or lock.parent.is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's file")
@pytest.mark.parametrize("mode", [0o600, 0o444, 0])
def test_a_lock_of_another_user_is_one_error(everybodys: Path, mode: int) -> None:
    """Where its owner lets nobody else have it; a lock of ours is writable for all."""
    lock = everybodys / "locks" / "a.lock"
    with hold(lock, waits):
        assert 0o666 == lock.stat().st_mode & 0o777
    lock.parent.chmod(0o777)

    def have_it() -> None:
        os.setuid(NOBODY)
        hold_and(lock, lambda: None)

    def try_it() -> None:
        os.setuid(NOBODY)
        with pytest.raises(StoreError, match="cannot take a lock: Permission denied") as caught:
            hold_and(lock, lambda: pytest.fail("it is held"))
        assert "make it and its folder writable" in str(caught.value.remedy)

    assert 0 == in_a_process(have_it)
    lock.chmod(mode)
    assert 0 == in_a_process(try_it)


@pytest.mark.parametrize("put", [lambda note: note.write_bytes(b"\xff\xfe\0"), os.mkfifo, lambda note: note.mkdir(), Path.touch],
                         ids=["no text", "pipe", "folder", "empty"])
def test_a_note_that_cannot_be_read_holds_nobody_up(lock: Path, put: Callable[[Path], object]) -> None:
    """Neither who waits, and is told of some process, nor who takes the lock."""
    note = lock.with_suffix(".holder")

    def give_up(holder: str) -> None:
        assert holder
        raise GivenUpError

    def attempts() -> None:
        put(note)
        with hold(lock, waits):
            if note.is_file():
                note.unlink()
                put(note)
            with pytest.raises(GivenUpError), hold(lock, give_up):
                pytest.fail("two hold it")

    assert 0 == in_a_process(attempts)


def test_a_note_is_not_written_through_a_link(lock: Path, tmp_path: Path) -> None:
    """In a folder where all may write, anybody could have put it there."""
    (tmp_path / "theirs").write_text("theirs")
    lock.with_suffix(".holder").symlink_to(tmp_path / "theirs")
    with hold(lock, waits):
        assert lock.with_suffix(".holder").read_text().startswith("process ")
    assert "theirs" == (tmp_path / "theirs").read_text()


def test_a_folder_that_is_removed_under_a_waiting_process_holds_nobody_up(lock: Path) -> None:
    """The lock is made anew: it does not wait for the process that holds the removed one."""
    held, waited_for, done = FORK.Event(), FORK.Event(), FORK.Event()

    def remove() -> None:
        held.set()
        assert waited_for.wait(20)
        time.sleep(0.3)  # until the other one polls
        lock.parent.rename(lock.parent.with_name("gone"))
        assert done.wait(20)

    first = FORK.Process(target=hold_and, args=(lock, remove))
    first.start()
    assert held.wait(20)
    with hold(lock, lambda holder: waited_for.set()):
        assert lock.is_file()
        done.set()
    first.join(20)
    assert 0 == first.exitcode
