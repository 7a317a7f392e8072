"""A measured cell leaves a record that says what it was measured with, and how fast it was."""

from __future__ import annotations

import hashlib
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.nights.made import RECORD as NIGHT
from tools.engines.ascend import idle
from tools.engines.ascend.npu_smi import Chip, Table
from tools.engines.cpu import FAMILY
from tools.errors import DeviceError
from tools.measuring.cell import Cell, Part, Record, Times
from tools.measuring.predictions import Predictions
from tools.nights import lines
from tools.nights.history import History
from tools.nights.measured import record_of, series_of
from tools.spec.case import Case, Device

NPU = Record(
    case="bsn-bs4-npu0", network="tem", data="mini", weights="mini", precision="fp16", chip="310P3", simulated=False, clips=8,
    scoring_s=1.0, peak_bytes=1, estimated_bytes=1, digests={"weights": "a" * 64, "graph": "b" * 64, "clips": "c" * 64},
    versions={"driver": "24.1.0", "cann": "8.0.RC3", "aclruntime": "0.0.2", "onnxruntime": "1.20.1", "numpy": "2.4.0"},
    machine={"cpu": "A Processor", "cores": "8", "system": "Linux-6.1", "temperature_c": "42"})
STEADY = tuple(0.06 + 0.0006 * (number % 3) for number in range(60))


def part(record: Record, times: Times | None = None) -> Part:
    return Part(Path("nowhere"), record, Predictions(("a",), np.full((1, 3), 0.5, np.float32)), times or Times(STEADY, 4, STEADY))


def cell(*parts: Part, device: Device | None = None) -> Cell:
    return Cell(Case("bsn", 4, device or Device("npu", 0)), Path("nowhere"), parts)


def test_a_record_tells_what_shaped_the_speed() -> None:
    """Chip, driver, toolkit, runtime, graph, batch and precision; the chip itself by host and device."""
    found = record_of(cell(part(NPU)), run="r", wall_s=90.0, word="fine", ratio=-3.0, accuracy={"AR@100": 0.75}, flips="f")

    told = found.fingerprint
    assert ("310P3", "24.1.0", "8.0.RC3", "aclruntime 0.0.2", "b" * 16, 4, "fp16", 1) == (
        told.chip, told.driver, told.toolkit, told.runtime, told.graph, told.batch, told.precision, told.protocol)
    assert f"{socket.gethostname()}/npu0" == found.unit
    assert (42.0, None, False, "fine", -3.0, "f", 90.0) == (
        found.temperature_c, found.clock_mhz, found.simulated, found.word, found.ratio, found.flips, found.wall_s)
    assert hashlib.sha256(np.full((1, 3), 0.5, np.float32).tobytes()).hexdigest() == found.scores
    assert NPU.digests == found.digests


@pytest.mark.parametrize("chip", ["310P3", "cpu", "NVIDIA T4"])
def test_times_taken_alone_on_a_node_are_of_their_own_kind(chip: str) -> None:
    """Of any device. A line tells it; those of other times are as they were before anybody told it."""
    usual, alone = (record_of(cell(part(replace(NPU, chip=chip, alone=alone))), run="r", wall_s=1.0) for alone in (False, True))

    assert replace(usual.fingerprint, alone=True) == alone.fingerprint != usual.fingerprint
    assert [lines.as_read(one).fingerprint for one in (usual, alone)] == [
        lines.record_of(lines.of_record(one).encode(), "").fingerprint for one in (usual, alone)]
    assert [False, True] == ["alone" in lines.of_record(one) for one in (usual, alone)]


def test_a_record_keeps_the_clock_and_the_heat_of_any_device() -> None:
    """As the device told them; a word in their place is no number."""
    gpu = replace(NPU, case="bsn-bs4-cuda0", chip="NVIDIA T4", machine={**NPU.machine, "clock_mhz": "1005", "temperature_c": "62.5"})
    found = record_of(cell(part(gpu)), run="r", wall_s=90.0)
    lost = record_of(cell(part(replace(gpu, machine={"clock_mhz": "N/A"}))), run="r", wall_s=90.0)

    assert (1005.0, 62.5, None, None) == (found.clock_mhz, found.temperature_c, lost.clock_mhz, lost.temperature_c)


def test_a_series_is_of_all_networks_together() -> None:
    """As a cell's rate is, and its half-width is that of the sum of their times."""
    both = cell(part(NPU), part(replace(NPU, network="pem", digests={"graph": "d" * 64}), Times(STEADY[:40], 4)))

    found = record_of(both, run="r", wall_s=1.0)

    [series] = found.series
    assert series.clips_per_s == pytest.approx(both.rate())
    assert ("own", 40) == (series.role, series.iterations)
    assert 0 < series.half_width < 0.02
    assert "d" * 64 == found.digests["pem graph"]
    assert found.fingerprint.graph not in ("b" * 16, "d" * 16)


def test_a_network_widens_a_series_by_its_share_of_a_clip() -> None:
    """One that takes next to nothing for a clip does not, however its times spread."""
    noisy = tuple(0.06 * (1 + 0.4 * (number // 10 % 2)) for number in range(60))

    wide, narrow = (series_of([Times(STEADY, 1), Times(noisy, valid)], "own").half_width for valid in (1, 1000))

    assert narrow < 0.02 < wide


def test_a_slower_series_is_slower_by_its_share() -> None:
    """In clips a second and in the logarithm that the test takes."""
    usual, slow = (replace(NIGHT, series=(series_of([Times(tuple(factor * one for one in STEADY), 4)], "again"),)) for factor in (1.0, 1.1))

    assert slow.logs[0] - usual.logs[0] == pytest.approx(np.log(1.1))


def test_a_cell_without_times_leaves_no_series() -> None:
    """It still leaves its accuracy."""
    assert () == record_of(cell(replace(part(NPU), times=None)), run="r", wall_s=1.0, accuracy={"top1": 0.9}).series


def test_processors_of_other_models_are_other_chips() -> None:
    """So are more cores of one; the system is what a driver is elsewhere."""
    measured = replace(NPU, chip="cpu", machine={**NPU.machine, "clock_mhz": "2500"})

    found = record_of(cell(part(measured), device=Device("cpu")), run="r", wall_s=1.0)

    assert ("cpu A Processor, 8 cores", "Linux-6.1", "", "onnxruntime 1.20.1") == (
        found.fingerprint.chip, found.fingerprint.driver, found.fingerprint.toolkit, found.fingerprint.runtime)
    assert (2500.0, "b" * 16) == (found.clock_mhz, found.fingerprint.graph)


def test_a_record_of_a_cell_is_kept(tmp_path: Path) -> None:
    """Whatever host and processor it names."""
    history = History.init(tmp_path / "h")
    odd = replace(NPU, chip="cpu", machine={"cpu": 'A "Processor" {7} [x] é', "cores": "8"})

    written = history.append(record_of(cell(part(odd), device=Device("cpu")), run="r", wall_s=1.0))

    [read] = history.read().records
    assert read.fingerprint.chip.startswith("cpu A _Processor_ _7_ _x_")
    assert written.series == read.series
    assert 1 == len(history.nights().of(read.subject))


def test_a_device_tells_its_temperature_where_it_can() -> None:
    """What cannot be read is not told, and stops no measurement."""
    def look(degrees: int | None) -> Table:
        return Table("24.1.0", (Chip(0, 0, 0, "310P3", "OK", 0, 1074, 21534, degrees),), (), "")

    def fail() -> Table:
        raise DeviceError("npu-smi did not answer")

    assert (("temperature_c", "42"),) == idle.condition(Device("npu", 0), lambda: look(42))
    assert () == idle.condition(Device("npu", 0), lambda: look(None)) == idle.condition(Device("npu", 0), fail)
    assert () == idle.condition(Device("npu", 1), lambda: look(42))
    assert all(name == "clock_mhz" and float(value) > 0 for name, value in FAMILY.condition(Device("cpu")))


def test_nights_of_another_driver_engine_or_library_are_others() -> None:
    """Of a GPU: what its driver and its packages say, and the provider that computed."""
    gpu = replace(NPU, case="bsn-bs4-cuda0", chip="NVIDIA T4", precision="fp32", engine={"provider": "CUDAExecutionProvider"}, versions={
        "driver": "580.65", "cuda": "13.0", "onnxruntime": "absent", "onnxruntime-gpu": "1.31.1", "nvidia-cudnn-cu13": "9.1"})
    others = [replace(gpu, engine={"provider": "TensorrtExecutionProvider"}), replace(gpu, precision="fp16"),
              *(replace(gpu, versions={**gpu.versions, name: "99"}) for name in ("driver", "cuda", "onnxruntime-gpu", "nvidia-cudnn-cu13"))]

    first, *rest = (record_of(cell(part(one), device=Device("cuda", 0)), run="r", wall_s=1.0).fingerprint for one in (gpu, *others))

    assert ("NVIDIA T4", "580.65", "CUDA 13.0", "onnxruntime-gpu 1.31.1, nvidia-cudnn-cu13 9.1, CUDAExecutionProvider") == (
        first.chip, first.driver, first.toolkit, first.runtime)
    assert len(others) == len({*rest} - {first})
