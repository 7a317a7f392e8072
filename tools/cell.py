"""A measured cell: what the child process saved, and how the parent launches it and reads it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from tools import child
from tools.case import Case
from tools.errors import ClipgateError
from tools.files import write_whole
from tools.predictions import FILE, Predictions, load
from tools.settings import Settings
from tools.spec import Spec
from tools.timing import Summary, summarise

RECORD = "cell.json"
TIMES = "times.json"
LOG = "child.log"


@dataclass(frozen=True, slots=True)
class Record:
    """What was measured with what; written as soon as the scores are safe.

    network: which of the case's networks; clips: items it was run on.
    data, weights: as reports name them; digests: of the weights, the graph and the clips; scoring_s: wall time of
    decoding and running every clip, decode overlapping inference; peak_bytes: this process's largest resident size;
    surgery: the rewrites the graph has been through, by name.
    """

    case: str
    network: str
    data: str
    weights: str
    precision: str
    clips: int
    scoring_s: float
    peak_bytes: int
    estimated_bytes: int
    digests: Mapping[str, str]
    versions: Mapping[str, str]
    machine: Mapping[str, str]
    surgery: str = ""


@dataclass(frozen=True, slots=True)
class Times:
    """Single-iteration times in seconds, each of a batch in which *valid* rows count."""

    series: tuple[float, ...]
    valid: int

    def summary(self) -> Summary:
        return summarise(self.series, self.valid)


@dataclass(frozen=True, slots=True)
class Part:
    """One measured network of a cell, read back. *times* is None where timing failed, and *timing_error* says why."""

    folder: Path
    record: Record
    predictions: Predictions
    times: Times | None
    timing_error: ClipgateError | None = None

    def rate(self) -> float:
        """Clips that count over the median iteration."""
        assert self.times is not None
        return self.times.summary().clips_per_s


@dataclass(frozen=True, slots=True)
class Cell:
    """A measured case: a part for each of its networks, in the order they run in."""

    case: Case
    folder: Path
    parts: tuple[Part, ...]

    @property
    def record(self) -> Record:
        """The last part's record: all parts share data, weights and device."""
        return self.parts[-1].record

    def rate(self) -> float:
        """Clips a second through all networks, one after the other: 1 / (1/a + 1/b)."""
        return 1 / sum(1 / part.rate() for part in self.parts)

    def series(self) -> list[float]:
        """Seconds of an iteration through all networks, as long as the shortest of their series."""
        times = [part.times.series for part in self.parts if part.times is not None]
        return [sum(together) for together in zip(*times, strict=False)]


def command(case: Case, settings: Settings) -> list[str]:
    """Arguments of `python -m tools.measure` that repeat *case*."""
    return [case.model, "--batch", str(case.batch), "--device", str(case.device), *settings.arguments()]


def part_folder(case: Case, spec: Spec, network: str, run: Path) -> Path:
    """Where a network's measurement is kept: the case's own folder, or one below it where the case has several networks."""
    return run / str(case) / (network if len(spec.networks) > 1 else "")


def launch(case: Case, settings: Settings, spec: Spec, run: Path, on_event: child.OnEvent) -> Cell:
    """Measure every network of *case* in a child process of its own and read what they saved below *run*.

    Raises:
        ClipgateError: one ended before its scores were saved. What fails later leaves them to be judged.
    """
    parts = tuple(_launch(case, settings, spec, network.name, run, on_event) for network in spec.networks)
    return Cell(case, run / str(case), parts)


def _launch(case: Case, settings: Settings, spec: Spec, network: str, run: Path, on_event: child.OnEvent) -> Part:
    folder = part_folder(case, spec, network, run)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (FILE, RECORD, TIMES):
        (folder / name).unlink(missing_ok=True)
    failure: ClipgateError | None = None
    which = ["--network", network] if len(spec.networks) > 1 else []
    on_event({"kind": "say", "text": f"measuring {' '.join([str(case), *which[1:]])} ..."})
    try:
        child.run("tools.measure", [*command(case, settings), *which, "--run", str(run)], log=folder / LOG, on_event=on_event)
    except ClipgateError as error:
        if not (folder / RECORD).is_file():
            raise
        failure = error
    return replace(read(folder), timing_error=failure)


def read(folder: Path) -> Part:
    """What a measured network left in *folder*."""
    record = Record(**json.loads((folder / RECORD).read_text()))
    times = None
    if (folder / TIMES).is_file():
        stored = json.loads((folder / TIMES).read_text())
        times = Times(tuple(stored["series"]), stored["valid"])
    return Part(folder, record, load(folder / FILE), times)


def write(value: Record | Times, path: Path) -> None:
    """Write a record or times as JSON, whole or not at all."""
    text = json.dumps(asdict(value), indent=1)
    write_whole(path, lambda file: file.write(text.encode()))
