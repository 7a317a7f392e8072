"""What the bounds of every room say of the last number below them, of themselves, and of the first above."""

from __future__ import annotations

import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from suites.selftest.reporting.runs import row
from suites.selftest.storage.test_store import KEY
from tools.deployment import inspection
from tools.engines.cuda import libraries, placement
from tools.engines.cuda.placement import Left
from tools.errors import ClipgateError
from tools.exchange import speeds
from tools.judging.numbers import Numbers
from tools.localisation import activitynet
from tools.machine import files, memory, opening
from tools.machine.progress import Work
from tools.measuring import answers, host_quiet, metrics, remembered, scales
from tools.measuring.lack import Lack
from tools.measuring.record import Record
from tools.reporting import charts, compare, gather, layout, markdown, numbers, verdict
from tools.reporting.cases import bare
from tools.reporting.facts import CaseFacts, Report, SpeedPoint, Speeds
from tools.spec import asked_speeds, expectations, faults, ranges, settings
from tools.spec.case import Case, Device
from tools.storage import durations, entries

Law = tuple[Callable[[float], object], float, object, object, object]
RECORD = Record("a", "a", "mini", "mini", "fp32", "310P3", False, 1, 100.0, 1, 1, {}, {}, {}, busy=0.5)  # noqa: FBT003


def refuses(call: Callable[[], object]) -> bool:
    try:
        call()
    except (ClipgateError, OSError):
        return True
    return False


def cases(count: float, **more: object) -> list[CaseFacts]:
    return [bare([replace(row(f"tiny-bs{one + 1}-cpu"), **more)], {}, ()) for one in range(int(count))]  # type: ignore[arg-type]


def report(count: float) -> Report:
    return Report("r", "", "", "", "", "PASS", (), "", nightly=False, simulated=False, cases=tuple(cases(count)))


def waits(seconds: float) -> bool:
    return bool(replace(RECORD, waited_s={"decode": seconds}).kept_waiting)


def speed_axis(rate: float) -> bool:
    found = charts.speed_chart([Speeds("a", "", "b", measured=True, points=(SpeedPoint(1, 4.0), SpeedPoint(2, rate)))])
    return "logarithmic" in json.dumps(found)


def summed(total: float) -> str:
    return scales.scale_of(np.array([[total, 0.0]]))


def lacking(count: float) -> str:
    of = tuple(Case("tsm", number, Device("cpu")) for number in range(1, int(count) + 1))
    other = Case("tsm", 64, Device("cpu"))
    return Lack(("a", "b", "", ""), of).who([*of, other])[-10:]


def differing(count: float) -> str:
    first, second = (Report("r", f"/{name}", "", "", "", "PASS", (), "", nightly=False, simulated=False, cases=tuple(
        bare([replace(row("tiny-bs1-cpu", metric=str(one)), measured=name) for one in range(int(count))], {}, ()) for _ in "a"))
        for name in "ab")
    return compare.table(compare.compared(first, second))[-1][:5]


def reasons(count: float) -> int:
    rows = [row(f"tiny-bs{one + 1}-cpu", verdict="FAIL") for one in range(int(count))]
    return len(verdict.why(rows, rows))


def pixels(count: float) -> bool:
    return refuses(lambda: activitynet._segments({"annotations": [{"segment": [1.0, count], "label": "x"}]}, "a", may_lack=False))


STEPS: dict[str, Law] = {  # a number -> what is told just below it, of it, and just above it
    "no longer megabytes": (lambda v: files.size_words(v)[-2:], 1e9, "MB", "GB", "GB"),  # type: ignore[arg-type]
    "waited for decoding": (waits, 10.0, False, False, True),
    "logarithmic": (speed_axis, 100.0, False, False, True),
    "device's share of a call, at least": (lambda v: bool(answers._of_another_clock([1.0], [v])), 0.01, True, False, False),
    "device's share of a call, at most": (lambda v: bool(answers._of_another_clock([1.0], [v])), 1.0, False, False, True),
    "a pair lost": (lambda v: remembered.lost([v], [1.0]), 1.1, 1, 1, 0),
    "calls in vain": (lambda v: remembered.in_vain(v, 4, remembered.PLANS[3]), 12.0, False, False, True),  # type: ignore[arg-type]
    "a segment's end": (pixels, 1.0, True, False, False),
    "largest number": (lambda v: ranges.outside("rate", v) != "", 1e15, False, True, True),
    "smallest number": (lambda v: ranges.outside("rate", v) != "", -1e15, True, True, True),
    "at least 0": (lambda v: ranges.outside("rate", v) != "", 0.0, True, False, False),
    "above 0": (lambda v: ranges.outside("value", v) != "", 0.0, True, True, False),
    "a share": (lambda v: ranges.outside("max_drop", v) != "", 1.0, False, True, True),
    "a cosine": (lambda v: ranges.outside("min_cosine", v) != "", 1.0, False, False, True),
    "an expected share": (lambda v: refuses(lambda: expectations._share("top1", repr(v))), 1.0, False, False, True),
    "no expected share": (lambda v: refuses(lambda: expectations._share("top1", repr(v))), 0.0, True, True, False),
    "an asked speed": (lambda v: refuses(lambda: asked_speeds.asked_speed("clips/s", repr(v), "")), 0.0, True, True, False),
    "a small share": (lambda v: numbers._text(Numbers("share", v, limit="at most"), measured=True)[-4:], 0.002, "e-03", "0020", "0020"),
    "silent": (lambda v: Work(0.0, 0.0).silent_s(v) > 0, 10.0, False, False, True),
    "silent for its kind": (lambda v: Work(0.0, 0.0, longest_s=20.0).silent_s(v) > 0, 40.0, False, False, True),
    "done": (lambda v: Work(0.0, 0.0, step="a", done=5, total=9, counted=(0.0, v, 4)).per_s is None, 0.0, True, True, False),
}
COUNTS: dict[str, Law] = {  # the same of whole numbers
    "room": (lambda v: refuses(lambda: files.require_room(int(v), Path("/"), "it")), 1000, False, False, True),
    "full": (lambda v: files.is_full(Path(str(int(v)))), 2**16, True, False, False),
    "memory": (lambda v: refuses(lambda: memory.require(int(v), "it")), 2000, False, False, True),
    "cores of a cell": (lambda v: host_quiet.cores_short(int(v), 2), 11, True, False, False),
    "text that is shown": (lambda v: inspection._shown("x" * int(v))[-1], 2000, "x", "x", "."),
    "names that are shown": (lambda v: inspection._few(["x"] * int(v))[-6:], 8, ", x, x", ", x, x", "1 more"),
    "bytes": (lambda v: inspection._bytes(int(v))[-2:], 10**5, "es", "MB", "MB"),
    "nodes": (lambda v: placement._listed([Left("x", "y")] * int(v))[-6:], 6, ", x, x", ", x, x", "1 more"),
    "letters of a value": (lambda v: faults.cut("x" * int(v))[-1], 60, "x", "x", "."),
    "digits of a number": (lambda v: faults.shown(10**60 + int(v))[:1], 0, "9", "1", "a"),
    "numbered packages": (lambda v: libraries.package("nvidia-cublas", int(v)), 13, "nvidia-cublas-cu12", "nvidia-cublas", "nvidia-cublas"),
    "cells of a lack": (lacking, 4, "sm-bs3-cpu", "sm-bs4-cpu", "and 1 more"),
    "numbers that differ": (differing, 40, "tiny-", "tiny-", "and 1"),
    "reasons": (reasons, 12, 11, 12, 13),
    "open cases": (lambda v: len(layout.opened(report(v))), 3, 2, 3, 0),
    "printed cases": (lambda v: len(layout.printed(report(v))), 12, 11, 12, 0),
    "letters of a text": (lambda v: markdown.plain("x" * int(v))[-1], 300, "x", "x", "."),
    "listed": (lambda v: len(markdown._listed(["x"] * int(v), 3)), 3, 3, 4, 5),
    "cells of a table": (lambda v: len(markdown._table(cases(v))), 24, 26, 27, 29),
    "letters of a legend": (lambda v: "columns" in charts._legend(["x" * int(v)]), 40, False, False, True),
    "clips": (lambda v: refuses(lambda: settings.Settings.parse({"clips": str(int(v))})), 10**7, False, False, True),
    "confirmations": (lambda v: refuses(lambda: settings.Settings.parse({"confirm": str(int(v))})), 10**7, False, False, True),
}


@pytest.fixture(autouse=True)
def bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk and a memory of known size; of a folder that is called by a number, so many bytes are free."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=int(path.name or 1000)))
    monkeypatch.setattr(memory, "available_bytes", lambda: 2000)


@pytest.mark.parametrize("law", STEPS.values(), ids=STEPS)
def test_a_bound_belongs_to_its_side(law: Law) -> None:
    """And the least that is beyond it to the other."""
    told, bound, below, at, above = law

    assert [below, at, above] == [told(number) for number in (math.nextafter(bound, -math.inf), bound, math.nextafter(bound, math.inf))]


@pytest.mark.parametrize("law", COUNTS.values(), ids=COUNTS)
def test_a_count_is_enough_from_its_own_number_on(law: Law) -> None:
    told, bound, below, at, above = law

    assert [below, at, above] == [told(number) for number in (bound - 1, bound, bound + 1)]


@pytest.mark.parametrize(("size", "refused"), [(9, False), (10, False), (11, True)])
def test_a_file_may_have_as_many_bytes_as_are_allowed(tmp_path: Path, size: int, refused: bool) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)

    assert [refused] * 2 == [refuses(partial(read, tmp_path / "a", 10)) for read in (opening.require_most, opening.read_bytes)]


@pytest.mark.parametrize(("seconds", "known"), [(4.9, False), (5.0, True), (9999999.9, True), (1e7, False)])
def test_what_a_stage_took_is_told_where_it_makes_sense(tmp_path: Path, seconds: float, known: bool) -> None:
    durations.note(tmp_path, KEY, seconds)

    assert (seconds if known else None) == durations.last(tmp_path, KEY)


@pytest.mark.parametrize(("ahead_s", "is_sure"), [(0.0, True), (3600.0, True), (3601.0, False)])
def test_a_use_in_the_future_counts_least(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ahead_s: float, is_sure: bool) -> None:
    """But for an hour, by which clocks may differ."""
    path = tmp_path / "entry.json"
    path.touch()
    used = path.stat().st_mtime
    monkeypatch.setattr(time, "time", lambda: used - ahead_s)

    assert (is_sure, used) == entries.last_use(path)


@pytest.mark.parametrize(("count", "says"), [(3, "bs2-cpu began"), (4, "bs3-cpu and 1 more began")])
def test_cells_without_a_result_are_named_up_to_three(tmp_path: Path, count: int, says: str) -> None:
    for number in range(count):
        (tmp_path / f"tiny-bs{number}-cpu").mkdir()
    said: list[str] = []
    gather._unjudged(tmp_path, {}, said)

    assert says.replace("bs3", "bs2") in said[0]


@pytest.mark.parametrize(("rate", "said", "batch"), [
    (1000.999, None, 1), (1001.01, None, 0), (1009.9, 1.0, 1), (1010.1, 1.0, 0), (999.5, None, 1), (3996.01, None, 4), (3995.9, None, 0)])
def test_a_rate_of_ais_bench_is_of_a_whole_number_of_samples(rate: float, said: float | None, batch: int) -> None:
    """To a thousandth where it follows from rate and mean time, to a hundredth where it is printed."""
    def found() -> speeds.Speed:
        return speeds._ais_bench_speed({"mean": 1.0, "min": 0.9, "max": 1.1}, rate, said, Path("log"), 1)

    assert batch == (0 if refuses(found) else found().batch)


def test_ranks_are_counted_with_their_ties() -> None:
    """A label that ties across rank k is no hit there, and is one of the ties."""
    scores, labels = np.array([[3.0, 2, 2, 1], [1, 1, 1, 1], [0, 1, 2, 3]]), np.array([1, 0, 3])

    assert [[False, False, True], [False, False, True], [True, False, True], [True, True, True]] == [
        metrics.hits(scores, labels, k).tolist() for k in range(1, 5)]
    assert [[False, True, False], [True, True, False], [False, True, False]] == [
        metrics.ties(scores, labels, k).tolist() for k in (1, 2, 3)]


@pytest.mark.parametrize(("precision", "apart", "alike"), [
    ("fp32", 0.0, True), ("fp32", 1e-12, False), ("fp16", 2.0**-10, True), ("tf32", 2.0**-10 + 1e-12, False), ("other", 2.0**-10, True)])
def test_a_device_repeats_itself_to_one_step_of_its_precision(precision: str, apart: float, alike: bool) -> None:
    assert alike is answers.repeated(np.array([[1.0 + apart, np.nan]]), np.array([[1.0, np.nan]]), precision)
