"""Events from workers to the process that started them, while they work; sending neither waits nor fails."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path

from tools.machine.event import Event

MOST_BYTES = 2**16  # of an event; a longer one goes another way
NAME = "events"


class Sender:
    """A worker's end. What cannot be taken at once is not sent, and whoever sends is told."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)

    def send(self, event: Event) -> bool:
        """Whether the event has arrived, and will be read unless the reader dies."""
        told = json.dumps(event).encode()
        if len(told) > MOST_BYTES:
            return False
        with suppress(OSError):  # the reader is behind, or gone
            self._socket.sendto(told, self._path)
            return True
        return False

    def close(self) -> None:
        self._socket.close()


class Receiver:
    """The end of the process that started the workers, in a folder of its own that no other user enters."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="clipgate-"))
        self.path = str(self._folder / NAME)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)
        self._socket.bind(self.path)
        self._waking, self._woken = os.pipe()

    def wait(self, timeout_s: float) -> None:
        """Wait for an event, or until `wake`."""
        there = select.poll()
        for one in (self._socket, self._waking):
            there.register(one, select.POLLIN)
        there.poll(timeout_s * 1000)

    def wake(self) -> None:
        os.write(self._woken, b".")

    def read(self) -> list[Event]:
        """What has arrived; what is no event is left out."""
        found: list[Event] = []
        with suppress(BlockingIOError):
            while True:
                with suppress(ValueError):
                    event = json.loads(self._socket.recv(MOST_BYTES))
                    if isinstance(event, dict) and "kind" in event:
                        found.append(event)  # type: ignore[arg-type]
        return found

    def close(self) -> None:
        self._socket.close()
        for descriptor in (self._waking, self._woken):
            os.close(descriptor)
        shutil.rmtree(self._folder, ignore_errors=True)
