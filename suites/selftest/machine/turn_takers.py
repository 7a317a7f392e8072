"""Processes that work in units, time or wait, and when they did, to be compared afterwards."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.machine import quiet
from tools.machine.quiet import Units

FORK = multiprocessing.get_context("fork")
Interval = tuple[float, float]


def silent(text: str) -> None:
    """Hears nothing."""


def unexpected(text: str) -> None:
    pytest.fail(f"somebody waits: {text}")


@contextmanager
def processes(*works: Callable[[], object]) -> Iterator[list[multiprocessing.process.BaseProcess]]:
    """Each of *works* in a process of its own, killed in the end."""
    started = [FORK.Process(target=work, daemon=True) for work in works]
    for one in started:
        one.start()
    try:
        yield list(started)
    finally:
        for one in started:
            one.kill()
            one.join()


def noting(file: Path, began: float) -> None:
    """Add the interval from *began* to now, which all processes of this host read off one clock."""
    with file.open("a") as log:
        log.write(f"{began!r} {time.monotonic()!r}\n")


def noted(file: Path) -> list[Interval]:
    """The intervals that were noted whole: whoever noted them may have been killed."""
    lines = file.read_text().split("\n")[:-1] if file.exists() else []
    return [(float(line.split()[0]), float(line.split()[1])) for line in lines]


def units_of(locks: str, each_s: float, file: Path) -> None:
    """One unit after the other with no pause, as a decode worker that has enough to do."""
    units = Units(locks, silent)
    while True:
        with units:
            began = time.monotonic()
            time.sleep(each_s)
            noting(file, began)


def times_of(locks: str, series: int, each_s: float, file: Path, *, apart_s: float = 0.0, side_by_side: bool = False) -> None:
    for number in range(series):
        time.sleep(apart_s if number else 0.0)
        with quiet.timing(locks, silent, side_by_side=side_by_side):
            began = time.monotonic()
            time.sleep(each_s)
            noting(file, began)


def overlapping(some: list[Interval], others: list[Interval]) -> list[tuple[Interval, Interval]]:
    return [(one, other) for one in some for other in others if one[0] < other[1] and other[0] < one[1]]


def until(happens: Callable[[], object], most_s: float = 20) -> None:
    end = time.monotonic() + most_s
    while not happens():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.005)


def holds_unit(locks: str, held: Path) -> None:
    with Units(locks, silent):
        held.touch()
        threading.Event().wait()


def holds_quiet(locks: str, held: Path) -> None:
    with quiet.timing(locks, silent):
        held.touch()
        threading.Event().wait()
