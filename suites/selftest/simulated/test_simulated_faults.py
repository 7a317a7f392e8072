"""Faults of the simulated NPU strike where and when they are due, and leave what the real ones leave."""

from __future__ import annotations

import signal

import pytest

from suites.selftest.simulated.npu import Variant
from suites.selftest.simulated.trials import COPY, GENERAL, MEMORY, PARAMETER, UNKNOWN, Host

RUNS = "s = opened(); report([error(lambda: run(s, [fed()])) for _ in range(3)])"


@pytest.mark.parametrize(("kind", "conditions", "values", "words"), [
    ("kernel", {"nth": 2, "times": 1}, [None, GENERAL, GENERAL], "runtime result = 507015"),
    ("kernel", {"batch": 4}, [None] * 3, ""),
    ("kernel", {"device": 1}, [None] * 3, ""),
    ("lost", {"nth": 2}, [None, GENERAL, GENERAL], "runtime result = 507010"),
    ("oom", {"at": "run", "min_batch": 2}, [MEMORY] * 3, "EL0004"),
    ("oom", {"at": "run", "min_batch": 3}, [None] * 3, ""),
    ("oom", {"at": "input", "nth": 2, "times": 1}, [None, MEMORY, None], "runtime result = 207001"),
    ("oom", {"at": "load"}, PARAMETER, "runtime result = 207001"),
    ("load", {}, PARAMETER, "ret=500002"),
    ("mismatch", {}, UNKNOWN.format(507033), "E30006"),
])
def test_faults_strike_where_they_are_due(host: Host, kind: str, conditions: dict[str, int], values: object, words: str) -> None:
    """A fault raises what the real one raises, on the calls its conditions name; the rest goes to fd 1."""
    host.npu.fault(kind, **conditions)
    done = host.try_(RUNS if isinstance(values, list) else "report(error(opened))")
    assert values == done.value
    assert words in done.output


def test_faults_count_over_processes(host: Host) -> None:
    """A fault that strikes once spares the process that tries again."""
    fault = host.npu.fault("kernel", times=1)
    assert [[GENERAL] * 3, [None] * 3] == [host.value(RUNS), host.value(RUNS)]
    assert 1 == host.npu.count(fault)


def test_a_lost_device_stays_lost(host: Host) -> None:
    """Every later session fails, until somebody brings the device back; the others work on."""
    host.npu.fault("lost", device=0, times=1)
    assert [GENERAL] * 3 == host.value(RUNS)
    assert [UNKNOWN.format(507899), None] == host.value("report([error(opened, 0), error(opened, 1)])")
    host.npu.clear()
    assert host.value("report(error(opened))") is None


def test_numbers_go_bad_when_asked(host: Host) -> None:
    """From the second run on every output is not a number."""
    host.npu.fault("nan", nth=2)
    assert [False, True, True] == host.value("s = opened(); report([bool(np.isnan(fetched(run(s, [fed()]))).all()) for _ in range(3)])")


def test_an_input_that_was_run_before_can_be_faster(host: Host) -> None:
    """Only the first run of each takes longer, wherever in the device's memory it lies."""
    host.npu.fault("remembers", ms=300)
    took = host.value("""
s, took = opened(), []
for factor in (1, 1, 2, 1, 2):
    tensor, begin = fed(factor * BATCH), time.time()
    run(s, [tensor])
    took.append(time.time() - begin)
report(took)""")

    assert [True, False, True, False, False] == [one >= 0.3 for one in took]


def test_a_copy_back_can_fail(host: Host) -> None:
    """to_host has an error of its own."""
    host.npu.fault("copy")
    assert COPY == host.value("s = opened(); report(error(run(s, [fed()])[0].to_host))")


@pytest.mark.parametrize(("variant", "words"), [("2025-12", ["acl init failed", "[ERROR] load model from file failed"]),
                                                ("2026-08", ["acl init failed", "[error] Load model from file failed"])])
def test_a_failed_start_reads_like_a_bad_model(host: Host, variant: Variant, words: list[str]) -> None:
    """The exception is that of a load; what happened stands above it on fd 1, in each build's letter case."""
    host.npu.change(variant=variant)
    host.npu.fault("init", times=1)
    done = host.try_("report(error(opened))")
    assert PARAMETER == done.value
    assert sorted(words, key=done.output.index) == words
    assert host.value("report(error(opened))") is None


@pytest.mark.parametrize(("variant", "again"), [("2024-05", 0), ("2025-12", 1)])
def test_a_build_cannot_overwrite_a_dump(host: Host, variant: Variant, again: int) -> None:
    """That of 2025-12 says so at the second fault in a folder; the first is kept."""
    host.npu.change(variant=variant)
    host.npu.fault("kernel")
    counts = [host.try_("s = opened(); report(error(run, s, [fed()]))").output.count("open file failed") for _ in range(2)]
    assert [0, again] == counts


def test_an_abort_takes_the_process(host: Host) -> None:
    """An exception in one of the extension's threads ends everything, with words on fd 2 only."""
    host.npu.fault("abort")
    done = host.try_(RUNS)
    assert -signal.SIGABRT == done.status
    assert "terminate called" in done.errors
    assert "" == done.output
