"""Nothing stays open that was opened, and what is kept is on the disk before anybody is told that it is."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from suites.selftest.nights.made import night
from suites.selftest.reporting.runs import row
from tools.engines.cuda.heard import stderr
from tools.errors import ClipgateError
from tools.judging import results
from tools.judging.rows import RESULTS
from tools.machine import channel, child, device_locks, files, opening, quiet
from tools.nights import scan
from tools.nights.history import MARKER, History
from tools.storage import runs


def opened() -> dict[str, str]:
    """What this process has open, by its descriptors."""
    return {path.name: str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}


def planted(folder: Path) -> Path:
    """Something that is no file, at a file's place."""
    os.mkfifo(path := folder / "npu0.lock")
    return path


def linked(folder: Path) -> Path:
    """A file that has another name elsewhere."""
    (path := folder / "a").write_text("words")
    (folder / "b").hardlink_to(path)
    return path


def received(folder: Path) -> object:
    receiver = channel.Receiver()
    sender = channel.Sender(receiver.path)
    assert sender.send({"kind": "alive"})
    receiver.wait(1)
    assert ["alive"] == [event["kind"] for event in receiver.read()]
    sender.close()
    receiver.close()
    assert not Path(receiver.path).parent.exists()
    return sender, receiver


def claimed(folder: Path) -> None:
    mine = runs.claim(folder)
    with pytest.raises(ClipgateError):
        runs.claim(folder)
    os.close(mine)


def taken(folder: Path) -> None:
    for shared in (False, True):
        with device_locks.hold(str(folder), "npu0", print, shared=shared):
            assert not device_locks.is_free(str(folder), "npu0")
        assert device_locks.is_free(str(folder), "npu0")


def waited_for(folder: Path) -> None:
    """Whoever is told that a lock is held may end the waiting."""
    def on_wait(words: str) -> None:
        raise ClipgateError(words)

    with device_locks.hold(str(folder), "npu0", on_wait, shared=True), pytest.raises(ClipgateError), \
            device_locks.hold(str(folder), "npu0", on_wait):
        pass


def in_moments(folder: Path) -> None:
    moments = device_locks.Moments(str(folder), "host", print)
    moments.take()
    (folder / "host.lock").unlink()  # another one has its place: it is opened anew
    moments.leave()
    moments.take()
    moments.close()
    units = quiet.Units(str(folder), print)
    with units:
        pass
    units.close()


def worked(folder: Path) -> None:
    with quiet.working(str(folder), print), suppress(ClipgateError):
        pass


def scanned(folder: Path) -> None:
    (folder / "a.jsonl").write_text("{}\n")
    os.mkfifo(folder / "b.jsonl")
    skipped = scan.Skipped()
    assert [folder / "a.jsonl"] == [path for path, _ in scan.chunks(folder, skipped)]
    assert 1 == skipped.not_files


def kept(folder: Path) -> None:
    (folder / "h").mkdir()
    history = History.init(folder / "h")
    history.append(night(1))
    assert history._writer is not None
    os.close(history._writer[1])  # it stays open for the next line


def refused(folder: Path) -> None:
    for read in (lambda: opening.to_read(planted(folder)), lambda: opening.to_read(folder),
                 lambda: opening.to_write(linked(folder)), lambda: opening.read_bytes(folder / "a", 1)):
        with pytest.raises(OSError, match=r"(?i)is a directory|no file|place of|larger"):
            read()


def not_free(folder: Path) -> None:
    planted(folder)
    with pytest.raises(ClipgateError):
        device_locks.is_free(str(folder), "npu0")


def heard(folder: Path) -> None:
    with stderr() as found:
        os.write(2, b"one more word\n")
    assert "one more word\n" == found.text


def called(folder: Path) -> None:
    child.call(os.getpid, "nothing", log=folder / "log", on_event=lambda event: None)


@pytest.mark.parametrize("use", [received, claimed, taken, waited_for, in_moments, worked, scanned, kept, refused, heard, called,
                                 files.flush, not_free],
                         ids=["events", "a run", "locks", "a wait", "moments", "work", "a history's files", "a history", "what is no file",
                              "what a library prints", "a child", "a folder", "no lock"])
def test_nothing_stays_open(tmp_path: Path, use: Callable[[Path], object]) -> None:
    """Whether it went well or not: who measures for days would run out of descriptors."""
    tmp_path.chmod(0o700)
    before = opened()
    used = use(tmp_path)

    assert before == opened(), used


def test_what_is_kept_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all that was written until then; of a new file its folder's entry as well."""
    on_disk = dict[str, int]()

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        on_disk[path.name] = path.stat().st_size

    monkeypatch.setattr(os, "fsync", fsync)
    history = History.init(tmp_path / "h")
    assert {MARKER: (tmp_path / "h" / MARKER).stat().st_size} == on_disk
    history.append(night(1))
    history.append(night(2))
    [lines] = (tmp_path / "h").glob("*.jsonl")
    assert {"h", lines.name, MARKER} == set(on_disk)
    assert lines.stat().st_size == on_disk[lines.name]
    for _ in range(2):
        results.append([row()], tmp_path)
    assert (tmp_path / RESULTS).stat().st_size == on_disk[RESULTS]
