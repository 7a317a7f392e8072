"""Work in a child process: nothing heavy lives in the parent, and whatever the child does ends with its parent."""

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

from tools.errors import ChildError, ClipgateError, revive
from tools.machine.events import EVENTS_FD, OnEvent, die_with_parent, run_command
from tools.machine.pickles import pickled
from tools.spec.settings import ROOT

STALL_S = 900.0  # the slowest single iteration measured was under a minute; a silent quarter of an hour is a hang
Work = Callable[[], object]


def call(work: Work, title: str, *, log: Path, on_event: OnEvent, stall_s: float = STALL_S,
         environment: Mapping[str, str] | None = None, folder: Path | None = None) -> None:
    """Call *work* in a process of its own, passing its events on; what it prints goes to *log*.

    work: a function of a module, or a `partial` of one, with arguments that can be pickled: they travel over the
    child's standard input. title: what the process is called in *log* and in `ps`. environment: what it needs beside
    ours. folder: where it works, instead of beside its log.

    Raises:
        ClipgateError: what the child reported, as the class it raised there.
        ChildError: it ended without a report, or said nothing for *stall_s* seconds.
    """
    command = [sys.executable, "-m", "tools.machine.child", title]
    log.parent.mkdir(parents=True, exist_ok=True)
    reading, writing = os.pipe()
    with log.open("a") as output, tempfile.TemporaryFile() as request:
        output.write(f"$ {shlex.join(command)}\n")
        output.flush()
        request.write(pickled(work))
        request.seek(0)
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
        raise ChildError(_ending(title, status), where=str(log), remedy=_tail(log))


def _variables(more: Mapping[str, str], events: int) -> dict[str, str]:
    """The child's environment: ours, what it needs beside that, and the pipe for its events."""
    found = {**os.environ, **more, EVENTS_FD: str(events)}
    found["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), found.get("PYTHONPATH")]))
    return found


def _watch(reading: int, on_event: OnEvent, stall_s: float) -> ClipgateError | None:
    """Pass on events until the child closes its pipe; the error it reported, if any.

    Raises:
        ChildError: it said nothing for *stall_s* seconds.
    """
    pending = b""
    reported: ClipgateError | None = None
    last = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(reading, selectors.EVENT_READ)
        while True:
            if not selector.select(timeout=1.0):
                if time.monotonic() - last > stall_s:
                    raise ChildError(f"the child process said nothing for {stall_s:.0f} s and was ended")
                continue
            chunk = os.read(reading, 65536)
            if not chunk:
                return reported
            last = time.monotonic()
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                event = json.loads(line)
                if event["kind"] == "error":
                    reported = revive(event["error"], event["text"], event["where"], event["remedy"])
                else:
                    on_event(event)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill what is left of the child's session, so that no decode worker outlives it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _ending(title: str, status: int) -> str:
    if status < 0:
        name = signal.Signals(-status).name
        hint = " (the kernel's out-of-memory killer, or somebody's kill)" if name == "SIGKILL" else ""
        return f"the process {title!r} was killed by {name}{hint}"
    return f"the process {title!r} ended with status {status} and no report"


def _tail(log: Path, lines: int = 20) -> str:
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "its last output was\n" + "\n".join(f"    {line}" for line in text)


def main(arguments: Sequence[str]) -> int:
    """Do the work that the parent sends; *arguments* only name it."""
    work: Work = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by our own parent, into a file that has no name
    work()
    return 0


if __name__ == "__main__":
    raise SystemExit(run_command(main))
