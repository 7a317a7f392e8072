"""Events from workers: they arrive while work goes on, and telling them neither waits nor fails."""

from __future__ import annotations

import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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
