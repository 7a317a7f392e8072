"""The process that watches a device while another one measures."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from suites.selftest.conftest import clean_environment
from tools.engines import idle
from tools.engines.ascend.idle import look_before, look_during
from tools.engines.ascend.idle import watch as watch_of
from tools.engines.ascend.npu_smi import Chip, Process, Table
from tools.engines.idle import Idle, Watch
from tools.errors import DeviceError
from tools.spec.case import Device
from tools.spec.settings import ROOT

NPU = Device("npu", 0)
CHIP = Chip(0, 0, 0, "310P3", "OK", 0, 1074, 21534)


class Npu:
    """What npu-smi would say, in a file that both processes read; each look notes the process that looked."""

    def __init__(self, root: Path) -> None:
        self._now, self._looks = root / "now", root / "looks"
        self.say()
        self._looks.touch()

    def say(self, *pids: int | str) -> None:
        """From now on these processes are there; a word instead of a number is an error."""
        self._now.write_text(" ".join(map(str, pids)))

    def look(self) -> Table:
        with self._looks.open("a") as file:
            file.write(f"{os.getpid()}\n")
        pids = self._now.read_text().split()
        if pids == ["crash"]:
            raise ZeroDivisionError
        if pids and not pids[0].isdigit():
            raise DeviceError(" ".join(pids))
        return Table("", (CHIP,), tuple(Process(0, 0, int(pid), "python3", 1) for pid in pids), "")

    @property
    def looks(self) -> list[int]:
        return [int(pid) for pid in self._looks.read_text().split()]


@pytest.fixture
def npu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npu:
    monkeypatch.setattr(idle, "APART_S", 0.05)
    monkeypatch.setattr(idle, "DURING_S", 0.1)
    return Npu(tmp_path)


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def test_a_quick_tool_looks_more_often(npu: Npu, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a time of its own, so that a look falls into a series of few seconds."""
    monkeypatch.setattr(idle, "DURING_S", 60.0)
    npu.say(os.getpid())
    with Watch(lambda: look_before(npu.look(), 0), lambda ours: look_during(npu.look(), 0, ours), "NVML", 0.05):
        until(lambda: len(npu.looks) >= 6)


def test_a_device_is_sampled_before_and_during(npu: Npu) -> None:
    """Three times before, apart, by the measuring process; then by another, and once more at the end."""
    started = time.monotonic()
    with watch_of(NPU, npu.look) as watch:
        before = time.monotonic() - started
        npu.say(os.getpid())
        until(lambda: len(npu.looks) >= 5)
    found = npu.looks

    assert before >= 2 * 0.05
    assert [os.getpid()] * 3 == found[:3]
    assert 1 == len(set(found[3:])) == len({os.getpid(), *found}) - 1
    assert Idle("idle", (), len(found)) == watch.idle()


def test_a_short_block_is_sampled_at_its_end(npu: Npu) -> None:
    """One that is over before the first look during it."""
    with watch_of(NPU, npu.look) as watch:
        npu.say(1)

    assert Idle("busy", ("process 1 python3",), 4) == watch.idle()


def test_who_was_there_before_is_seen(npu: Npu) -> None:
    """Even if it has gone since, and even if it was ours."""
    npu.say(os.getpid())
    with watch_of(NPU, npu.look) as watch:
        npu.say()

    assert Idle("busy", (f"process {os.getpid()} python3",), 4) == watch.idle()


def test_who_came_and_went_is_seen(npu: Npu) -> None:
    """Though the device is idle before and after."""
    with watch_of(NPU, npu.look) as watch:
        npu.say(os.getpid(), 1)
        until(lambda: len(npu.looks) >= 5)
        npu.say()

    assert ("busy", ("process 1 python3",)) == (watch.idle().state, watch.idle().seen)


@pytest.mark.parametrize("when", ["before", "during"])
def test_what_cannot_be_looked_at_is_unknown(npu: Npu, when: str) -> None:
    """Never idle; the reason is kept, once."""
    npu.say(*["npu-smi", "hangs"] if when == "before" else [])
    with watch_of(NPU, npu.look) as watch:
        npu.say(*["npu-smi", "hangs"] if when == "during" else [])

    assert ("unknown", ("npu-smi hangs",)) == (watch.idle().state, watch.idle().seen)


@pytest.mark.parametrize("how", ["killed", "crashes"])
def test_a_watch_that_dies_is_unknown(npu: Npu, how: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Nobody waits for it."""
    with watch_of(NPU, npu.look) as watch:
        if how == "killed":
            os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
        npu.say(*["crash"] if how == "crashes" else [])

    assert Idle("unknown", ("the process that watched the device has died",), 4) == watch.idle()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_leaving_by_an_exception_leaves_no_process(npu: Npu, error: type[BaseException]) -> None:
    """It passes at once, without another look, and nothing of ours runs on."""
    before = psutil.Process().children(recursive=True)
    with pytest.raises(error), watch_of(NPU, npu.look):
        assert 1 == len(psutil.Process().children(recursive=True)) - len(before)
        raise error

    assert before == psutil.Process().children(recursive=True)
    assert 3 == len(npu.looks)


def test_leaving_well_leaves_no_process_and_no_file(npu: Npu) -> None:
    """A run enters and leaves many times."""
    files = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with watch_of(NPU, npu.look):
            pass

    assert [] == multiprocessing.active_children()
    assert files == len(list(Path("/proc/self/fd").iterdir()))


def test_a_watch_dies_with_who_measures(tmp_path: Path) -> None:
    """However that one ends."""
    code = ("import os, signal, multiprocessing\nfrom tools.engines import idle\nfrom tools.engines.ascend.idle import watch\n"
            "from tools.errors import DeviceError\nfrom tools.spec.case import Device\nidle.APART_S = 0\n"
            "def look():\n    raise DeviceError('no')\n"
            "with watch(Device('npu', 0), look):\n    print(multiprocessing.active_children()[0].pid, flush=True)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), stdout=subprocess.PIPE, text=True, check=False)

    assert -9 == done.returncode
    until(lambda: not psutil.pid_exists(int(done.stdout)) or psutil.Process(int(done.stdout)).status() == psutil.STATUS_ZOMBIE)
