"""What a child process tells its parent over a pipe. Without a parent the same words go to the terminal."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import TextIO, TypedDict

from tools.errors import ClipgateError, OptionError, visible
from tools.machine import asserts

EVENTS_FD = "CLIPGATE_EVENTS_FD"
BEAT_S = 1.0  # so often a process that waits says that it does: sooner than whoever watches it calls it silent


class Event(TypedDict, total=False):
    """A line on the pipe; *kind*: `say` (text), `progress` (text, done, total), `alive`, `error` (parts)."""

    kind: str
    text: str
    done: int
    total: int
    error: str
    where: str | None
    remedy: str | None


OnEvent = Callable[[Event], None]
PAUSES: list[Callable[[], None]] = []  # called where work that rests can give way to others


def say(text: str) -> None:
    forward({"kind": "say", "text": text})


def progress(text: str, done: int, total: int, *, at_rest: bool = True) -> None:
    """Tell how far work is. *at_rest*: no other process goes on with it, so that it can give way here."""
    forward({"kind": "progress", "text": text, "done": done, "total": total})
    for pause in PAUSES if at_rest else ():
        pause()


def alive() -> None:
    """Tell the parent that this process waits for another and has not stalled; nobody is shown it."""
    forward({"kind": "alive"})


def forward(event: Event) -> None:
    """Pass an event on to the parent, or show it on the terminal where there is none."""
    descriptor = os.environ.get(EVENTS_FD)
    if descriptor is not None:
        os.write(int(descriptor), json.dumps(event).encode() + b"\n")
    elif event["kind"] == "say":
        print(visible(event["text"]), file=sys.stderr, flush=True)
    elif event["kind"] == "progress" and sys.stderr.isatty():
        end = "\n" if event["done"] == event["total"] else "\r"
        print(f"  {visible(event['text'])} {event['done']}/{event['total']}", end=end, file=sys.stderr, flush=True)


class Terminal:
    """Standard output, in which control characters and bytes of files' names show as their escapes."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(visible(text))
        return len(text)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def die_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def run_command(main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> int:
    """Run a command's *main* on *arguments*, or on those of this process; its exit status.

    Ctrl-C ends it at once. A ClipgateError becomes one message and status 1, or 2 for wrong options.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # native code would hold KeyboardInterrupt up
    try:
        asserts.require()
        with redirect_stdout(Terminal(sys.stdout)):  # type: ignore[type-var]
            return main(sys.argv[1:] if arguments is None else arguments)
    except ClipgateError as error:
        if EVENTS_FD in os.environ:
            kind, what, where, remedy = error.parts
            forward({"kind": "error", "error": kind, "text": what, "where": where, "remedy": remedy})
        print(error, file=sys.stderr)
        return 2 if isinstance(error, OptionError) else 1
