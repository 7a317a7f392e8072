"""Files that another user may have planted: nothing waits for them, or is written where a link leads."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from tools.errors import ChildError, DataError, MeasureError, ScoreError
from tools.judging import results
from tools.machine import child, locks, opening, reading
from tools.machine.files import sha256, write_whole, writing

Plant = Callable[[Path, Path], object]
LINKS = [pytest.param(Path.symlink_to, id="link"), pytest.param(Path.hardlink_to, id="second name"),
         pytest.param(lambda path, victim: os.mkfifo(path), id="pipe")]
READERS = [partial(reading.read_text, error=DataError),
           partial(reading.read_log, error=ScoreError), partial(reading.load_json, error=DataError),
           partial(reading.load_npy, error=DataError), partial(reading.load_npz, error=DataError),
           lambda path: list(reading.read_rows(path, DataError, ["a"], "the table", "mend it")), sha256]


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    """Fail whatever waits for a pipe."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail("it waits for a pipe"))
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of the person whom another user wants to harm."""
    path = tmp_path / "victim"
    path.write_bytes(b"precious")
    return path


@pytest.mark.parametrize("read", READERS, ids=["text", "log", "json", "npy", "npz", "table", "digest"])
@pytest.mark.parametrize("plant", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_a_pipe_or_device_is_not_read(tmp_path: Path, plant: Callable[[Path], object], read: Callable[[Path], object]) -> None:
    """Nobody writes into the pipe, and the device never ends: one sentence says what they are."""
    path = tmp_path / "planted"
    plant(path)
    with pytest.raises((DataError, ScoreError, OSError), match="a pipe, a device or a socket, and no file"):
        read(path)


@pytest.mark.parametrize("plant", LINKS)
def test_what_is_planted_for_a_partial_file_is_not_written(tmp_path: Path, victim: Path, plant: Plant) -> None:
    """The file that was there before stays, and so does the victim."""
    path = tmp_path / "cell.json"
    plant(path.with_name("cell.json.partial"), victim)
    with pytest.raises(MeasureError, match="cannot write the cell: a link or something else") as caught, \
            writing("the cell", tmp_path, MeasureError):
        write_whole(path, lambda file: file.write(b"new"))
    assert (b"precious", str(path.with_name("cell.json.partial"))) == (victim.read_bytes(), caught.value.where)


@pytest.mark.parametrize("plant", LINKS)
def test_results_are_not_added_to_what_is_planted(tmp_path: Path, victim: Path, plant: Plant) -> None:
    """A run's results.jsonl that leads elsewhere is one error."""
    plant(tmp_path / "run.jsonl", victim)
    (tmp_path / "run.jsonl").rename(tmp_path / "results.jsonl")
    with pytest.raises(MeasureError, match="a link or something else"), writing("the results", tmp_path, MeasureError):
        results.append([], tmp_path)
    assert b"precious" == victim.read_bytes()


@pytest.mark.parametrize("plant", LINKS)
def test_a_child_prints_nothing_into_what_is_planted(tmp_path: Path, victim: Path, plant: Plant) -> None:
    """The name of its log can be guessed: it is one error, and no process is started."""
    plant(tmp_path / "child.log", victim)
    with pytest.raises(ChildError, match="cannot write what a process prints: a link or something else"):
        child.call(print, "a child", log=tmp_path / "child.log", on_event=lambda event: None)
    assert b"precious" == victim.read_bytes()


@pytest.mark.parametrize("plant", LINKS)
def test_the_note_of_a_lock_is_not_written_into_what_is_planted(tmp_path: Path, victim: Path, plant: Plant) -> None:
    """It is only a courtesy: the lock is held without it."""
    plant(tmp_path / "a.holder", victim)
    with locks.hold(tmp_path / "a.lock", print):
        assert b"precious" == victim.read_bytes()
    assert b"precious" == victim.read_bytes()


@pytest.mark.parametrize(("note", "words"), [
    (b"process 1\n\x1b[2J\xff forged", "process 1 \\x1b[2J\ufffd forged"), (b"x" * 10**6, "x" * locks.MOST_WORDS),
    (None, "another process"),
], ids=["escapes", "endless", "pipe"])
def test_the_words_of_a_holder_are_one_short_line(tmp_path: Path, note: bytes | None, words: str) -> None:
    """Another user may have written them."""
    os.mkfifo(tmp_path / "a.holder") if note is None else (tmp_path / "a.holder").write_bytes(note)
    said = list[str]()

    class Waited(Exception): ...  # noqa: N818 - not an error

    def wait(holder: str) -> None:
        said.append(holder)
        raise Waited

    from filelock import FileLock

    with FileLock(tmp_path / "a.lock"), pytest.raises(Waited), locks.hold(tmp_path / "a.lock", wait):
        pytest.fail("two hold one lock")
    assert [words] == said


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002])
def test_nothing_is_made_wider_than_the_umask(tmp_path: Path, umask: int) -> None:
    """Neither a file that is written whole nor one that is added to.

    A lock is, which has no content: all who share a store take it.
    """
    before = os.umask(umask)
    try:
        with locks.hold(tmp_path / "a.lock", print):
            note, lock = ((tmp_path / name).stat().st_mode & 0o777 for name in ("a.holder", "a.lock"))
        write_whole(tmp_path / "b.json", lambda file: file.write(b"x"))
        results.append([], tmp_path)
    finally:
        os.umask(before)
    assert lock == 0o666
    assert {0o666 & ~umask} == {note} | {(tmp_path / name).stat().st_mode & 0o777 for name in ("b.json", "results.jsonl")}


def test_a_file_is_written_from_its_start_or_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content, append, left in ((b"long one", False, b"long one"), (b"two", False, b"two"), (b"!", True, b"two!")):
        with opening.to_write(path, append=append) as file:
            file.write(content)
        assert left == path.read_bytes()


def test_a_file_is_read_up_to_a_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert b"12345" == opening.read_bytes(path, 5)
    with pytest.raises(OSError, match="it is larger than"):
        opening.read_bytes(path, 4)
