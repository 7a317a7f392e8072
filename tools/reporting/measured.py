"""What a case has left in its folder: records and times of each network, without its scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.errors import MeasureError, on_one_line
from tools.judging.rows import Row
from tools.machine import typed
from tools.machine.files import size_words
from tools.machine.reading import can_be_path, load_json, refusing
from tools.measuring.cell import AGAIN, RECORD, TIMES, Cell, Part, Record, Times, taken
from tools.measuring.doubts import doubts
from tools.measuring.earlier import MORE
from tools.measuring.predictions import Predictions
from tools.reporting.facts import Digest, Latency
from tools.reporting.lacking import Lacking, add, told
from tools.spec.case import Case

UNREAD = Predictions((), np.zeros((0, 1), np.float32))
MS = 1000.0
WAITS = {"decode": "decoding", "copy": "copying"}
OF_ALL = ("python", "system", "cpu", "cores")  # of the machine, what mostly holds for a whole run


@dataclass(frozen=True, slots=True)
class Measured:
    """A case as far as its folder tells it. cell: None where it cannot be told.

    doubts: why its times say nothing; empty where they may be compared.
    """

    cell: Cell | None = None
    doubts: tuple[str, ...] = ()

    @property
    def rate(self) -> float | None:
        """Clips a second of one chip; None where there are no times, or they say nothing."""
        return self.cell.rate() if self.cell and not self.doubts else None

    @property
    def latencies(self) -> tuple[Latency, ...]:
        """The times of each network: the device's own first, where it took some."""
        return tuple(one for part in (self.cell.parts if self.cell else ()) if part.times
                     for one in _latencies(part.record.network, part.times))

    @property
    def digests(self) -> tuple[Digest, ...]:
        return tuple(Digest(on_one_line(part.record.network), on_one_line(what), on_one_line(digest))
                     for part in (self.cell.parts if self.cell else ()) for what, digest in part.record.digests.items())

    @property
    def environment(self) -> tuple[tuple[str, str], ...]:
        """The versions and the machine, which are mostly those of the whole run."""
        told = [pair for part in (self.cell.parts if self.cell else ())
                for pair in (*part.record.versions.items(), *((name, part.record.machine[name]) for name in OF_ALL
                                                              if name in part.record.machine))]
        return tuple(dict.fromkeys((on_one_line(name), on_one_line(text)) for name, text in told))

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """How it was measured, in pairs of words."""
        if self.cell is None:
            return ()
        several = len(self.cell.parts) > 1
        found = [(f"{part.record.network} {name}" if several else name, text)
                 for part in self.cell.parts for name, text in _of_part(part)]
        record = self.cell.record
        found += [*record.versions.items(), *record.machine.items(), *(("note", note) for note in self.cell.notes)]
        return tuple((on_one_line(name), on_one_line(text)) for name, text in found)


def measured(run: Path, row: Row, lacking: Lacking) -> Measured:
    """What the case of a row has left in the run."""
    case = Case.parse(row.case, row.model)
    if case is None or Path(row.case).name != row.case or not can_be_path(row.case):
        add(lacking, f"{row.case}: its name is no case's, so nothing is read of what it left")
        return Measured()
    folder = run / row.case
    with told(lacking, f"{row.case}: its times, digests and versions are missing"):
        parts = tuple(_part(place) for place in _places(folder, row))
        cell = Cell(case, folder, parts)
        return Measured(cell, tuple(doubts(cell)))
    return Measured()


def _places(folder: Path, row: Row) -> list[Path]:
    """The folders of a case's networks, in the order in which they run."""
    found = [folder] if (folder / RECORD).is_file() else [path.parent for path in folder.glob(f"*/{RECORD}")]
    if not found:
        raise MeasureError("its folder has no record of a measurement", where=str(folder),
                           remedy="copy the whole folder of the run, or measure the case again")
    order = list(row.digests)
    return sorted(found, key=lambda path: (order.index(path.name) if path.name in order else len(order), path.name))


def _part(folder: Path) -> Part:
    times, idle = taken(folder)
    with refusing(MeasureError, "what was measured cannot be read", str(folder), AGAIN):
        record = Record(**load_json(folder / RECORD, MeasureError, "what was measured", AGAIN))
    return Part(folder, typed.require(record, MeasureError, str(folder / RECORD), AGAIN), UNREAD, times, idle)


def _latencies(network: str, times: Times) -> list[Latency]:
    host = Latency(on_one_line(network), _ms(times.series), _ms(times.warm_up), "host", on_one_line(times.doubt))
    device = Latency(on_one_line(network), _ms(times.device_series), (), "device", on_one_line(times.doubt))
    return [device, host] if times.device_series else [host]


def _ms(seconds: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(round(MS * one, 6) for one in seconds)


def _of_part(part: Part) -> list[tuple[str, str]]:
    record = part.record
    speed = f", {record.clips / record.scoring_s:.2f} clips/s with decoding" if record.scoring_s > 0 else ""
    told = [("precision", record.precision), ("clips", str(record.clips)), ("scored in", f"{record.scoring_s:.1f} s{speed}"),
            ("device busy", _fed(record)), ("device told", part.idle.told if part.idle else ""), *record.engine.items(),
            ("peak memory", size_words(record.peak_bytes)), ("surgery", record.surgery)]
    more = len([*part.folder.glob(f"{MORE}/*/{TIMES}")])
    told += [("timed again", f"{more} times to settle a doubt")] if more else []
    return [(name, text) for name, text in told if text]


def _fed(record: Record) -> str:
    """How busy the device was while it scored, and what it waited for."""
    if record.busy is None:
        return ""
    waited = [f"{seconds:.1f} s for {WAITS[what]}" for what, seconds in record.waited_s.items() if what in WAITS]
    return f"{record.busy:.0%} of that time" + (f"; it waited {' and '.join(waited)}" if waited else "")
