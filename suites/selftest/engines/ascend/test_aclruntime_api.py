"""The calls and times of aclruntime's builds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import clean_environment
from tools.engines.ascend.runtime import durations, first_of, runner
from tools.errors import EngineError
from tools.spec.settings import ROOT

HOUR_MS = 3_600_000.0


def float32(value: float) -> float:
    return float(np.float32(value))


def test_milliseconds_become_seconds() -> None:
    """The older builds give one number a run."""
    assert [0.0125, 0.002] == durations([12.5, 2.0])
    assert [0.003] == durations([3])


@pytest.mark.parametrize("pair", [tuple, list])
def test_start_and_end_become_seconds(pair: type) -> None:
    """The newer builds give both, counted from when the session began."""
    assert pytest.approx([0.0125, 0.25]) == durations([pair((100.0, 112.5)), pair((1000.0, 1250.0))])


def test_a_coarse_clock_gives_no_times() -> None:
    """An hour after the start a step of single precision is a quarter of a millisecond.

    That is too much for 20 ms and little enough for 30.
    """
    def series(length_ms: float) -> list[tuple[float, float]]:
        starts = [HOUR_MS + 100 * number for number in range(5)]
        return [(float32(start), float32(start + length_ms)) for start in starts]

    assert [] == durations(series(20.0))
    assert pytest.approx([0.03] * 5, rel=0.01) == durations(series(30.0))


@pytest.mark.parametrize("entries", [[12.5, -3.0], [12.5, 0.0], [(0.0, 12.5), (20.0, 17.0)], [(1.0, 1.0)], [(HOUR_MS, 0.0)]])
def test_a_clock_that_was_set_back_gives_no_times(entries: list[Any]) -> None:
    """It is the wall's: a run that took no time, or less, says that none of them can be believed."""
    assert [] == durations(entries)


@pytest.mark.parametrize("entries", [[], ["12.5"], [None]])
def test_a_build_without_times_gives_none(entries: list[Any]) -> None:
    """An empty list, or one of something else."""
    assert [] == durations(entries)


class Calls(list[tuple[Any, ...]]):
    """A session with some calls, which are noted."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        for name in names:
            setattr(self, name, lambda *given, name=name: self.append((name, *given)) or [f"{name}'s"])


@pytest.mark.parametrize(("has", "called"), [
    (("run", "run_from_tensors", "run_setinputs", "run_execute", "run_getoutputs"), [("run", ["out"], ["in"])]),
    (("run_from_tensors",), [("run_from_tensors", ["out"], ["in"])]),
    (("run_setinputs", "run_execute", "run_getoutputs"), [("run_setinputs", ["in"]), ("run_execute",), ("run_getoutputs", ["out"])])])
def test_a_run_takes_the_calls_that_a_build_has(has: tuple[str, ...], called: list[Any]) -> None:
    """One call where there is one, else three; the last gives the outputs."""
    session: Any = Calls(*has)
    found = runner(session, ["out"])(["in"])  # type: ignore[list-item]

    assert called == session
    assert [f"{called[-1][0]}'s"] == found


def test_the_first_call_that_is_there_is_taken() -> None:
    """In the order of the names, and not of the build."""
    session: Any = SimpleNamespace(b=1, a=2)

    assert 1 == first_of(session, "c", "b", "a")


def test_a_build_without_any_of_the_calls_is_told() -> None:
    """By their names."""
    session: Any = SimpleNamespace()

    with pytest.raises(EngineError, match="this build of aclruntime has no sumary or summary"):
        first_of(session, "sumary", "summary")
    with pytest.raises(EngineError, match="has no run_setinputs"):
        runner(session, ["out"])([])


@pytest.mark.parametrize("unbuffered", [True, False])
def test_the_runtimes_last_words_outlive_a_kill(tmp_path: Path, unbuffered: bool) -> None:
    """What C printed before SIGKILL is in the file that stdout is; without the call it would be lost."""
    call = "unbuffer_stdout()" if unbuffered else ""
    code = ("import ctypes, os, signal; from tools.engines.ascend.runtime import unbuffer_stdout\n"
            f"{call}\nctypes.CDLL(None).printf(b'EZ9999: the end'); os.kill(os.getpid(), signal.SIGKILL)")
    environment = clean_environment() | {"PYTHONUNBUFFERED": ""}  # which would do the same
    with (tmp_path / "log").open("w") as log:
        done = subprocess.run([sys.executable, "-c", code], stdout=log, cwd=ROOT, env=environment, check=False)

    assert done.returncode == -9
    assert ("EZ9999: the end" if unbuffered else "") == (tmp_path / "log").read_text()
