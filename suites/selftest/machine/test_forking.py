"""A forked process leaves alone what the process before it had not collected yet."""

from __future__ import annotations

import gc
import os
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tools.engines.idle import Sample, Watch
from tools.machine import forking
from tools.machine.files import write_whole
from tools.machine.pool import spread
from tools.media.batches import BatchStream, Feed
from tools.media.preprocess import Floats

ENDED: list[int] = []  # the processes, this one or a fork of it, in which what was left has ended


class Left:
    """Garbage that only the collector can end, as a session with threads that a frame still knew."""

    def __init__(self) -> None:
        self.itself: object = self

    def __del__(self) -> None:
        ENDED.append(os.getpid())


@pytest.fixture(autouse=True)
def left() -> Iterator[None]:
    """Garbage in this process, whose collector takes it only when it is asked to."""
    ENDED.clear()
    gc.disable()
    found = weakref.ref(Left())
    yield
    gc.enable()
    if one := found():
        one.itself = None  # which ends it: to collect takes a second where all of torch is loaded


def ended_here(item: int = 0) -> int:
    """How many things have ended in a process, which collects first."""
    gc.collect()
    return len(ENDED)


def fill(number: int, row: Floats) -> None:
    row[:] = ended_here()


def looks(folder: Path, process: int) -> Sample:
    """What a watch is shown, while the file tells how much has ended in the process that watches."""
    write_whole(folder / "ended", lambda file: file.write(b"%d" % ended_here()))
    return Sample()


def test_decode_workers_leave_it() -> None:
    """A worker that collects while it decodes ends nothing of its parent, whose threads it does not have."""
    with BatchStream(Feed(("a", "b", "c"), (1,), fill), 1) as batches:
        assert [0.0, 0.0, 0.0] == [float(np.max(batch.array)) for batch in batches]


def test_processes_of_a_pool_leave_it() -> None:
    assert [0, 0, 0] == list(spread(ended_here, range(3), 1))


def test_the_process_that_watches_a_device_leaves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.engines.idle.APART_S", 0.0)
    until = time.monotonic() + 30
    with Watch(Sample, lambda process: looks(tmp_path, process), "a tool", every_s=0.01):
        while not (tmp_path / "ended").is_file() and time.monotonic() < until:
            time.sleep(0.01)

    assert (tmp_path / "ended").read_text() == "0"


def test_it_is_collected_here_afterwards() -> None:
    """The process that forked keeps nothing for ever."""
    with forking.uncollected():
        assert ended_here() == 0

    assert ended_here() == 1


def test_it_is_collected_after_an_error_as_well() -> None:
    with pytest.raises(OSError, match="no more processes"), forking.uncollected():
        raise OSError("no more processes")

    assert ended_here() == 1
