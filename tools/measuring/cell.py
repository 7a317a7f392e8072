"""A measured cell: what the child process saved, and how the parent launches it and reads it back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tools.engines import NODES_ON_CPU
from tools.engines.idle import Idle, Reading
from tools.errors import ClipgateError, MeasureError
from tools.machine import typed
from tools.machine.files import write_whole
from tools.machine.reading import load_json, positive, refusing
from tools.measuring.predictions import FILE, Predictions, load
from tools.measuring.record import NOTED_S
from tools.measuring.record import Record as Record
from tools.measuring.timing import Statistic, Summary, summarise
from tools.spec.case import Case
from tools.spec.model import Spec

RECORD = "cell.json"
TIMES = "times.json"
IDLE = "idle.json"
EXACT = "fp32"  # the precision whose limits hold for every chip
AGAIN = "measure the case again"
NPU_SMI = "npu-smi"  # whom runs asked that do not say whom
UNSEEN = "this run is older than the look at what timed calls give"


@dataclass(frozen=True, slots=True)
class Times:
    """Single-iteration times in seconds, each of a batch in which *valid* rows count.

    series: by our clock, around one run.
    device_series: by the device's own clock, if it has one, around the execution alone.
    doubt: why these are not times of the network, as what the timed calls gave shows; empty where they are.
    waited_s: how long timing waited for a quiet host. beside: who worked on it all the same, in words.
    warm_up: the calls before *series*, by our clock, whose times were still others.
    """

    series: tuple[float, ...]
    valid: int
    device_series: tuple[float, ...] = ()
    doubt: str = ""
    waited_s: float = 0.0
    beside: tuple[str, ...] = ()
    warm_up: tuple[float, ...] = ()

    @property
    def notes(self) -> list[str]:
        """How it was on the host, where a reader of these times must know."""
        waited = [f"timing waited {self.waited_s:.0f} s for quiet"] if self.waited_s > NOTED_S else []
        return [*waited, *(f"timed while {words} worked on this host" for words in self.beside)]

    def summary(self) -> Summary:
        """The numbers that are judged: as ais_bench computes them if the device has times of its own."""
        ours = summarise(self.series, self.valid)
        found = replace(summarise(self.device_series, self.valid, "mean"), short=ours.short) if self.device_series else ours
        return replace(found, spent_s=sum(self.series) + sum(self.warm_up))


@dataclass(frozen=True, slots=True)
class Part:
    """One measured network of a cell, read back. *times* is None if timing failed; *timing_error* says why.

    idle: whether nobody else used the device, if that can be told. retried: why there was a second attempt.
    earlier: whether an ended process of the run measured it, times included.
    """

    folder: Path
    record: Record
    predictions: Predictions
    times: Times | None
    idle: Idle | None = None
    timing_error: ClipgateError | None = None
    retried: str = ""
    earlier: bool = False

    def rate(self) -> float:
        """Clips a second on one chip: the clips of an iteration that count, over its typical time."""
        assert self.times is not None
        return self.times.summary().clips_per_s


@dataclass(frozen=True, slots=True)
class Cell:
    """A measured case: a part for each network, in the order in which they run."""

    case: Case
    folder: Path
    parts: tuple[Part, ...]

    @property
    def record(self) -> Record:
        """The last part's record: all parts have the same data, weights and device."""
        return self.parts[-1].record

    @property
    def untimed(self) -> ClipgateError | None:
        """Why a network has no times; None where all have them."""
        lacking = [part for part in self.parts if part.timing_error or part.times is None]
        if not lacking:
            return None
        return lacking[0].timing_error or MeasureError("the cell has no times", where=str(lacking[0].folder))

    @property
    def notes(self) -> list[str]:
        """What a reader of this cell's numbers must know."""
        flags = dict.fromkeys(part.record.flags for part in self.parts if part.record.flags)
        own = [part.record.own for part in self.parts if part.record.own]
        return [*(f"measured at the second attempt: {part.retried}" for part in self.parts if part.retried), *self.given, *own,
                *(f"compiled with {words}" for words in flags),
                *dict.fromkeys(note for part in self.parts if part.times for note in part.times.notes), *self._waits, *self._left,
                *dict.fromkeys(words for part in self.parts for words in part.record.elsewhere), *self.others]

    @property
    def _left(self) -> list[str]:
        """Which nodes of a graph the CPU computes in a device's place."""
        told = dict.fromkeys(part.record.engine.get(NODES_ON_CPU, "0") for part in self.parts)
        return [f"nodes that the CPU computes in the device's place: {words}" for words in told if words != "0"]

    @property
    def _waits(self) -> list[str]:
        """That decoding kept the device waiting, of several networks by their names."""
        several = len(self.parts) > 1
        return [f"{record.network}: {words}" if several else words
                for record in (part.record for part in self.parts) if (words := record.kept_waiting)]

    @property
    def given(self) -> list[str]:
        """What the graphs are that a person gave, in words: nobody can know whose weights they hold."""
        return [part.record.given for part in self.parts if part.record.given]

    @property
    def others(self) -> list[str]:
        """What other code made of what this cell was measured with, in words."""
        return list(dict.fromkeys(other for part in self.parts for other in part.record.others))

    @property
    def statistic(self) -> Statistic:
        """Of which times the rate is: all parts were timed on one device, in one way."""
        times = self.parts[-1].times
        return "mean" if times is not None and times.device_series else "median"

    def rate(self) -> float:
        """Clips a second through all networks, one after the other: 1 / (1/a + 1/b)."""
        return 1 / sum(1 / part.rate() for part in self.parts)

    def series(self) -> list[float]:
        """Seconds of each iteration through all networks; it ends with the shortest of their series."""
        times = [part.times.series for part in self.parts if part.times is not None]
        return [sum(together) for together in zip(*times, strict=False)]


def part_folder(case: Case, spec: Spec, network: str, run: Path) -> Path:
    """The folder of a network's measurement: the case's, or one below it for a model of several networks."""
    return run / str(case) / (network if len(spec.networks) > 1 else "")


def is_scored(case: Case, spec: Spec, run: Path) -> bool:
    """Whether all networks of a case have left their records."""
    return all((part_folder(case, spec, network.name, run) / RECORD).is_file() for network in spec.networks)


def read(folder: Path) -> Part:
    """What a measured network left in *folder*; a MeasureError where it cannot be read."""
    with refusing(MeasureError, "what was measured cannot be read", str(folder), AGAIN):
        return _read(folder)


def taken(folder: Path) -> tuple[Times | None, Idle | None]:
    """The times in *folder*, and whether the device was idle; a MeasureError where they cannot be read."""
    with refusing(MeasureError, "the times cannot be read", str(folder), AGAIN):
        return _taken(folder)


def _taken(folder: Path) -> tuple[Times | None, Idle | None]:
    times = idle = None
    if (folder / TIMES).is_file():
        stored = _load(folder / TIMES)
        if not stored["series"]:
            raise MeasureError("there are no times", where=str(folder / TIMES), remedy=AGAIN)
        times = Times(_seconds(stored["series"], folder), int(positive(stored["valid"], str(folder / TIMES), MeasureError)),
                      _seconds(stored["device_series"], folder), stored.get("doubt", UNSEEN),
                      float(stored.get("waited_s", 0.0)), _listed(stored.get("beside", [])),
                      _seconds(stored.get("warm_up", []), folder))
        typed.require(times, MeasureError, str(folder / TIMES), AGAIN)
    if (folder / IDLE).is_file():
        idle = _idle(_load(folder / IDLE), str(folder / IDLE))
    return times, idle


def _idle(seen: Any, where: str) -> Idle:  # noqa: ANN401 - JSON is anything
    """Whether the device was idle. Older runs did not keep what it told of itself."""
    readings = tuple(Reading(**{**one, "throttled": _listed(one["throttled"])}) for one in _listed(seen.get("readings", [])))
    for one in readings:
        typed.require(one, MeasureError, where, AGAIN)
    found = Idle(seen["state"], _listed(seen["seen"]), seen["samples"], seen.get("source", NPU_SMI), readings)
    return typed.require(found, MeasureError, where, AGAIN)


def _read(folder: Path) -> Part:
    times, idle = _taken(folder)
    record = typed.require(Record(**_load(folder / RECORD)), MeasureError, str(folder / RECORD), AGAIN)
    return Part(folder, record, load(folder / FILE), times, idle)


def _load(path: Path) -> Any:  # noqa: ANN401 - JSON is anything
    return load_json(path, MeasureError, "what was measured", AGAIN)


def _listed(value: object) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError("what should be a list is none")
    return tuple(value)


def _seconds(series: object, folder: Path) -> tuple[float, ...]:
    """Times that a rate can be taken from."""
    return tuple(positive(taken, str(folder / TIMES), MeasureError, "a time is", AGAIN) for taken in _listed(series))


def write(value: Record | Times | Idle, path: Path) -> None:
    """Write *value* as JSON, whole or not at all."""
    write_whole(path, lambda file: file.write(json.dumps(asdict(value), indent=1).encode()))
