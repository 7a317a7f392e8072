"""A file server on loopback that answers in turn as it is told: whole, broken, wrong, slow, or not at all."""

from __future__ import annotations

import hashlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = b"PK\x03\x04" + random.Random(5).randbytes(1_000_000)


@dataclass
class Moody:
    """What the server gives and how.

    moods: one an answer, the last one for all that follow: `whole`; `short` (the connection ends halfway),
    `reset` (it is reset there), `stall` (it says nothing more there), `cut` (it gives a tenth and ends),
    `rotten` (a byte in the middle is wrong), `slow`, or a status. ranges: whether Range is understood.
    asked: path and Range of every request.
    """

    content: bytes = CONTENT
    moods: list[str] = field(default_factory=lambda: ["whole"])
    ranges: bool = True
    etag: str | None = ""
    length: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def mood(self) -> str:
        return self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]

    def tag(self) -> str | None:
        return f'"{hashlib.sha256(self.content).hexdigest()[:12]}"' if self.etag == "" else self.etag


class Handler(BaseHTTPRequestHandler):
    moody: Moody

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        moody, asked = self.moody, self.headers.get("Range", "")
        moody.asked.append((self.path, asked))
        mood = moody.mood()
        if mood.isdigit():
            self.send_error(int(mood))
            return
        start = self._start(asked)
        if start and start >= len(moody.content):
            self.send_error(416)
            return
        self._head(start)
        body = bytearray(moody.content)
        if mood == "rotten":
            body[len(body) // 2] ^= 1
        stop = {"short": (start + len(body)) // 2, "reset": (start + len(body)) // 2, "stall": (start + len(body)) // 2,
                "cut": start + len(body) // 10}.get(mood, len(body))
        self._give(bytes(body[start:stop]), mood)

    def _start(self, asked: str) -> int:
        """Where the answer begins: a condition that does not hold asks for all of it."""
        condition = self.headers.get("If-Range")
        if not asked or not self.moody.ranges or (condition and condition != self.moody.tag()):
            return 0
        return int(asked.removeprefix("bytes=").removesuffix("-"))

    def _head(self, start: int) -> None:
        total = len(self.moody.content)
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if self.moody.length:
            self.send_header("Content-Length", str(total - start))
        if self.moody.tag() is not None:
            self.send_header("ETag", str(self.moody.tag()))
        self.end_headers()

    def _give(self, body: bytes, mood: str) -> None:
        pieces = 8 if mood == "slow" else 1
        step = -(-len(body) // pieces) or 1
        for place in range(0, len(body), step):
            self.wfile.write(body[place: place + step])
            self.wfile.flush()
            time.sleep(0.05 if mood == "slow" else 0)
        if mood == "stall":
            time.sleep(1)
        if mood == "reset":
            time.sleep(0.05)  # what was written must be read first: a reset throws it away
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


@contextmanager
def serving(moody: Moody) -> Iterator[Moody]:
    """The server for a while, its address in `moody.url`."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    server = Quiet(("127.0.0.1", 0), type("Bound", (Handler,), {"moody": moody}))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    moody.url = f"http://127.0.0.1:{server.server_address[1]}/weights/net-1.pth"
    try:
        yield moody
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
