"""What npu-smi says of this machine's Ascend chips: its tables as values, read leniently.

The layout differs by driver and by chip. A number that cannot be read is None: it is unknown, and never zero.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from tools.engines.findings import last_line
from tools.errors import DeviceError
from tools.machine.reading import is_whole

TIMEOUT_S = 30.0  # an answer takes some seconds
REFUSALS = {  # code that the driver's management interface returns instead of a table -> what it means, and the remedy
    "-8005": (
        "npu-smi cannot reach the driver (-8005): device files are missing or closed to this user, or another container has them",
        "source set_env.sh; in a container pass /dev/davinci*, davinci_manager, devmm_svm and hisi_hdc, or run it privileged",
    ),
    "-8020": ("the devices are in use by another container (-8020)", "wait until it has ended, or stop it, and run again"),
}
_BUS = re.compile(r"[0-9A-Fa-f]{4}:[0-9A-Fa-f]{2}:")
_PAIR = re.compile(r"([^\s/]+)\s*/\s*([^\s/]+)")
_REFUSED = re.compile(r"dcmi\b.*?\bret is (-\d+)")
Row = list[str]


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip. npu: its card's id. chip: its number on the card. device: the id by which programs open it."""

    npu: int
    chip: int
    device: int | None
    name: str
    health: str
    aicore_percent: int | None
    memory_used_mb: int | None
    memory_total_mb: int | None
    temperature_c: int | None = field(default=None, compare=False)  # it changes from one look to the next
    power_w: float | None = field(default=None, compare=False)  # so does this, but on a 310, which tells a rated one


@dataclass(frozen=True, slots=True)
class Process:
    """A process on a chip.

    chip: None where the table names only the NPU. pid: None where it cannot be read. container_pid: the id
    inside its container, which some drivers tell.
    """

    npu: int
    chip: int | None
    pid: int | None
    name: str
    memory_mb: int | None
    container_pid: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """All that one call told. processes: None where the layout has no process table, so that nobody knows."""

    driver: str
    chips: tuple[Chip, ...]
    processes: tuple[Process, ...] | None
    text: str

    def of_device(self, device_id: int) -> Chip | None:
        """The chip that programs open as *device_id*; None where no chip or more than one has that id."""
        found = [chip for chip in self.chips if chip.device == device_id]
        return found[0] if len(found) == 1 else None

    def processes_of(self, chip: Chip) -> tuple[Process, ...] | None:
        """The processes that are or may be on *chip*; None where the table does not tell."""
        if self.processes is None:
            return None
        return tuple(process for process in self.processes if process.npu == chip.npu and process.chip in (chip.chip, None))


def parse_table(text: str) -> Table:
    """The table of `npu-smi info`; a device id is None where the table has no Device or Phy-ID column.

    Raises:
        DeviceError: no row of *text* is a chip.
    """
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in map(str.strip, text.splitlines())
            if line.startswith("|") and line.endswith("|")]
    header = next((number for number, row in enumerate(rows) if any(cell.lower().startswith("process id") for cell in row)), len(rows))
    chips = tuple(_chips(rows[:header]))
    if not chips:
        raise DeviceError(f"npu-smi shows no chip: {last_line(text)}", where="npu-smi info",
                          remedy="run it by hand; if it shows a table, its layout is one that is not known here")
    driver = re.search(r"\bVersion:\s*([^\s|]+)", text)
    processes = tuple(_processes(rows[header + 1:], len(rows[header]))) if header < len(rows) else None
    return Table(driver[1] if driver else "unknown", chips, processes, text)


def _chips(rows: Sequence[Row]) -> Iterator[Chip]:
    """A chip is two rows: card, name and health, then chip, bus and use. A driver may lose one of them."""
    first: Row | None = None
    for row in (row for row in rows if len(row) == 3 and row[0][:1].isdigit()):
        is_second = _BUS.match(row[1]) or (first and row[1] in ("NA", "-", ""))
        if not is_second:
            first = row
            continue
        if first and (chip := _chip(first, row)):
            yield chip
        first = None


def _chip(first: Row, second: Row) -> Chip | None:
    npu, _, name = first[0].partition(" ")
    number, _, device = second[0].partition(" ")
    ids = _number(npu), _number(number)
    if ids[0] is None or ids[1] is None:
        return None
    aicore = _PAIR.sub("", second[2]).split()
    power, heat = [*first[2].split(), "", ""][:2]  # then the huge pages in use
    return Chip(ids[0], ids[1], _number(device), name.strip(), first[1], _number(aicore[0]) if aicore else None, *_memory(second[2]),
                _number(heat), _watts(power))


def _memory(cell: str) -> tuple[int | None, int | None]:
    """Used and total MB of the HBM, which stands last, else of other memory. One of 0 MB is not there."""
    pairs = [(_number(used), _number(total)) for used, total in _PAIR.findall(cell)]
    return next((pair for pair in reversed(pairs) if pair[1] != 0), (None, None))


def _processes(rows: Sequence[Row], columns: int) -> Iterator[Process]:
    """Rows of NPU and chip, pid, name, MB, and in newer drivers the container's pid; others say: none."""
    after_name = max(columns - 3, 1)
    for row in rows:
        npu, _, chip = row[0].partition(" ")
        number = _number(npu)
        if number is None:
            continue
        full = row + [""] * (columns - len(row))
        name, rest = full[2:-after_name], full[-after_name:]
        yield Process(number, _number(chip), _number(full[1]), "|".join(name), _number(rest[0]),
                      _number(rest[1]) if after_name > 1 else None)


def _number(text: str) -> int | None:
    return int(text) if is_whole(text.strip()) else None


def _watts(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", text, re.ASCII) else None


def parse_mapping(text: str) -> dict[tuple[int, int], int]:
    """Device ids by NPU id and chip id, from `npu-smi info -m`; without rows that are no chip, such as Mcu's.

    Raises:
        DeviceError: *text* has no header with NPU ID, Chip ID and Chip Logic ID.
    """
    wanted = ("npu id", "chip id", "chip logic id")
    lines = text.splitlines()
    headers = ([name.lower() for name in re.split(r"\s{2,}|\t", line.strip())] for line in lines)
    found = next(((number, names) for number, names in enumerate(headers) if set(wanted) <= set(names)), None)
    if found is None:
        raise DeviceError(f"npu-smi does not tell which device each chip is: {last_line(text)}", where="npu-smi info -m",
                          remedy="run it by hand: a table with the columns NPU ID, Chip ID and Chip Logic ID is expected")
    number, names = found
    mapping: dict[tuple[int, int], int] = {}
    for fields in (line.split() for line in lines[number + 1:]):
        npu, chip, device = (_number(fields[at]) if at < len(fields) else None for at in map(names.index, wanted))
        if npu is not None and chip is not None and device is not None:
            mapping[npu, chip] = device
    return mapping


def with_devices(table: Table, mapping: dict[tuple[int, int], int]) -> Table:
    """*table*, with the device ids of *mapping* where it tells none itself."""
    return replace(table, chips=tuple(
        replace(chip, device=mapping.get((chip.npu, chip.chip))) if chip.device is None else chip for chip in table.chips))


def ask(*arguments: str) -> str:
    """The output of `npu-smi <arguments>`; a DeviceError where it is missing, refuses, fails or hangs."""
    program = shutil.which("npu-smi")
    command = " ".join(("npu-smi", *arguments))
    if program is None:
        raise DeviceError("no Ascend device: npu-smi is not on PATH",
                          remedy="install the Ascend driver, or add the folder of npu-smi to PATH")
    try:
        done = subprocess.run([program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                              errors="replace", timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise DeviceError(f"npu-smi did not answer within {TIMEOUT_S:g} s", where=command,
                          remedy="run it by hand; if it hangs there too, the driver or the device does") from error
    except OSError as error:
        raise DeviceError(f"npu-smi cannot be started: {error.strerror}", where=program,
                          remedy="run it by hand as the same user") from error
    said = done.stdout + done.stderr
    if (refused := _REFUSED.search(said)) and refused[1] in REFUSALS:
        what, remedy = REFUSALS[refused[1]]
        raise DeviceError(what, where=command, remedy=remedy)
    if done.returncode != 0:
        raise DeviceError(f"npu-smi ended with status {done.returncode}: {last_line(said)}", where=command,
                          remedy="run it by hand as the same user")
    return done.stdout


def read() -> Table:
    """What npu-smi says now.

    Raises:
        DeviceError: it cannot be asked, or shows no chip.
    """
    table = parse_table(ask("info"))
    if all(chip.device is not None for chip in table.chips):
        return table
    return with_devices(table, parse_mapping(ask("info", "-m")))
