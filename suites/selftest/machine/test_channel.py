"""Events from workers: they arrive while work goes on, and telling them neither waits nor fails."""

from __future__ import annotations

import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from fixtures import said
from tools.machine import channel
from tools.machine.channel import Receiver, Sender


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.close()


@pytest.fixture
def sender(receiver: Receiver) -> Iterator[Sender]:
    found = Sender(receiver.path)
    yield found
    found.close()


def test_events_arrive_in_their_order(receiver: Receiver, sender: Sender) -> None:
    assert all(sender.send({"kind": "say", "text": text}) for text in "abc")
    assert ["a", "b", "c"] == [event["text"] for event in receiver.read()]
    assert [] == receiver.read()


def test_who_tells_more_than_is_read_is_told_so_at_once(receiver: Receiver, sender: Sender) -> None:
    """What has arrived stays, in whole events."""
    began = time.monotonic()
    taken = [sender.send({"kind": "say", "text": f"{number}"}) for number in range(5000)]

    assert time.monotonic() - began < 5
    assert taken[0]
    assert not taken[-1]
    assert [f"{number}" for number, arrived in enumerate(taken) if arrived] == [event["text"] for event in receiver.read()]
    assert sender.send({"kind": "say", "text": "again"})


def test_what_is_too_long_goes_another_way(receiver: Receiver, sender: Sender) -> None:
    assert not sender.send({"kind": "say", "text": "x" * channel.MOST_BYTES})
    assert [] == receiver.read()


def test_whoever_tells_survives_a_reader_that_is_gone(sender: Sender) -> None:
    """One that has ended, and one that was never there."""
    other = Receiver()
    sender._path = other.path
    assert sender.send({"kind": "alive"})
    other.close()

    assert not sender.send({"kind": "alive"})
    assert not Path(other.path).parent.exists()


def test_what_is_no_event_is_left_out(receiver: Receiver) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stranger:
        for text in (b"\xff", b"[1]", b"{}", b'{"kind": "alive"}'):
            stranger.sendto(text, receiver.path)

    assert [{"kind": "alive"}] == receiver.read()


def test_no_other_user_enters(receiver: Receiver) -> None:
    assert 0o700 == stat.S_IMODE(Path(receiver.path).parent.stat().st_mode)


def test_whoever_waits_for_events_is_woken(receiver: Receiver, sender: Sender) -> None:
    """By one, and by who wants it to end."""
    for wake in (lambda: sender.send({"kind": "alive"}), receiver.wake):
        began = time.monotonic()
        threading.Timer(0.1, wake).start()
        receiver.wait(20)
        assert time.monotonic() - began < 10
        receiver.read()


@pytest.fixture
def deep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files whose path is longer than a socket's may be."""
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def descriptors() -> list[str]:
    """The open files of this process."""
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_a_long_path_of_temporary_files_does_not_matter(deep: Path) -> None:
    """The folder then lies where paths are short, and is left nowhere."""
    receiver = Receiver()
    sender = Sender(receiver.path)
    assert sender.send({"kind": "alive"})
    assert [{"kind": "alive"}] == receiver.read()
    sender.close()
    receiver.close()

    assert not Path(receiver.path).parent.exists()
    assert [] == list(deep.iterdir())


def test_where_no_socket_can_be_made_nothing_is_left(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a folder nor an open file; whoever tells without one is told that it did not arrive."""
    monkeypatch.setattr(channel, "SHORT", str(deep))
    before = descriptors()
    with pytest.raises(OSError, match="too long"):
        Receiver()
    sender = Sender("")
    assert not sender.send({"kind": "alive"})
    sender.close()

    assert [] == list(deep.iterdir())
    assert before == descriptors()


def test_a_run_goes_on_where_no_socket_can_be_made(deep: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its workers are told of no channel; words then come with their reports."""
    monkeypatch.setattr(channel, "SHORT", str(deep))
    config = SimpleNamespace(stash=pytest.Stash())

    assert "" == said.channel_of(config)  # type: ignore[arg-type]
    assert said.CHANNEL not in config.stash
