"""Work in a child process: nothing heavy lives in the parent, and the child ends when its parent does."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import selectors
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, BinaryIO

from tools.errors import ChildError, ClipgateError, revive, visible
from tools.machine import events, opening
from tools.machine.events import EVENTS_FD, OnEvent, die_with_parent, run_command
from tools.machine.files import SEE_WHO
from tools.machine.pickles import Pickler
from tools.spec.settings import ROOT

STALL_S = 900.0  # the slowest iteration took under a minute
TICK_S = 0.5  # so often whoever shows what goes on hears that the child is silent
LAST_LINES = 20  # of the log, shown where the child left no report
Work = Callable[[], object]


class StalledError(ChildError):
    """A child process said nothing for too long and was ended."""


def call(work: Work, title: str, *, log: Path, on_event: OnEvent, stall_s: float = STALL_S,
         environment: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
    """Call *work* in a process of its own and pass its events on. What it prints goes to *log*.

    work: a function of a module, or a `partial` of one; it travels as a pickle over the child's stdin.
    title: what the process is called in *log* and in `ps`. environment: variables that it needs beside ours.
    folder: where it works, instead of beside its log.

    Raises:
        ClipgateError: the error that the child reported, as the class it raised there.
        ChildError: the child ended without a report; StalledError: it said nothing for *stall_s* seconds.
    """
    command = [sys.executable, "-m", "tools.machine.child", title]
    log.parent.mkdir(parents=True, exist_ok=True)
    with _log(log, command) as output, tempfile.TemporaryFile() as request:
        _send(work, title, request)
        request.seek(0)
        reading, writing = os.pipe()
        process = subprocess.Popen(command, stdin=request, stdout=output, stderr=output, cwd=folder or log.parent,
                                   env=_variables(environment or {}, writing), pass_fds=[writing], start_new_session=True,
                                   preexec_fn=die_with_parent)
    os.close(writing)
    try:
        reported = _watch(reading, on_event, stall_s)
        status = process.wait(timeout=30)
    finally:
        os.close(reading)
        _end(process)
    if reported is not None:
        raise reported
    if status != 0:
        raise _failure(title, status, log)


def _log(path: Path, command: Sequence[str]) -> BinaryIO:
    """The file that the child prints to, with the command in it; others may share its folder."""
    try:
        output = opening.to_write(path, append=True)
    except opening.PlantedError as error:
        raise ChildError(f"cannot write what a process prints: {error.strerror}", where=str(path), remedy=SEE_WHO) from error
    output.write(f"$ {visible(shlex.join(command))}\n".encode())
    output.flush()
    return output


def _send(work: Work, title: str, request: IO[bytes]) -> None:
    try:
        Pickler(request).dump(work)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ChildError(f"what the process {title!r} needs cannot be handed to it: {error}",
                         remedy="functions and classes that a model's file uses belong at its top, or into a module") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's session, so that no decode worker outlives it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _variables(more: Mapping[str, str], events: int) -> dict[str, str]:
    """The child's environment: ours, *more*, and the pipe for its events."""
    variables = {**os.environ, **more, EVENTS_FD: str(events)}
    variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH")]))
    return variables


def _watch(reading: int, on_event: OnEvent, stall_s: float) -> ClipgateError | None:
    """Pass on events until the child closes its pipe; the error it reported, if any."""
    pending = b""
    reported: ClipgateError | None = None
    heard = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while (left := heard + stall_s - time.monotonic()) > 0:
            if not selector.select(timeout=min(left, TICK_S)):
                events.tick()
                continue
            heard = time.monotonic()
            chunk = os.read(reading, 65536)
            if not chunk:
                return reported
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if event["kind"] == "error":
                    reported = revive(event["error"], event["text"], event["where"], event["remedy"])
                else:
                    on_event(event)
    raise StalledError(f"the child process said nothing for {stall_s:.0f} s and was ended")


def _failure(title: str, status: int, log: Path) -> ChildError:
    """The error for a child that ended without a report."""
    ending = f"ended with status {status} and no report"
    if status < 0:
        name = signal.Signals(-status).name
        hint = " (the kernel's out-of-memory killer, or somebody's kill)" if name == "SIGKILL" else ""
        ending = f"was killed by {name}{hint}"
    last = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    return ChildError(f"the process {title!r} {ending}", where=str(log), remedy="\n    ".join(["its last output was", *last]))


def main(arguments: Sequence[str]) -> int:
    """Do the work that the parent sends; *arguments* only name it."""
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 - our own parent wrote it, into a file without a name
    work()
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
