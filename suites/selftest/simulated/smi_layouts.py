"""The overview of `npu-smi info` as four generations of drivers print it; standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WIDTHS = (25, 17, 51)
IDLE_MB = {"310": 2621, "310P": 1074, "910B": 2761, "new": 2884}
TOTAL_MB = {"310": 8192, "310P": 21534, "910B": 65536, "new": 65536}


@dataclass
class Chip:
    """What the driver knows about one chip; processes are (pid, name, memory in MB)."""

    name: str
    health: str
    aicore: int
    processes: list[tuple[int, str, int]] = field(default_factory=list)
    npu: int = 0
    chip: int = 0
    device: int = 0

    def memory_mb(self, layout: str) -> int:
        return IDLE_MB[layout] + sum(held for _, _, held in self.processes)


def line(*cells: str, widths: tuple[int, ...] = WIDTHS) -> str:
    """One row of the table."""
    return "|" + "|".join(f" {cell:<{width - 1}}" for cell, width in zip(cells, widths)) + "|"  # noqa: B905


def rule(sign: str, widths: tuple[int, ...] = WIDTHS) -> str:
    """A line between two rows."""
    return "+" + "+".join(sign * width for width in widths) + "+"


def header(driver: str) -> list[str]:
    """The title with the versions of the tool and of the driver."""
    return [rule("-", (sum(WIDTHS) + 2,)), line(f"npu-smi {driver:<20}         Version: {driver}", widths=(sum(WIDTHS) + 2,)), rule("-")]


def bus(chip: Chip) -> str:
    return f"0000:{0x81 + chip.npu % 64:02X}:00.0"


def card_310(now: dict[str, Any], chips: list[Chip]) -> list[str]:
    """No hugepages, no process table; NPU id and device id differ."""
    lines = [*header(now["driver"]), line("NPU     Name", "Health", "Power(W)          Temp(C)"),
             line("Chip    Device", "Bus-Id", "AICore(%)         Memory-Usage(MB)"), rule("=")]
    for chip in chips:
        lines += [line(f"{chip.npu:<7} {chip.name}", chip.health, "12.8              49"),
                  line(f"{chip.chip:<7} {chip.device}", bus(chip), f"{chip.aicore:<17} {chip.memory_mb('310')} / 8192"), rule("-")]
    return lines


def card_310p(now: dict[str, Any], chips: list[Chip]) -> list[str]:
    """Hugepages, a Device column and a process table."""
    lines = [*header(now["driver"]), line("NPU     Name", "Health", "Power(W)     Temp(C)           Hugepages-Usage(page)"),
             line("Chip    Device", "Bus-Id", "AICore(%)    Memory-Usage(MB)"), rule("=")]
    for chip in chips:
        lines += [line(f"{chip.npu:<7} {chip.name}", chip.health, "NA           42                0     / 0"),
                  line(f"{chip.chip:<7} {chip.device}", bus(chip), f"{chip.aicore:<12} {chip.memory_mb('310P'):<5}/ 21534"), rule("=")]
    return [*lines, *processes(chips)]


def card_910b(now: dict[str, Any], chips: list[Chip]) -> list[str]:
    """No Device column (the mapping knows), two memories of which the second counts."""
    lines = [*header(now["driver"]), line("NPU   Name", "Health", "Power(W)    Temp(C)           Hugepages-Usage(page)"),
             line("Chip", "Bus-Id", "AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)"), rule("=")]
    for chip in chips:
        lines += [line(f"{chip.npu:<5} {chip.name}", chip.health, "88.6        51                0    / 0"),
                  line(f"{chip.chip}", bus(chip), f"{chip.aicore:<11} 0    / 0          {chip.memory_mb('910B'):<5}/ 65536"), rule("=")]
    return [*lines, *processes(chips)]


def card_new(now: dict[str, Any], chips: list[Chip]) -> list[str]:
    """Phy-ID column, two chips a card (the second without power), a fifth process column, blank names."""
    lines = [*header(now["driver"]), line("NPU   Name", "Health", "Power(W)    Temp(C)           Hugepages-Usage(page)"),
             line("Chip  Phy-ID", "Bus-Id", "AICore(%)   Memory-Usage(MB)  HBM-Usage(MB)"), rule("=")]
    for chip in chips:
        power, held = "-" if chip.chip else "181.4", f"{chip.memory_mb('new'):<5}/ 65536"
        lines += [line(f"{chip.npu:<5} {chip.name}", chip.health, f"{power:<11} 35                0    / 0"),
                  line(f"{chip.chip:<5} {chip.device}", bus(chip), f"{chip.aicore:<11} 0    / 0          {held}"), rule("-")]
    return [*lines, *processes(chips, container=True)]


def processes(chips: list[Chip], *, container: bool = False) -> list[str]:
    """The table of who holds memory on which chip."""
    widths = (25, 17, 26, 25, 25) if container else (25, 17, 26, 24)
    heads = ["NPU     Chip", "Process id", "Process name", "Process memory(MB)", *(["Process id in container"] if container else [])]
    lines = [line(*heads, widths=widths), rule("=", widths)]
    for npu in dict.fromkeys(chip.npu for chip in chips):
        rows = [line(f"{chip.npu:<7} {chip.chip}", str(pid), "" if container else name[:15], str(held), str(pid), widths=widths)
                for chip in chips if chip.npu == npu for pid, name, held in chip.processes]
        lines += rows or [line(f"No running processes found in NPU {npu}", widths=(sum(widths) + len(widths) - 1,))]
        lines.append(rule("=", widths))
    return lines


LAYOUTS: dict[str, Callable[[dict[str, Any], list[Chip]], list[str]]] = {
    "310": card_310, "310P": card_310p, "910B": card_910b, "new": card_new}
