"""What npu-smi prints, in every layout seen, and what becomes of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from suites.selftest.engines.ascend import npu_tables as tables
from tools.engines.ascend import npu_smi
from tools.engines.ascend.npu_smi import Chip, Process, parse_mapping, parse_table, with_devices
from tools.errors import DeviceError, revive

Fake = Callable[[str], Path]

CHIPS = {
    "310": (tables.A310, "21.0.3.1", [Chip(1, 0, 0, "310", "OK", 0, 2621, 8192), Chip(1, 1, 1, "310", "OK", 0, 2621, 8192)]),
    "RC mode": (tables.RC, "21.0.3.1", [Chip(0, 0, 0, "310", "OK", 0, 5324, 8192)]),
    "310P3": (tables.A310P3, "unknown", [Chip(0, 0, 0, "310P3", "OK", 0, 1074, 21534), Chip(1, 0, 1, "310P3", "OK", 0, 1070, 21534)]),
    "NPU 24": (tables.NPU_24, "23.0.0", [Chip(24, 0, 0, "310P3", "OK", 0, 1832, 21527)]),
    "300I Duo": (tables.DUO, "25.0.rc1.1", [Chip(6, 0, 0, "310P3", "OK", 0, 1175, 44280), Chip(6, 1, 1, "310P3", "OK", 0, 8322, 43693)]),
    "310B4": (tables.A310B4, "23.0.0", [Chip(0, 0, 0, "310B4", "Alarm", 0, 3628, 15609)]),
    "910A": (tables.A910A, "21.0.4", [Chip(0, 0, None, "910A", "OK", 0, 1, 32768)]),
    "910B": (tables.A910B, "23.0.2.1",
             [Chip(0, 0, None, "910B2C", "OK", 0, 20701, 65536), Chip(4, 0, None, "910B2C", "OK", 3, 3403, 65536)]),
    "A3": (tables.A3, "25.2.0", [Chip(2, 0, 4, "Ascend910", "OK", 0, 3130, 65536), Chip(2, 1, 5, "Ascend910", "Warning", 12, 2887, 65536)]),
    "newest": (tables.NEWEST, "25.5.1", [Chip(0, 0, None, "910B4", "OK", 0, 2871, 32768), Chip(1, 0, None, "910B4", "OK", 0, 9121, 32768)]),
}
PROCESSES = {
    "310": (tables.A310, None),
    "310B4": (tables.A310B4, None),
    "NPU 24": (tables.NPU_24, ()),
    "300I Duo": (tables.DUO, (Process(6, 1, 293029, "python3.11", 6612),)),
    "A3": (tables.A3, (Process(2, 0, 824166, "", 59316), Process(2, 1, 845053, "VLLMWorker_TP", None))),
    "newest": (tables.NEWEST, (Process(1, 0, 485946, "pytest", 5175), Process(1, 0, 485947, "", 150, 101))),
}


@pytest.mark.parametrize("layout", CHIPS)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_chip_is_its_two_rows_in_every_layout(layout: str, ending: str) -> None:
    """The chips and the driver are those of the table, whatever its columns and widths; the text is kept."""
    text, driver, chips = CHIPS[layout]
    table = parse_table(text.replace("\n", ending))

    assert (driver, tuple(chips)) == (table.driver, table.chips)
    assert text.replace("\n", ending) == table.text


@pytest.mark.parametrize("layout", PROCESSES)
def test_no_process_is_not_the_same_as_no_process_table(layout: str) -> None:
    """Processes are those listed, none if the table says so, unknown if the layout has no such table."""
    text, processes = PROCESSES[layout]

    assert processes == parse_table(text).processes


def test_a_device_is_not_its_npu_id() -> None:
    """A chip is found by the id programs open it with; an id that two chips claim, or none, is no chip."""
    duo = parse_table(tables.DUO)
    split = parse_table(tables.A3.replace("| 1     5 ", "| 1     4 "))

    assert duo.of_device(1) == duo.chips[1]
    assert duo.of_device(6) is None
    assert split.of_device(4) is None


def test_a_process_of_no_chip_is_on_every_chip_of_its_npu() -> None:
    """A chip has its own processes and those that name only its NPU; where nobody tells, that is not none."""
    duo = parse_table(tables.DUO.replace("| 6       1                     | 293029", "| 6                             | 293029"))
    idle, busy = parse_table(tables.DUO).chips
    first, a910b = parse_table(tables.A310), parse_table(tables.A910B)

    assert (Process(6, None, 293029, "python3.11", 6612),) == duo.processes_of(idle) == duo.processes_of(busy)
    assert parse_table(tables.DUO).processes_of(idle) == ()
    assert [1, 0] == [len(a910b.processes_of(chip) or ()) for chip in a910b.chips]
    assert first.processes_of(first.chips[0]) is None


@pytest.mark.parametrize(("old", "new", "aicore", "used", "total"), [
    ("| 0            1074 / 21534 ", "| NA           1074/21534   ", None, 1074, 21534),
    ("| 0            1074 / 21534 ", "| -            -    / 21534 ", None, None, 21534),
    ("| 0            1074 / 21534 ", "| 0-78         NA  / NA     ", None, None, None),
    ("| 0            1074 / 21534 ", "|              1074 / 21534 ", None, 1074, 21534),
    ("| 0            1074 / 21534 ", "| 0            1e3  / 21534 ", 0, None, 21534),
    ("| 0            1074 / 21534 ", "| 0            0    / 0     ", 0, None, None),
    ("| 0            1074 / 21534 ", "|                           ", None, None, None),
    ("| 0            1074 / 21534 ", "| 7       839  / 15170  0 / 0 ", 7, 839, 15170),  # no HBM: the other memory counts
])
def test_a_number_that_cannot_be_read_is_unknown(old: str, new: str, aicore: int | None, used: int | None, total: int | None) -> None:
    """NA, a dash, a range, a blank, a memory of no size are None, never an idle nought; the rest stays."""
    assert old in tables.A310P3
    chip = parse_table(tables.A310P3.replace(old, new)).chips[0]

    assert (aicore, used, total) == (chip.aicore_percent, chip.memory_used_mb, chip.memory_total_mb)


@pytest.mark.parametrize(("row", "process"), [
    ("| 6       1 | ?      | python3.11    | 6612 |", Process(6, 1, None, "python3.11", 6612)),
    ("| 6       1 | 293029 | sh -c a|b     | 6612 |", Process(6, 1, 293029, "sh -c a|b", 6612)),
    ("| 6       1 | 293029 | python3.11    |", Process(6, 1, 293029, "python3.11", None)),
])
def test_a_process_that_cannot_be_read_is_still_there(row: str, process: Process) -> None:
    """A row that is cut, or has no readable pid or a bar in its name, is a process all the same."""
    lines = [row if "293029" in line else line for line in tables.DUO.splitlines()]

    assert (process,) == parse_table("\n".join(lines)).processes


@pytest.mark.parametrize("health", ["OK", "Warning", "Alarm", "Critical", "UNKNOWN", "NA", ""])
def test_health_is_told_as_it_is(health: str) -> None:
    """The health of a chip is the word of the table."""
    assert [health, "OK"] == [chip.health for chip in parse_table(tables.A310P3.replace("| OK  ", f"| {health}  ", 1)).chips]


@pytest.mark.parametrize("lost", ["| 6       310P3                 | OK              | NA           52 ",
                                  "| 0       0                     | 0000:83:00.0    | "])
def test_half_a_chip_is_no_chip(lost: str) -> None:
    """A row whose partner is missing is left out, and takes nothing from the chips beside it."""
    lines = [line for line in tables.DUO.splitlines() if not line.startswith(lost)]

    assert len(lines) == len(tables.DUO.splitlines()) - 1
    assert len(parse_table("\n".join(lines)).chips) == 1
    assert parse_table("\n".join(lines)).chips[0] in parse_table(tables.DUO).chips


def test_a_row_of_another_shape_is_passed_over() -> None:
    """A row with more or fewer cells than a chip's changes nothing."""
    lines = tables.DUO.splitlines()
    strange = [*lines[:7], "| 7 |", "| 7 310P3 | OK | NA | 0 / 0 |", *lines[7:]]

    assert parse_table(tables.DUO).chips == parse_table("\n".join(strange)).chips


@pytest.mark.parametrize("text", ["", "There is no NPU card on this server.\n", tables.MAPPING, tables.A950,
                                  "".join(tables.A310.splitlines(keepends=True)[:6])])
def test_what_shows_no_chip_is_refused(text: str) -> None:
    """A text without a chip, or an unknown layout, is a DeviceError, not a machine without processes."""
    with pytest.raises(DeviceError, match="npu-smi shows no chip"):
        parse_table(text)


@pytest.mark.parametrize(("text", "mapping"), [(tables.MAPPING, {(0, 0): 3, (4, 0): 1}), (tables.MAPPING_A3, {(2, 0): 4, (2, 1): 5}),
                                               (tables.MAPPING_SLOTS, {(0, 0): 7, (1, 0): 6})])
def test_the_mapping_is_read_by_its_header(text: str, mapping: dict[tuple[int, int], int]) -> None:
    """The device id is the Chip Logic ID, wherever that column stands; a row without one is no chip."""
    assert mapping == parse_mapping(text)


@pytest.mark.parametrize("text", ["", "There is no NPU card on this server.\n", tables.MAPPING.replace("Chip Logic ID", "Chip Phy-ID  ")])
def test_a_mapping_without_logic_ids_is_refused(text: str) -> None:
    """A text that does not tell which device a chip is, is a DeviceError."""
    with pytest.raises(DeviceError, match="which device each chip is"):
        parse_mapping(text)


def test_the_mapping_fills_only_what_the_table_leaves_open() -> None:
    """A device id of the table stays; one it lacks comes from the mapping, or stays unknown."""
    duo, a910b = parse_table(tables.DUO), parse_table(tables.A910B)

    assert duo == with_devices(duo, {(6, 0): 8, (6, 1): 9})
    assert [3, None] == [chip.device for chip in with_devices(a910b, {(0, 0): 3}).chips]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Put a shell script in the place of npu-smi; the path to the list of its calls."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def install(script: str) -> Path:
        program = tmp_path / "npu-smi"
        program.write_text(f'#!/bin/sh\necho "$*" >> "{tmp_path}/calls"\n{script}\n')
        program.chmod(0o755)
        for name in ("A910B", "DUO", "MAPPING"):
            (tmp_path / name).write_text(getattr(tables, name))
        return tmp_path / "calls"

    return install


def test_the_mapping_is_asked_for_only_where_the_table_has_no_device(fake: Fake) -> None:
    """`info -m` follows `info` where a chip has no device id, and nowhere else."""
    calls = fake('cd "${0%/*}"; if [ "$2" = -m ]; then cat MAPPING; else cat A910B; fi')
    assert [3, 1] == [chip.device for chip in npu_smi.read().chips]
    assert ["info", "info -m"] == calls.read_text().split("\n")[:-1]

    calls.unlink()
    fake('cat "${0%/*}/DUO"')
    assert [0, 1] == [chip.device for chip in npu_smi.read().chips]
    assert ["info"] == calls.read_text().split("\n")[:-1]


def test_bytes_that_are_no_text_are_no_error(fake: Fake) -> None:
    """A process name cut inside a character is replaced, not refused."""
    fake('sed "s/python3.11/pyth\\xe6on/" "${0%/*}/DUO"')

    assert "pyth�on" == (npu_smi.read().processes or ())[0].name


@pytest.mark.parametrize(("script", "parts"), [
    ("echo 'dcmi module initialize failed. ret is -8005'; exit 1", ("cannot reach the driver (-8005)", "where   npu-smi info\n")),
    ("echo 'dcmi model initialized failed, because the device is used. ret is -8020' >&2", ("in use by another container (-8020)",)),
    ("echo first; echo 'npu get board type failed. ret is -9005' >&2; exit 3", ("status 3: npu get board type failed. ret is -9005",)),
    ('cat "${0%/*}/DUO"; exit 1', ("ended with status 1",)),
    ("exit 1", ("status 1: it said nothing",)),
    ("echo 'There is no NPU card'", ("shows no chip: There is no NPU card",)),
    ('[ "$2" = -m ] && exit 2; cat "${0%/*}/A910B"', ("ended with status 2", "where   npu-smi info -m")),
])
def test_a_refusal_says_what_it_means(fake: Fake, script: str, parts: Sequence[str]) -> None:
    """A failing npu-smi is a DeviceError with the meaning of its code, or with its last line and status."""
    fake(script)
    with pytest.raises(DeviceError) as caught:
        npu_smi.read()

    assert [] == [part for part in parts if part not in str(caught.value)]
    assert caught.value.remedy


def test_an_npu_smi_that_hangs_is_ended(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer in time is a DeviceError at that time."""
    fake("exec sleep 20")
    monkeypatch.setattr(npu_smi, "TIMEOUT_S", 0.2)
    start = time.monotonic()
    with pytest.raises(DeviceError, match=r"did not answer within 0\.2 s\n  where   npu-smi info\n"):
        npu_smi.read()

    assert time.monotonic() - start < 10


def test_a_machine_without_npu_smi_has_no_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where npu-smi is not on PATH, or cannot be started, that is what the DeviceError says."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeviceError, match="no Ascend device: npu-smi is not on PATH"):
        npu_smi.read()

    (tmp_path / "npu-smi").write_bytes(b"\x7fELF of another machine")
    (tmp_path / "npu-smi").chmod(0o755)
    with pytest.raises(DeviceError, match="npu-smi cannot be started: Exec format error"):
        npu_smi.read()


def test_a_device_error_survives_a_child_process() -> None:
    """What a child reports as a DeviceError is one in its parent."""
    assert type(revive("DeviceError", "gone", None, None)) is DeviceError
