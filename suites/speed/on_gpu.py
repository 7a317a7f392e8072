"""Measures on a device what one has to be at hand for, in at most 8 minutes, and writes a table.

Cells go through the stages of the harness: TSM at six batch sizes and BSN, in each precision and by each
engine that the device offers. Beside them stands what our loop costs, and how near scoring comes to the
device's own rate. What cannot be had is a line of the table too. Ctrl-C, or the end of the budget, leaves
what is measured so far.

A machine with a GPU should not spend its time on weights and graphs: --fill makes them anywhere, without the
device, and --artifacts says where they lie.
"""

from __future__ import annotations

import argparse
import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

from suites.speed.gpu_bench import Asked, Bench, Sheet
from tools import engines
from tools.errors import ClipgateError
from tools.machine import events
from tools.machine.files import write_whole
from tools.spec.case import BATCHES, Device

MAIN, QUICK = 16, 1  # the batch size that most is measured at; the only one of a rehearsal
BUDGET_S = 480.0


class TimeUpError(Exception):
    """The budget is spent."""


def cells(device: Device, *, quick: bool) -> list[Asked]:
    """What is measured on *device*, what matters most first."""
    offered, batch = engines.family(device).COMPUTES, QUICK if quick else MAIN
    usual = offered[""][0]
    ways = [(engine, precision) for engine, precisions in offered.items() for precision in precisions if (engine, precision) != ("", usual)]
    first = [Asked("tsm", batch), *(Asked("tsm", batch, precision, engine) for engine, precision in ways if not engine)]
    sizes = [] if quick else [Asked("tsm", size) for size in BATCHES if size != batch]
    built = [Asked("tsm", batch, precision, engine) for engine, precision in ways if engine]
    return [*first, *sizes, Asked("bsn", batch), *reversed(built)]


def steps(bench: Bench, device: Device, *, quick: bool, fill: bool) -> Iterator[tuple[str, Callable[[], None]]]:
    """What is to be done, each with its name."""
    first, *others = cells(device, quick=quick)
    if fill:
        yield from ((f"what {asked.words} needs", partial(bench.fill, asked)) for asked in (first, *others))
        return
    yield first.words, partial(bench.cell, first)
    yield "a bare loop beside ours", partial(bench.loop, first)
    yield "feeding with clips at hand", partial(bench.feeding, first, decoded=False)
    yield "feeding with clips decoded", partial(bench.feeding, first, decoded=True)
    yield from ((asked.words, partial(bench.cell, asked)) for asked in others)


@contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Raise TimeUpError in the block when that time has passed; never where it is 0."""
    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeUpError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def work(todo: Sequence[tuple[str, Callable[[], None]]], sheet: Sheet, keep: Callable[[], None], budget_s: float) -> bool:
    """Do one thing after the other; whether all went well. *keep* is called after each, and at the end."""
    done, good, began, why = 0, True, time.monotonic(), ""
    try:
        with stopped_after(budget_s):
            for name, step in todo:
                try:
                    step()
                except ClipgateError as error:
                    good = False
                    sheet.lines.append(f"{name}: could not be measured: {'; '.join(filter(None, (error.what, error.remedy)))}")
                done += 1
                keep()
    except (TimeUpError, KeyboardInterrupt) as stop:
        why = "the budget was spent" if isinstance(stop, TimeUpError) else "it was stopped"
    left = [name for name, _ in todo[done:]]
    sheet.lines += [f"left out, since {why} after {time.monotonic() - began:.0f} s: {', '.join(left)}"] if left else []
    keep()
    return good and not left


def main(arguments: Sequence[str]) -> int:
    """Measure, and write the table; 1 where something is missing in it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what is measured is written before it ends
    parser = argparse.ArgumentParser(prog="python -m suites.speed.on_gpu", description=__doc__)
    parser.add_argument("--device", default="cuda:0", help="cuda:0, say; cpu rehearses it all")
    parser.add_argument("--artifacts", default="", metavar="DIR", help="where what is built lies; the project's own without it")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where the table goes, beside the terminal")
    parser.add_argument("--budget-s", type=float, metavar="S", help="it ends after so many seconds: 480, with --fill when all is made")
    parser.add_argument("--quick", action="store_true", help="one batch size only")
    parser.add_argument("--fill", action="store_true", help="make weights and graphs, and measure nothing")
    options = parser.parse_args(arguments)
    device = _named(options.device) if options.fill else engines.parse(options.device)
    sheet = Sheet(f"On {options.device}" + ("" if options.fill else f", {engines.family(device).describe(device).name}"))
    out: Path | None = options.out and options.out.resolve()
    keep = partial(write_whole, out, lambda file: file.write(sheet.text.encode())) if out else lambda: None
    todo = list(steps(Bench(device, options.artifacts, sheet), device, quick=options.quick, fill=options.fill))
    good = work(todo, sheet, keep, options.budget_s or (0.0 if options.fill else BUDGET_S))
    print(sheet.text)
    return int(not good)


def _named(text: str) -> Device:
    """A device that need not be here."""
    family, _, number = text.partition(":")
    return Device(family, int(number)) if re.fullmatch(r"\d{1,9}", number) else Device(family)


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
