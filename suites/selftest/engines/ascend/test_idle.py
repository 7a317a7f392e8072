"""Whether a device was ours alone: what each look at it says, and what they say together."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from suites.selftest.engines.ascend import npu_tables as tables
from tools.engines.ascend.idle import look_before, look_during, require_fit
from tools.engines.ascend.npu_smi import Chip, Process, Table, parse_mapping, parse_table, with_devices
from tools.engines.idle import BEFORE, Idle, Reading, Sample, judge
from tools.errors import DeviceError
from tools.spec.case import Device

IDLE = Chip(24, 0, 0, "310P3", "OK", 0, 1074, 21534)
OURS = os.getpid()
ELSEWHERE = 2**22 + 1  # beyond any process's number on this machine: it can only be another name space's
HERE = os.getppid()
SLACK = "memory {} MB in use, an idle {} has up to {}"


def of(chip: Chip, *processes: Process) -> Table:
    """A table of one chip and its processes."""
    return Table("24.1", (chip,), processes, "")


def changed(**values: object) -> Chip:
    """The idle chip with other values."""
    return Chip(**{name: values.get(name, getattr(IDLE, name)) for name in Chip.__slots__})  # type: ignore[arg-type]


def process(pid: int | None, name: str = "python3", container_pid: int | None = None, chip: int | None = 0) -> Process:
    return Process(24, chip, pid, name, 100, container_pid)


MAPPED = with_devices(parse_table(tables.A910B), parse_mapping(tables.MAPPING))
PRINTED = {
    "310": (parse_table(tables.A310), 0, Sample()),
    "310P3": (parse_table(tables.A310P3), 1, Sample()),
    "NPU 24": (parse_table(tables.NPU_24), 0, Sample()),
    "RC mode": (parse_table(tables.RC), 0, Sample((SLACK.format(5324, 310, 2821),))),
    "310B4": (parse_table(tables.A310B4), 0, Sample(("health Alarm",))),
    "300I Duo, first chip": (parse_table(tables.DUO), 0, Sample()),
    "300I Duo, second chip": (parse_table(tables.DUO), 1, Sample(("process 293029 python3.11", SLACK.format(8322, "310P3", 2110)))),
    "910B": (MAPPED, 3, Sample(("process 124528 python3.8", SLACK.format(20701, "910B2C", 3700)))),
    "910B, loaded": (MAPPED, 1, Sample(("AICore 3 %",))),
    "910B, no mapping": (parse_table(tables.A910B), 0, Sample((), ("npu-smi shows no device 0",))),
    "A3": (parse_table(tables.A3), 5, Sample(("process 845053 VLLMWorker_TP", "health Warning", "AICore 12 %"),
                                             ("nobody knows how much memory an idle Ascend910 has in use (2887 MB now)",))),
    "A3, no such device": (parse_table(tables.A3), 0, Sample((), ("npu-smi shows no device 0",))),
}


@pytest.mark.parametrize("layout", PRINTED)
def test_a_look_before_reads_every_layout(layout: str) -> None:
    """Processes, health, load and memory speak against a device; the unreadable or unknown stays unknown."""
    table, device, sample = PRINTED[layout]

    assert sample == replace(look_before(table, device), reading=None)


@pytest.mark.parametrize(("layout", "reading"), [
    ("310P3", Reading(None, 43, 15.4)), ("NPU 24", Reading(None, 29, None)), ("910B", Reading(None, 51, 88.6)),
    ("A3, no such device", None)])
def test_a_look_keeps_what_a_chip_tells_of_itself(layout: str, reading: Reading | None) -> None:
    """Temperature and power where the table shows them, before and during; it shows no clock."""
    table, device, _ = PRINTED[layout]

    assert reading == look_before(table, device).reading == look_during(table, device, OURS).reading


def test_what_cannot_be_read_of_a_chip_is_no_reading() -> None:
    """Neither a temperature nor a power: nothing is kept, instead of numbers of nobody."""
    text = tables.A310P3.replace("15.8         42", "-            NA")
    assert look_before(parse_table(text), 0).reading is None
    assert Reading(None, 42, None) == look_before(parse_table(tables.A310P3.replace("15.8 ", "1e3  ")), 0).reading


@pytest.mark.parametrize(("chip", "sample"), [
    (changed(aicore_percent=1, memory_used_mb=2110), Sample()),
    (changed(aicore_percent=2), Sample(("AICore 2 %",))),
    (changed(aicore_percent=None), Sample((), ("AICore cannot be read",))),
    (changed(memory_used_mb=2111), Sample((SLACK.format(2111, "310P3", 2110),))),
    (changed(memory_used_mb=None), Sample((), ("memory cannot be read",))),
    (changed(name="Sim920"), Sample((), ("nobody knows how much memory an idle Sim920 has in use (1074 MB now)",))),
    (changed(health="UNKNOWN"), Sample(("health UNKNOWN",))),
    (changed(health=""), Sample(("health ",)))])
def test_a_look_before_knows_the_limits(chip: Chip, sample: Sample) -> None:
    """One percent of load and the most that idle chips have in use are still idle."""
    assert sample == look_before(of(chip), 0)


@pytest.mark.parametrize(("found", "text"), [
    (process(OURS), f"process {OURS} python3"), (process(5, ""), "process 5"),
    (process(None), "process of an unreadable number python3"), (process(7, chip=None), "process 7 python3"),
], ids=["our own", "nameless", "numberless", "of no chip"])
def test_any_process_before_speaks_against_a_device(found: Process, text: str) -> None:
    """Even ours, which has not begun, one without name or number, and one maybe on a neighbouring chip."""
    assert Sample((text,)) == look_before(of(IDLE, found), 0)


def test_a_chip_of_a_name_that_is_none_is_not_fit_to_be_used() -> None:
    """The device is refused as one that is not well is, so that `auto` passes over it."""
    with pytest.raises(DeviceError, match="npu0sim: 'SimX1' is no kind of Ascend chip"):
        require_fit(of(changed(name="SimX1")), Device("npu", 0, simulated=True))


def test_a_layout_without_processes_leaves_load_and_memory_to_decide() -> None:
    """Nobody tells who is there, before or during."""
    table = Table("21.0", (IDLE,), None, "")

    assert Sample() == look_before(table, 0) == look_during(table, 0, OURS)


@pytest.mark.parametrize("processes", [(), (process(OURS),), (process(ELSEWHERE, container_pid=OURS),), (process(OURS, ""), process(OURS)),
                                       (process(None, container_pid=OURS),), (process(OURS), process(ELSEWHERE, container_pid=OURS))])
def test_our_own_process_is_no_other(processes: tuple[Process, ...]) -> None:
    """By its number, or by the one it has in its container; load and memory are then ours."""
    assert Sample() == look_during(of(changed(aicore_percent=99, memory_used_mb=20000), *processes), 0, OURS)


def test_one_process_of_another_name_space_is_taken_for_ours() -> None:
    """A container's npu-smi may show the host's number, and shows one process where one is expected."""
    assert Sample() == look_during(of(IDLE, process(ELSEWHERE)), 0, OURS)


@pytest.mark.parametrize(("processes", "seen"), [
    ((process(HERE),), [HERE]),
    ((process(OURS), process(HERE)), [HERE]),
    ((process(OURS), process(ELSEWHERE)), [ELSEWHERE]),
    ((process(ELSEWHERE), process(ELSEWHERE + 1)), [ELSEWHERE, ELSEWHERE + 1]),
    ((process(ELSEWHERE, container_pid=HERE),), [ELSEWHERE]),
    ((process(HERE, chip=None),), [HERE])])
def test_another_process_during_speaks_against_a_device(processes: tuple[Process, ...], seen: list[int]) -> None:
    """One that runs here, a second one, or one whose number in the container is shown and is not ours."""
    assert Sample(tuple(f"process {pid} python3" for pid in seen)) == look_during(of(IDLE, *processes), 0, OURS)


def test_a_process_without_readable_number_is_unknown() -> None:
    """It may be ours or not; beside ours as much as alone."""
    unknown = Sample((), ("process of an unreadable number python3",))

    assert unknown == look_during(of(IDLE, process(None)), 0, OURS)
    assert unknown == look_during(of(IDLE, process(OURS), process(None)), 0, OURS)


def test_health_and_presence_are_looked_at_during_too() -> None:
    """A device may fall ill or go while it is measured."""
    assert Sample(("health Alarm",)) == look_during(of(changed(health="Alarm"), process(OURS)), 0, OURS)
    assert Sample((), ("npu-smi shows no device 3",)) == look_during(of(IDLE), 3, OURS)


@pytest.mark.parametrize(("samples", "state", "seen", "sentence"), [
    ([Sample(), Sample()], "idle", (), "idle"),
    ([Sample(), Sample(("a",)), Sample(("b", "a"), ("u",))], "busy", ("a", "b"), "busy in 3 samples of npu-smi: a; b"),
    ([Sample(), Sample((), ("u",)), Sample((), ("u", "v"))], "unknown", ("u", "v"), "unknown in 3 samples of npu-smi: u; v"),
    ([], "unknown", (), "unknown")])
def test_one_sample_decides(samples: list[Sample], state: str, seen: tuple[str, ...], sentence: str) -> None:
    """Busy if any is, else unknown if any is; each thing is said once; no sample at all is nothing known."""
    found = judge(samples, "npu-smi")

    assert Idle(state, seen, len(samples)) == found  # type: ignore[arg-type]
    assert sentence == found.sentence


HOT = Reading(1005.0, 62.0, 70.5, ("thermal slowdown",))
WARM = Reading(1590.0, 58.4, 69.9)


def test_readings_are_kept_sample_by_sample() -> None:
    """One that told nothing keeps its place; where none tells anything there are none."""
    assert (HOT, Reading(), WARM) == judge([Sample(reading=HOT), Sample(), Sample(reading=WARM)], "NVML").readings
    assert () == judge([Sample(), Sample()], "npu-smi").readings


@pytest.mark.parametrize(("readings", "words"), [
    ((), ""), ((WARM, WARM), ""), ((WARM, HOT), "thermal slowdown, 62 C, 1005 MHz"),
    ((HOT, replace(HOT, clock_mhz=990.0, temperature_c=None), replace(WARM, throttled=("power cap",), temperature_c=64.0)),
     "thermal slowdown, power cap, 64 C, 990 MHz"),
    ((Reading(throttled=("power brake",)),), "power brake")])
def test_a_throttled_device_is_told_by_reason_heat_and_clock(readings: tuple[Reading, ...], words: str) -> None:
    """Each reason once, the hottest and the slowest that was read of those samples."""
    assert words == Idle("idle", (), len(readings), readings=readings).throttled


@pytest.mark.parametrize(("during", "words"), [
    ((HOT, WARM), "1005 to 1590 MHz, 58 to 62 C, 70 W"), ((Reading(None, 42, None),) * 2, "42 C"), ((Reading(),), ""), ((), "")])
def test_a_device_tells_between_what_it_was_while_it_was_measured(during: tuple[Reading, ...], words: str) -> None:
    """Not before, where an idle device has a low clock."""
    assert words == Idle("idle", (), 9, readings=(Reading(300.0, 30.0, 9.0),) * BEFORE + during).told


def test_of_many_looks_those_are_kept_that_matter() -> None:
    """The ones before, each with a held clock, and so many of the others that a file stays small."""
    held = Reading(1005.0, throttled=("thermal slowdown",))
    samples = [Sample(reading=Reading(float(number))) for number in range(5000)]
    samples[4001] = Sample(reading=held)
    kept = judge(samples, "NVML").readings

    assert [0.0, 1.0, 2.0] == [one.clock_mhz for one in kept[:BEFORE]]
    assert held in kept
    assert len(kept) <= 1000 + BEFORE + 1
    assert 5000 == judge(samples, "NVML").samples
