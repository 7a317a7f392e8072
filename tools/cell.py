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
from tools.timing import Summary, summarise

RECORD = "cell.json"
TIMES = "times.json"
LOG = "child.log"


@dataclass(frozen=True, slots=True)
class Record:
    """What was measured with what; written as soon as the scores are safe.

    data, weights: as reports name them; digests: of the weights, the graph and the clips; scoring_s: wall time of
    decoding and running every clip, decode overlapping inference; peak_bytes: this process's largest resident size.
    """

    case: str
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


@dataclass(frozen=True, slots=True)
class Times:
    """Single-iteration times in seconds, each of a batch in which *valid* rows count."""

    series: tuple[float, ...]
    valid: int

    def summary(self) -> Summary:
        return summarise(self.series, self.valid)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell read back. *times* is None where timing failed, and *timing_error* says why."""

    case: Case
    folder: Path
    record: Record
    predictions: Predictions
    times: Times | None
    timing_error: ClipgateError | None = None


def command(case: Case, settings: Settings) -> list[str]:
    """Arguments of `python -m tools.measure` that repeat *case*."""
    return [case.model, "--batch", str(case.batch), "--device", str(case.device), *settings.arguments()]


def launch(case: Case, settings: Settings, run: Path, on_event: child.OnEvent) -> Cell:
    """Measure *case* in a child process and read what it saved below *run*.

    Raises:
        ClipgateError: it ended before its scores were saved. What fails later leaves them to be judged.
    """
    folder = run / str(case)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (FILE, RECORD, TIMES):
        (folder / name).unlink(missing_ok=True)
    failure: ClipgateError | None = None
    on_event({"kind": "say", "text": f"measuring {case} ..."})
    try:
        child.run("tools.measure", [*command(case, settings), "--run", str(run)], log=folder / LOG, on_event=on_event)
    except ClipgateError as error:
        if not (folder / RECORD).is_file():
            raise
        failure = error
    return replace(read(case, folder), timing_error=failure)


def read(case: Case, folder: Path) -> Cell:
    """What a cell left in *folder*."""
    record = Record(**json.loads((folder / RECORD).read_text()))
    times = None
    if (folder / TIMES).is_file():
        stored = json.loads((folder / TIMES).read_text())
        times = Times(tuple(stored["series"]), stored["valid"])
    return Cell(case, folder, record, load(folder / FILE), times)


def write(value: Record | Times, path: Path) -> None:
    """Write a record or times as JSON, whole or not at all."""
    text = json.dumps(asdict(value), indent=1)
    write_whole(path, lambda file: file.write(text.encode()))
