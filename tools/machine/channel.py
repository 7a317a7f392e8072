"""Events from workers to the process that started them, while they work; sending neither waits nor fails."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path

from tools.machine.event import Event

MOST_BYTES = 2**16  # of an event; a longer one goes another way
NAME = "events"
SHORT = "/tmp"  # noqa: S108 - short enough for the path of a socket, which a TMPDIR may not be


class Sender:
    """A worker's end. What cannot be taken at once is not sent, and whoever sends is told.

    path: the receiver's; empty where there is none, and then nothing is sent.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._socket = _socket() if path else None

    def send(self, event: Event) -> bool:
        """Whether the event has arrived, and will be read unless the reader dies."""
        told = json.dumps(event).encode()
        if self._socket is None or len(told) > MOST_BYTES:
            return False
        with suppress(OSError):  # the reader is behind, or gone
            self._socket.sendto(told, self._path)
            return True
        return False

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


class Receiver:
    """The end of the process that started the workers, in a folder of its own that no other user enters.

    Making one raises an OSError where no socket can be made.
    """

    def __init__(self) -> None:
        try:
            self._folder, self._socket = _bound(tempfile.gettempdir())
        except OSError:
            self._folder, self._socket = _bound(SHORT)
        self.path = str(self._folder / NAME)
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


def _socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.settimeout(0)
    return made


def _bound(place: str) -> tuple[Path, socket.socket]:
    """A new folder in *place*, and the socket in it; neither is left where one of them cannot be made."""
    with ExitStack() as undone:
        made = undone.enter_context(_socket())
        folder = Path(tempfile.mkdtemp(prefix="clipgate-", dir=place))
        undone.callback(shutil.rmtree, folder, ignore_errors=True)
        made.bind(str(folder / NAME))
        undone.pop_all()
    return folder, made
