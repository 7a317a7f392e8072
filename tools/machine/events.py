"""What a child process tells its parent over a pipe. Without a parent the same words go to the terminal."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stdout, suppress
from typing import TextIO

from tools.errors import ClipgateError, OptionError, visible
from tools.machine import asserts
from tools.machine.event import Event as Event
from tools.machine.event import OnEvent as OnEvent
from tools.machine.telling import Teller, of_command

EVENTS_FD = "CLIPGATE_EVENTS_FD"
BEAT_S = 1.0  # so often a process that waits says that it does: sooner than whoever watches it calls it silent
PAUSES: list[Callable[[], None]] = []  # called where work that rests can give way to others
TICKS: list[Callable[[], None]] = []  # called every half second or so where this process watches another
SHOWING: list[Teller] = []  # who shows this command's events


def say(text: str) -> None:
    forward({"kind": "say", "text": text})


def progress(text: str, done: int, total: int, *, at_rest: bool = True, unit: str = "", busy: float | None = None) -> None:
    """Tell how far work is. *at_rest*: no other process goes on with it, so that it can give way here.

    unit: what is counted, as `clips`. busy: the share of the time that a device ran, for work on one.
    """
    event: Event = {"kind": "progress", "text": text, "done": done, "total": total}
    if unit:
        event["unit"] = unit
    if busy is not None:
        event["busy"] = busy
    forward(event)
    for pause in PAUSES if at_rest else ():
        pause()


def alive(waiting: str | None = None) -> None:
    """Tell the parent that this process waits for another and has not stalled.

    waiting: for what, or an empty text where it waits no more; without it that stays as it was told.
    """
    forward({"kind": "alive"} if waiting is None else {"kind": "alive", "text": waiting})


def tick() -> None:
    """Some time has passed in which a process that is watched has said nothing."""
    for passed in TICKS:
        passed()


def forward(event: Event) -> None:
    """Pass an event on to the parent, or show it on the terminal where there is none."""
    descriptor = os.environ.get(EVENTS_FD)
    if descriptor is not None:
        os.write(int(descriptor), json.dumps(event).encode() + b"\n")
    elif SHOWING and SHOWING[-1].is_mine:
        SHOWING[-1].hear(event)
    elif event["kind"] == "say":
        print(visible(event["text"]), file=sys.stderr, flush=True)


class ReaderGoneError(BrokenPipeError):
    """Nobody reads standard output any more, as after `| head`."""


class Terminal:
    """Standard output, in which control characters and bytes of files' names show as their escapes.

    Writing raises ReaderGoneError where nobody reads it any more.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        for teller in SHOWING:
            teller.make_room()
        with _told_apart():
            self._stream.write(visible(text))
        return len(text)

    def flush(self) -> None:
        with _told_apart():
            self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


@contextmanager
def _told_apart() -> Iterator[None]:
    """Tell an output without a reader from any other pipe that breaks."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def die_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


@contextmanager
def _showing() -> Iterator[None]:
    """Show what goes on in a command on standard error, until it ends."""
    teller = of_command(sys.stderr)
    SHOWING.append(teller)
    TICKS.append(teller.tick)
    try:
        yield
    finally:
        TICKS.remove(teller.tick)
        SHOWING.remove(teller)
        teller.make_room()


def run_command(main: Callable[[Sequence[str]], int], arguments: Sequence[str] | None = None) -> int:
    """Run a command's *main* on *arguments*, or on those of this process; its exit status.

    Ctrl-C ends it at once. A ClipgateError becomes one message and status 1, or 2 for wrong options. Where
    nobody reads what it prints any more, it ends quietly: with status 1 unless it was done.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # native code would hold KeyboardInterrupt up
    try:
        asserts.require()
        with redirect_stdout(Terminal(sys.stdout)), nullcontext() if EVENTS_FD in os.environ else _showing():
            return main(sys.argv[1:] if arguments is None else arguments)
    except ClipgateError as error:
        if EVENTS_FD in os.environ:
            kind, what, where, remedy = error.parts
            forward({"kind": "error", "error": kind, "text": what, "where": where, "remedy": remedy})
        with suppress(BrokenPipeError):
            print(error, file=sys.stderr)
        return 2 if isinstance(error, OptionError) else 1
    except ReaderGoneError:
        return 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            _write_the_rest(stream)


def _write_the_rest(stream: TextIO | None) -> None:
    """Write what is held back; where nobody reads it, let it go nowhere, else Python complains at its end."""
    if stream is None:  # Python was started without
        return
    try:
        stream.flush()
    except BrokenPipeError:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), stream.fileno())
    except (OSError, ValueError):  # a full disk, say, which Python tells when it ends
        return
