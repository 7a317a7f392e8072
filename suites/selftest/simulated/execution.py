"""The caller's side of an execution: hand over, then wait in C with the lock held and no signal handled."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from simulated import state
from simulated.acl import libc
from simulated.hosts import deaf

STARTER = "from simulated.worker import main; main()"


class Execution:
    """A loaded model in the process that plays the device; one process per session."""

    def __init__(self, model: Path) -> None:
        theirs_in, self._requests = os.pipe()
        self._answers, theirs_out = os.pipe()
        path = ":".join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", STARTER, str(os.getpid()), str(theirs_in), str(theirs_out), str(model.absolute())],
            pass_fds=(theirs_in, theirs_out), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
        os.close(theirs_in)
        os.close(theirs_out)
        self.ready = self._wait()

    def run(self, request: dict[str, Any]) -> tuple[float, float] | None:
        """Execute once: start and end in seconds of the wall clock; None if the executing process failed."""
        mark = state.root() / "running" / str(os.getpid())
        mark.touch()
        line = json.dumps(request).encode() + b"\n"
        with deaf():
            start = time.time()
            libc.write(self._requests, line, len(line))
            done = self._wait()
            end = time.time()
        mark.unlink()
        return (start, end) if done else None

    def _wait(self) -> bool:
        answer = ctypes.create_string_buffer(16)
        while True:
            count = libc.read(self._answers, answer, 16)
            if count >= 0:
                return bool(count)

    def close(self) -> None:
        """End the process."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for file in (self._requests, self._answers):
            with contextlib.suppress(OSError):
                os.close(file)
        self._requests = self._answers = -1
