"""Ctrl-C in every phase, and two runs at once: nothing is left behind, nothing is built twice."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from suites.selftest.conftest import NO_REPORT, Run, clean_environment, tiny_arguments
from tools.spec.settings import ROOT

EXITING = 0x4  # PF_EXITING among the flags of a process
PHASES = {  # how the title of the process that then runs begins -> what the store already holds
    "making the mini clips": (),
    "fitting the mini weights": ("data",),
    "exporting tiny": ("data", "weights"),
    "simplifying tiny": ("data", "weights", "onnx"),
    "measuring tiny": ("data", "weights", "onnx"),
    "running the torch reference": ("data", "weights", "onnx"),
}


def partly_built(store: Path, artifacts: Path, *kinds: str) -> None:
    """What the store of the tiny model holds of these *kinds*, but for the graph of eight clips."""
    for kind in kinds:
        shutil.copytree(store / "store" / kind, artifacts / "store" / kind)
    for graph in artifacts.glob("store/onnx/*/bs8*"):
        graph.unlink()


def start(artifacts: Path, *arguments: str) -> subprocess.Popen[str]:
    """An acceptance run in the background, in a session of its own like a terminal's.

    A shell's background jobs ignore Ctrl-C, and what they start inherits that: here it is heard again.
    """
    return subprocess.Popen([sys.executable, "-m", "pytest", NO_REPORT, *tiny_arguments(artifacts), *arguments], cwd=ROOT, text=True,
                            env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None)


def ours(artifacts: Path) -> list[psutil.Process]:
    """Every living process that works for *artifacts*: the run names the folder, its children work below."""
    return [process for process in psutil.process_iter(["cmdline", "cwd", "status"])
            if any(str(artifacts) in part for part in (*(process.info["cmdline"] or ()), process.info["cwd"] or ""))
            and process.info["status"] != psutil.STATUS_ZOMBIE]


def is_running(stage: str, artifacts: Path) -> bool:
    """Whether a process whose title begins with *stage* works for *artifacts*."""
    return any(part.startswith(stage) for process in ours(artifacts) for part in process.info["cmdline"] or ())


def patience(seconds: float) -> float:
    """Seconds of an idle machine: longer by as much as other work slows a busy process down now."""
    wall, own = time.perf_counter(), time.thread_time()
    while time.thread_time() - own < 0.2:
        pass
    return seconds * max(1.0, (time.perf_counter() - wall) / 0.2)


def is_taken_down(run: psutil.Process) -> bool:
    """Whether a child of *run* has been killed and the kernel is not done with it: its run can only wait."""
    for child in run.children():
        with contextlib.suppress(OSError, psutil.Error):
            flags = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[6])
            pending = re.findall(r"^S\w\wPnd:\s*(\w+)$", Path(f"/proc/{child.pid}/status").read_text(), re.MULTILINE)
            if flags & EXITING or any(int(signals, 16) >> (signal.SIGKILL - 1) & 1 for signals in pending):
                threads = [*Path(f"/proc/{child.pid}/task").iterdir()]  # some may live where the first is a zombie
                return child.status() != psutil.STATUS_ZOMBIE or len(threads) > 1
    return False


def at_once(run: subprocess.Popen[str], seconds: float = 2.0) -> str:
    """What a run says that has ended within *seconds* of its own.

    They are those that its process computes or sleeps. Those in which it waits for a core do not count, since
    a busy machine may leave it without one for seconds. Nor do those for which the disk lets the run wait, or
    the kernel ends what the run has killed. Of a run that goes on faulthandler, which pytest turns on, tells
    where it is.
    """
    process = psutil.Process(run.pid)
    with ThreadPoolExecutor(1) as pool, contextlib.suppress(psutil.NoSuchProcess):
        said, last, used, spent = pool.submit(run.communicate), time.monotonic(), computed(process), 0.0
        while not said.done():
            time.sleep(0.01)
            status, waits = process.status(), is_taken_down(process)
            now, own = time.monotonic(), computed(process)
            passed = 0.0 if waits or status == psutil.STATUS_DISK_SLEEP else own - used if status == psutil.STATUS_RUNNING else now - last
            last, used, spent = now, own, spent + passed
            if spent > seconds:
                threads = told_by_kernel(run.pid)
                run.send_signal(signal.SIGABRT)
                pytest.fail(f"it goes on for {seconds} s; {threads}; it has said, and is at: {said.result()[0]}")
    return said.result()[0]


def computed(process: psutil.Process) -> float:
    """Seconds that a process has had a core."""
    times = process.cpu_times()
    return float(times.user + times.system)


def told_by_kernel(pid: int) -> str:
    """What each thread of a process does, and whether Ctrl-C still waits for it."""
    told = []
    for task in sorted(Path(f"/proc/{pid}/task").glob("*")):
        with contextlib.suppress(OSError):
            status = dict(re.findall(r"^(State|SigPnd|ShdPnd|SigBlk|SigCgt):\s*(.*)$", (task / "status").read_text(), re.MULTILINE))
            told.append(f"{task.name} {status} at {(task / 'wchan').read_text()}")
    return "; ".join(told)


def wait_for(what: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + patience(seconds)
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.mark.parametrize("stage", PHASES)
def test_ctrl_c_ends_every_phase_at_once(tiny_store: Path, tmp_path: Path, stage: str) -> None:
    """Two seconds after Ctrl-C, on an idle machine, the run has ended and none of its processes lives."""
    partly_built(tiny_store, tmp_path, *PHASES[stage])
    batch = "bs8" if stage == "simplifying tiny" else "bs4"
    run = start(tmp_path, "-k", batch, *(["--budget-s=20"] if stage == "measuring tiny" else []))
    wait_for(lambda: is_running(stage, tmp_path), 60)
    time.sleep(1.0)
    run.send_signal(signal.SIGINT)
    said = at_once(run)

    assert "KeyboardInterrupt" in said
    assert [] == ours(tmp_path)


def test_ctrl_c_while_timing_keeps_the_scores(tiny_store: Path, tmp_path: Path) -> None:
    """What was measured before Ctrl-C is on disk."""
    partly_built(tiny_store, tmp_path, "data", "weights", "onnx")
    run = start(tmp_path, "-k", "bs4", "--budget-s=60")
    wait_for(lambda: any(tmp_path.glob("runs/*/tiny-bs4-cpu/cell.json")), 60)
    run.send_signal(signal.SIGINT)
    at_once(run)

    assert any(tmp_path.glob("runs/*/tiny-bs4-cpu/predictions.npz"))
    assert [] == ours(tmp_path)


def test_a_killed_run_takes_its_children_along(tiny_store: Path, tmp_path: Path) -> None:
    """SIGKILL of pytest ends the cell and its decode workers too."""
    run = start(tmp_path, "-k", "bs4")
    wait_for(lambda: len(ours(tmp_path)) > 1, 60)
    run.kill()
    run.communicate()

    wait_for(lambda: not ours(tmp_path), 2)


def test_what_an_interrupted_build_left_does_not_disturb_the_next(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """After Ctrl-C in the middle of a build the same command builds it and gives its verdict."""
    partly_built(tiny_store, tmp_path, "data", "weights", "reference", "inputs", "onnx")
    run = start(tmp_path, "-k", "bs8 and accuracy")
    wait_for(lambda: any(tmp_path.glob("store/.partial/*")), 60)
    run.send_signal(signal.SIGINT)
    at_once(run)
    done = acceptance("-k", "bs8 and accuracy", artifacts=tmp_path)

    assert done.returncode == 0, done.stdout
    assert [] == list(tmp_path.glob("store/.partial/*"))


def test_two_runs_build_once_and_measure_one_after_the_other(tiny_store: Path, tmp_path: Path) -> None:
    """Of two runs started together one builds while the other waits, and their cells do not overlap."""
    partly_built(tiny_store, tmp_path, "data", "weights", "reference", "inputs", "onnx")
    runs = [start(tmp_path, "-k", "bs8 and accuracy") for _ in range(2)]
    said = [run.communicate(timeout=120)[0] for run in runs]

    assert [0, 0] == [run.returncode for run in runs], said
    assert "is building" in said[0] + said[1]
    assert "holds cpu" in said[0] + said[1]
    assert 1 == len(list(tmp_path.glob("store/onnx/*/bs8.onnx")))
