"""The turns of a cell: on which host what stops while another cell is timed, and what is only seen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.machine.turn_takers import processes, until
from tools import engines
from tools.engines.cuda import runtime
from tools.machine import device_locks, quiet
from tools.machine.quiet import HOST, TURN, WORK
from tools.measuring.cell import Times
from tools.measuring.host_quiet import Turns, cores_short
from tools.spec.case import Device

CPU, NPUS = Device("cpu"), [Device("npu", number) for number in range(8)]
GPUS = [Device("cuda", number) for number in range(8)]
TIMES = Times((1.0,), 4)


@pytest.mark.parametrize(("cores", "chips", "short"), [
    (5, 1, True), (6, 1, False), (10, 2, True), (11, 2, False), (40, 8, True), (41, 8, False)])
def test_cores_are_short_below_five_for_each_chip_and_one(cores: int, chips: int, short: bool) -> None:
    """Four that decode, one that feeds the chip, and the one that is timed."""
    assert short == cores_short(cores, chips)


@pytest.fixture
def locks(tmp_path: Path) -> str:
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    return str(folder)


def turns(monkeypatch: pytest.MonkeyPatch, locks: str, device: Device, *, cores: int, chips: int, driven: bool = True) -> Turns:
    """driven: whether ONNX Runtime's GPU package is installed."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)))
    monkeypatch.setattr(engines, "devices", lambda: [*(GPUS if device in GPUS or not driven else NPUS)[:chips], CPU])
    monkeypatch.setattr(runtime, "installed", lambda: "1.31.1" if driven else "")
    return Turns.of(locks, device)


def free(locks: str) -> dict[str, bool]:
    """Which locks nobody has."""
    return {name: device_locks.is_free(locks, name) for name in (HOST, TURN, WORK)}


@pytest.mark.parametrize(("cores", "chips", "device", "stops"), [
    (2, 0, CPU, False),  # its own lock keeps cells apart
    (2, 1, NPUS[0], True), (2, 1, CPU, True), (40, 8, NPUS[7], True), (41, 8, NPUS[7], False), (41, 8, CPU, False),
])
def test_decoding_stops_for_timing_where_cores_are_short(
        monkeypatch: pytest.MonkeyPatch, locks: str, cores: int, chips: int, device: Device, stops: bool) -> None:
    with turns(monkeypatch, locks, device, cores=cores, chips=chips).unit:
        assert stops == (Path(locks) / f"{HOST}.lock").exists(), "no lock is taken that nobody needs"
        assert stops != free(locks)[HOST]


@pytest.mark.parametrize(("cores", "chips", "device", "workers"), [
    (2, 1, GPUS[0], 4), (6, 1, GPUS[0], 4), (7, 1, GPUS[0], 5), (16, 1, GPUS[0], 14), (64, 1, GPUS[0], 16), (64, 8, GPUS[3], 6),
    (64, 1, NPUS[0], 4), (64, 1, CPU, 4), (64, 0, CPU, 4)])
def test_a_chip_that_is_fed_ahead_is_decoded_for_by_the_cores_that_are_left_over(
        monkeypatch: pytest.MonkeyPatch, locks: str, cores: int, chips: int, device: Device, workers: int) -> None:
    """Never by fewer than four. Where cores are not short, all cells at once leave one to what is timed."""
    found = turns(monkeypatch, locks, device, cores=cores, chips=chips)

    assert workers == found.workers
    assert cores_short(cores, chips) or device is CPU or chips * (found.workers + 1) + 1 <= cores


def test_a_gpu_that_nothing_here_drives_changes_nothing_for_the_cpu(monkeypatch: pytest.MonkeyPatch, locks: str) -> None:
    """Many a desktop has one, and no package for it."""
    assert 1 == turns(monkeypatch, locks, CPU, cores=8, chips=1).chips
    assert turns(monkeypatch, locks, CPU, cores=8, chips=0).chips == turns(monkeypatch, locks, CPU, cores=8, chips=1, driven=False).chips


@pytest.mark.parametrize(("device", "stops"), [(CPU, True), (NPUS[0], False)])
def test_a_batch_is_a_unit_where_the_host_computes_it(monkeypatch: pytest.MonkeyPatch, locks: str, device: Device, stops: bool) -> None:
    """Not while a chip computes it. All else of the engine is as it was."""
    seen: list[bool] = []
    engine: Any = SimpleNamespace(precision="fp32", fit="a fit", lanes=1, told={"a": "b"},
                                  bind=lambda batch: ("bound", batch), device_times=lambda: [0.5],
                                  infer=lambda batch: seen.append(free(locks)[HOST]) or batch + 1, close=lambda: seen.append(True))
    found = turns(monkeypatch, locks, device, cores=2, chips=1).scoring(engine)

    assert 3.0 == found.infer(np.full(1, 2, np.float32))[0]
    assert [not stops] == seen
    assert ("fp32", "a fit", ("bound", 7), [0.5]) == (found.precision, found.fit, found.bind(cast("Any", 7)), found.device_times())
    found.close()
    assert 2 == len(seen)


@contextmanager
def worker(locks: str, held: Path) -> Iterator[str]:
    """Another process that works and gives way to nobody; its words."""

    def work() -> None:
        with quiet.working(locks, lambda text: None):
            held.touch()
            until(lambda: False, 60)

    with processes(work) as [one]:
        until(held.exists)
        yield f"process {one.pid} (working in {Path.cwd()})"


@pytest.mark.parametrize(("cores", "chips", "quietly"), [(2, 0, True), (2, 2, True), (41, 8, False)])
def test_times_are_taken_in_quiet_or_beside_whoever_is_seen(
        monkeypatch: pytest.MonkeyPatch, locks: str, tmp_path: Path, cores: int, chips: int, quietly: bool) -> None:
    """With cores for all nothing is waited for. Who works on is named in either case."""
    monkeypatch.setattr(quiet, "GRACE_S", 0.1)
    own = turns(monkeypatch, locks, CPU if chips == 0 else NPUS[0], cores=cores, chips=chips)

    def take() -> Times:
        assert quietly != free(locks)[TURN]
        return TIMES

    bare = own.timing(take)
    assert (TIMES.series, ()) == (bare.series, bare.beside)
    with worker(locks, tmp_path / "held") as words:
        found = own.timing(take)
        assert (words,) == found.beside
        assert quietly == (found.waited_s >= 0.1)


@pytest.mark.parametrize(("cores", "chips", "other", "beside"), [
    (2, 2, NPUS[1], True), (2, 3, NPUS[1], False),  # fewer cores than chips that may be timed
    (2, 2, CPU, False)])  # it takes every core
def test_chips_are_timed_side_by_side_with_a_core_for_each(
        monkeypatch: pytest.MonkeyPatch, locks: str, tmp_path: Path, cores: int, chips: int, other: Device, beside: bool) -> None:
    own = turns(monkeypatch, locks, NPUS[0], cores=cores, chips=chips)
    theirs = turns(monkeypatch, locks, other, cores=cores, chips=chips)

    def take() -> Times:
        with processes(lambda: theirs.timing(lambda: ((tmp_path / "timed").touch(), TIMES)[1])) as [one]:
            one.join(20 if beside else 0.5)
        assert beside == (tmp_path / "timed").exists()
        return TIMES

    own.timing(take)


def test_one_that_comes_or_goes_meanwhile_is_seen_too(monkeypatch: pytest.MonkeyPatch, locks: str, tmp_path: Path) -> None:
    """Where nothing stops, work may begin and end while a series is taken."""
    own = turns(monkeypatch, locks, NPUS[0], cores=41, chips=8)
    with ExitStack() as coming, ExitStack() as going:
        words = [going.enter_context(worker(locks, tmp_path / "goes"))]

        def take() -> Times:
            going.close()
            words.append(coming.enter_context(worker(locks, tmp_path / "comes")))
            return TIMES

        found = own.timing(take)

    assert tuple(words) == found.beside


@pytest.mark.parametrize(("device", "cores", "seen"), [(CPU, 41, True), (NPUS[0], 41, False), (CPU, 40, False)])
def test_a_cell_of_the_cpu_is_seen_where_nothing_stops_for_it(
        monkeypatch: pytest.MonkeyPatch, locks: str, device: Device, cores: int, seen: bool) -> None:
    """While it scores and while it is timed: it takes every core, also of a large host."""
    own = turns(monkeypatch, locks, device, cores=cores, chips=8)
    with own.seen():
        assert seen != free(locks)[WORK]
    during: list[bool] = []
    found = own.timing(lambda: (during.append(free(locks)[WORK]), TIMES)[1])

    assert [not seen] == during
    assert () == found.beside


def test_a_host_without_chips_has_no_units(monkeypatch: pytest.MonkeyPatch, locks: str) -> None:
    assert isinstance(turns(monkeypatch, locks, CPU, cores=2, chips=0).unit, nullcontext)
