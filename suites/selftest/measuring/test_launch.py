"""When a measurement is tried once more, where each attempt works, and what becomes of the device."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.deployments import record
from tools.errors import ClipgateError, DeviceError, EngineError
from tools.machine import child
from tools.machine.child import StalledError
from tools.measuring import cell, launch, quarantine, sameness
from tools.measuring.cell import Part
from tools.measuring.job import Job
from tools.measuring.predictions import FILE, Predictions, save
from tools.measuring.sameness import Sameness
from tools.spec.case import Case, Device
from tools.spec.settings import Settings
from tools.storage.context import Context

CASE = Case("tiny", 4, Device("npu", 0))
COPY = "EE9999: Inner Error! rtMemcpy execute failed, runtime result = 507899"
KERNEL = "synchronize stream failed, runtime result = 507015"
LOST = "device lost heartbeat, runtime result = 507010"
SAME = Sameness(**{one.name: cast("Any", one.name) for one in fields(Sameness)})
Attempt = Callable[[Path, Path], None]  # what a process does in its scratch, with its log


def fails(said: str, error: ClipgateError | None = None) -> Attempt:
    """A process whose runtime says this, dumps, and raises."""
    def attempt(scratch: Path, log: Path) -> None:
        with (scratch / "exception_cb_index_0.bin").open("x"), log.open("a") as words:
            words.write(f"{said}\n")
        raise error or EngineError("aclruntime failed: [-1][ACL: general failure]")

    return attempt


@dataclass
class Bench:
    """A case whose processes do in turn what *attempts* says."""

    run: Path
    attempts: list[Attempt]
    places: list[Path] = field(default_factory=list)
    resume: bool = False

    def call(self, work: object, title: str, *, log: Path, folder: Path, **rest: object) -> None:
        self.places.append(folder)
        self.attempts.pop(0)(folder, log)

    def measure(self) -> Part:
        nothing: Any = SimpleNamespace(networks=[None], network=SimpleNamespace(name="tiny"))
        job = Job(CASE, nothing, nothing, nothing, nothing, "mini", 1.0, self.folder)
        context = Context(Settings.parse({}), cast("Any", None), lambda event: None)
        return launch._measured(context, job, self.run, self.resume)

    def succeeds(self, scratch: Path, log: Path) -> None:
        save(Predictions(("a",), np.zeros((1, 5), np.float32)), self.folder / FILE)
        cell.write(record(CASE, "tiny", 1), self.folder / cell.RECORD)
        cell.write(cell.Times((1.0,), 4), self.folder / cell.TIMES)

    @property
    def folder(self) -> Path:
        return self.run / str(CASE)

    @property
    def given_up(self) -> str:
        try:
            quarantine.refuse(self.run, CASE.device)
        except DeviceError as error:
            return error.what
        return ""


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path, [])
    monkeypatch.setattr(child, "call", made.call)
    monkeypatch.setattr(sameness, "of", lambda job: SAME)
    return made


@pytest.mark.parametrize(("said", "meaning"), [
    (COPY, "the driver failed, or a copy between host and device did (507899)"), (KERNEL, "a kernel failed on the device (507015)")])
def test_what_may_be_chance_is_tried_once_more(bench: Bench, said: str, meaning: str) -> None:
    """In a fresh process and folder; the numbers say so, the first dump is kept, and the device goes on."""
    bench.attempts = [fails(said), bench.succeeds]
    part = bench.measure()

    assert (meaning, None) == (part.retried, part.timing_error)
    assert [bench.folder / "scratch" / number for number in "12"] == bench.places
    assert ["1"] == [path.name for path in (bench.folder / "scratch").iterdir()]
    assert "" == bench.given_up


@pytest.mark.parametrize(("said", "count", "reason"), [
    ([COPY, COPY], 2, "lost while tiny-bs4-npu0 was measured: the driver failed"), ([COPY, LOST], 2, "the device is lost"),
    ([LOST], 1, "the device is lost"), ([KERNEL, KERNEL], 2, ""), (["EL0004"], 1, "")])
def test_a_device_is_given_up_after_the_second_failed_copy(bench: Bench, said: list[str], count: int, reason: str) -> None:
    """One that is lost is given up at once; neither kernels nor memory give it up in one cell."""
    bench.attempts = [fails(words) for words in said]
    with pytest.raises(EngineError) as error:
        bench.measure()

    assert (count, count == 2) == (len(bench.places), "(twice, in two processes)" in error.value.what)
    assert reason in bench.given_up
    assert bool(reason) == bool(bench.given_up)


def test_every_attempt_has_a_folder_of_its_own(bench: Bench) -> None:
    """Those of an earlier measurement in the same run are not touched."""
    bench.attempts = [fails(KERNEL)] * 4
    for _ in range(2):
        with pytest.raises(EngineError):
            bench.measure()

    assert ["1", "2", "3", "4"] == [path.name for path in bench.places]
    assert all((path / "exception_cb_index_0.bin").is_file() for path in bench.places)


def test_a_good_measurement_leaves_no_scratch(bench: Bench) -> None:
    """There is nothing to keep."""
    bench.attempts = [bench.succeeds]
    bench.measure()

    assert not (bench.folder / "scratch").exists()


def test_only_dumps_of_what_failed_are_kept(bench: Bench) -> None:
    """An attempt that dumps nothing leaves no folder, nor does one that succeeds, whatever it left there."""
    def silent(scratch: Path, log: Path) -> None:
        log.touch()
        raise EngineError("it fails")

    def dumps(scratch: Path, log: Path) -> None:
        (scratch / "kernel_meta").mkdir()
        bench.succeeds(scratch, log)

    bench.attempts = [silent, dumps, fails(LOST)]
    with pytest.raises(EngineError):
        bench.measure()
    assert not (bench.folder / "scratch").exists()
    bench.measure()
    assert not (bench.folder / "scratch").exists()
    with pytest.raises(EngineError):
        bench.measure()
    assert ["1"] == [path.name for path in (bench.folder / "scratch").iterdir()]


def test_a_hang_names_the_device(bench: Bench) -> None:
    """It is tried once: each silence costs its time; the device is under suspicion, and not given up."""
    bench.attempts = [fails("nothing", StalledError("the child process said nothing for 15 s and was ended"))]
    with pytest.raises(StalledError) as error:
        bench.measure()

    assert "said nothing for 15 s and was ended; the device npu0 is suspect" in error.value.what
    assert "" == bench.given_up


def test_nothing_is_built_for_a_device_that_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with the device is the error, before the weights are looked for."""
    settings, asked = Settings.parse({}), list[object]()

    class NotReady:
        def require_ready(self, *what: object) -> None:
            asked.extend(what)
            raise DeviceError("no such NPU")

    monkeypatch.setattr(launch, "family", lambda device: NotReady())
    monkeypatch.setattr(launch, "checkpoints", lambda context: pytest.fail("the weights came first"))
    with pytest.raises(DeviceError, match="no such NPU"):
        launch.find(Context(settings, cast("Any", None), lambda event: None), CASE)

    assert [CASE.device, settings] == asked


def test_kernel_faults_count_until_a_measurement_succeeds(bench: Bench) -> None:
    """Each cell that ends with one counts; those before a good measurement are forgotten."""
    def cell_with(*attempts: Attempt) -> None:
        bench.attempts = [*attempts]
        with suppress(EngineError):
            bench.measure()

    failed = [fails(KERNEL)] * 2
    for attempts in (failed, [bench.succeeds], failed):
        cell_with(*attempts)
    assert "" == bench.given_up
    cell_with(*failed)
    assert bench.given_up


def test_an_error_of_timing_keeps_the_scores(bench: Bench) -> None:
    """They are judged, and the part says why it has no times. What an earlier measurement left goes first."""
    def scored(scratch: Path, log: Path) -> None:
        assert not (bench.folder / cell.TIMES).exists()
        bench.succeeds(scratch, log)
        (bench.folder / cell.TIMES).unlink()
        fails("no fault", EngineError("no time"))(scratch, log)

    bench.attempts = [bench.succeeds, scored]
    assert bench.measure().times is not None
    part = bench.measure()

    assert part.times is None
    assert "no time" == getattr(part.timing_error, "what", "")
    assert ("a",) == part.predictions.ids
