"""The simulated compiler and status tool talk and fail like the real ones."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from suites.selftest.simulated.npu import Smi
from suites.selftest.simulated.trials import Host, program, save_model

FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"


def atc(host: Host, tmp_path: Path, *more: str, environment: dict[str, str] | None = None, opset: int = 11,
        timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Compile the small network; later arguments win."""
    save_model(tmp_path / "tiny.onnx", opset=opset)
    return program(host.npu, "atc", "--framework=5", f"--model={tmp_path / 'tiny.onnx'}", f"--output={tmp_path / 'tiny'}",
                   "--input_format=ND", "--input_shape=video:2,3", "--soc_version=AscendSim310P3", "--log", "error", *more,
                   timeout_s=timeout_s, **(environment or {}))


def test_success_is_said_and_written(host: Host, tmp_path: Path) -> None:
    """Status 0, the line of success, a model for its owner only, and side files in the working folder."""
    done = atc(host, tmp_path)
    assert (0, "") == (done.returncode, done.stderr)
    assert "ATC start working now, please wait for a moment." == done.stdout.splitlines()[0]
    assert "ATC run success, welcome to the next use." == done.stdout.splitlines()[-1]
    assert 0o600 == stat.S_IMODE((tmp_path / "tiny.om").stat().st_mode)
    assert {"fusion_result.json", "kernel_meta"} == {path.name for path in (host.npu.root / "scratch").iterdir()}


@pytest.mark.parametrize(("argument", "code"), [
    ("--framework=3", "E10041"), ("--framework=7", "E10001"), ("--framework=", "E10007"), ("--model=missing.onnx", "E13000"),
    ("--output=/nowhere/tiny", "E10001"), ("--input_format=NCWH", "E10001"), ("--input_shape=image:2,3", "E10016"),
    ("--input_shape=video", "E10002"), ("--input_shape=video:0,3", "E10011"), ("--input_shape=video:2,3,4", "E10049"),
    ("--input_shape=video:4,3", "E19999"), ("--soc_version=310P3", "E10001"), ("--log=verbose", "E10010"),
    ("--auto_tune_mode=RL,GA", "E10001"), ("--speed=high", "E10054"),
])
def test_arguments_are_checked(host: Host, tmp_path: Path, argument: str, code: str) -> None:
    """A wrong argument gives status 255, the line of failure and a code, all on stdout, and no file."""
    done = atc(host, tmp_path, argument)
    assert (255, "") == (done.returncode, done.stderr)
    assert re.search(rf"{re.escape(FAILED)}\n{code}: \[PID: \d+\]", done.stdout)
    assert not (tmp_path / "tiny.om").exists()


def test_tuning_was_a_thing_of_the_fifth_version(host: Host, tmp_path: Path) -> None:
    """The same argument passes on CANN 5."""
    host.npu.change(cann="5.1.RC2")
    assert 0 == atc(host, tmp_path, "--auto_tune_mode=RL,GA").returncode


@pytest.mark.parametrize(("environment", "code"), [
    ({"VIRTUAL_ENV": "/venv"}, "E40000"), ({"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}, "E40000"),
    ({"ASCEND_OPP_PATH": ""}, "EZ0501"),
])
def test_the_environment_is_checked(host: Host, tmp_path: Path, environment: dict[str, str], code: str) -> None:
    """A virtual environment's Python lacks the operator compiler's packages; without operators all fails."""
    if "PATH" in environment:
        environment = {"PATH": f"{host.npu.toolkit / 'bin'}:{environment['PATH']}"}
    done = atc(host, tmp_path, environment=environment)
    assert (255, True) == (done.returncode, f"\n{code}: " in done.stdout)


def test_the_compiler_needs_its_libraries(host: Host, tmp_path: Path) -> None:
    """Without set_env.sh the loader finds nothing."""
    done = atc(host, tmp_path, environment={"LD_LIBRARY_PATH": ""})
    assert (127, "") == (done.returncode, done.stdout)
    assert "libge_compiler.so: cannot open shared object file" in done.stderr


def test_a_newer_operator_set_has_no_parser(host: Host, tmp_path: Path) -> None:
    """ONNX may be newer than the compiler."""
    assert "E19010: " in atc(host, tmp_path, opset=21).stdout


@pytest.mark.parametrize(("kind", "status", "success", "files"), [
    ("atc", 255, False, []), ("atc-no-file", 0, True, []), ("atc-no-success-line", 0, False, ["tiny.om"]),
    ("atc-warning", 0, True, ["tiny.om"]), ("atc-suffix", 0, True, ["tiny_linux_*.om"]), ("atc-stale", 0, True, ["tiny.om"]),
])
def test_compilations_fail_in_every_way(host: Host, tmp_path: Path, kind: str, status: int, success: bool, files: list[str]) -> None:
    """Status, success line and file can contradict each other."""
    host.npu.fault(kind, **({"code": "EZ3003"} if kind == "atc" else {}))
    done = atc(host, tmp_path)
    assert (status, success) == (done.returncode, "ATC run success" in done.stdout)
    assert [bool(list(tmp_path.glob(name))) for name in files] == [True] * len(files)
    assert len(list(tmp_path.glob("*.om"))) == len(files)
    assert ("EZ3003: " in done.stdout, "W11001: " in done.stdout) == (kind == "atc", kind == "atc-warning")
    assert kind != "atc-stale" or (tmp_path / "tiny.om").stat().st_mtime == 1


def test_only_known_faults_are_taken(host: Host) -> None:
    """A misspelt fault would never strike."""
    with pytest.raises(ValueError, match="hangs"):
        host.npu.fault("hangs")


def test_a_compilation_can_hang(host: Host, tmp_path: Path) -> None:
    """It ends with whoever kills it."""
    host.npu.fault("atc-hang")
    with pytest.raises(subprocess.TimeoutExpired):
        atc(host, tmp_path, timeout_s=1)


def test_programs_can_be_missing(host: Host) -> None:
    """What was hidden is back once everything is cleared."""
    host.npu.hide("npu-smi")
    with pytest.raises(FileNotFoundError):
        subprocess.run([str(host.npu.root / "driver" / "bin" / "npu-smi"), "info"], check=False)
    host.npu.clear()
    assert 0 == program(host.npu, "npu-smi", "info").returncode


@pytest.mark.parametrize(("smi", "rows", "table"), [
    ("310", [["4       Sim310P3", "OK", "12.8              49"], ["0       0", "0000:85:00.0", "0                 2621 / 8192"]], False),
    ("310P", [["4       Sim310P3", "OK", "NA           42                0     / 0"], ["0       0", "0000:85:00.0",
                                                                                     "0            1074 / 21534"]], True),
    ("910B", [["4     Sim310P3", "OK", "88.6        51                0    / 0"], ["0", "0000:85:00.0",
                                                                                   "0           0    / 0          2761 / 65536"]], True),
    ("new", [["4     Sim310P3", "OK", "181.4       35                0    / 0"], ["0     0", "0000:85:00.0",
                                                                                   "0           0    / 0          2884 / 65536"]], True),
])
def test_every_driver_has_its_layout(host: Host, smi: Smi, rows: list[list[str]], table: bool) -> None:
    """Two rows a chip, with or without a device column, hugepages, a second memory and a process table."""
    host.npu.change(smi=smi)
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in program(host.npu, "npu-smi", "info").stdout.splitlines()]
    start = found.index(rows[0])
    assert rows == found[start:start + 2]
    assert table == any("Process id" in row for row in found)


def test_a_foreign_process_keeps_a_device_busy(host: Host) -> None:
    """On request a device computes for somebody else, for as many looks as asked."""
    host.npu.fault("busy", device=1, pid=4321, times=1)
    busy, idle = (program(host.npu, "npu-smi", "info").stdout for _ in range(2))
    assert "| 0       1               | 0000:87:00.0    | 87           7686 / 21534" in busy
    assert "| 6       0               | 4321" in busy
    assert "4321" not in idle


def test_the_mapping_knows_logical_ids(host: Host) -> None:
    """NPU ids are not device ids; a card's controller has none."""
    rows = [line.split() for line in program(host.npu, "npu-smi", "info", "-m").stdout.splitlines()[1:]]
    chip = ["Ascend", "Sim310P3"]
    assert [["4", "0", "0", *chip], ["4", "1", "-", "Mcu"], ["6", "0", "1", *chip], ["6", "1", "-", "Mcu"]] == rows


def test_the_status_tool_fails_on_demand(host: Host) -> None:
    """Refused, slow, unreadable, unhealthy, or without the subcommand."""
    host.npu.fault("smi-refused", times=1)
    assert "dcmi model initialized failed, because the device is used. ret is -8020" in program(host.npu, "npu-smi", "info").stdout
    host.npu.fault("smi-slow", times=1, seconds=0.7)
    start = time.monotonic()
    assert "Sim310P3" in program(host.npu, "npu-smi", "info").stdout
    assert time.monotonic() - start >= 0.7
    host.npu.fault("smi-unreadable", times=1)
    assert "Sim310P3" not in program(host.npu, "npu-smi", "info").stdout
    host.npu.fault("health", device=1, word="Alarm")
    assert 1 == program(host.npu, "npu-smi", "info").stdout.count("| Alarm ")
    assert "Error parameter of -t" in program(host.npu, "npu-smi", "info", "-t", "topo").stdout
