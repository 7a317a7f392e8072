"""Times a scored cell once more, in fresh processes: a series that confirms what its first one seems to say.

Its scores, its record and its own times stay as they are. Each further series has a folder of its own below
the cell's, where nobody takes it for the cell's times.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from tools.errors import ClipgateError, MeasureError
from tools.machine.files import writing
from tools.measuring import launch
from tools.measuring.alternate import Subject
from tools.measuring.cell import IDLE, TIMES, Cell, Part, taken
from tools.measuring.earlier import MORE, set_aside
from tools.measuring.job import Job
from tools.measuring.launch import Found
from tools.measuring.measure import measure
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.storage.context import Context


def place_of(folder: Path, number: int, beside: Case | None = None) -> Path:
    """Where what was measured in *folder* keeps further series, counted from 1.

    beside: the case that was in doubt, where the series is not of that one but of its control.
    """
    return (folder / MORE / f"control-of-{beside}" if beside else folder / MORE) / f"{number:02}"


def again(context: Context[Spec], cell: Cell, found: Found, run: Path, number: int, beside: Case | None = None, *,
          anew: bool = False) -> Cell:
    """The cell with the times of its further series *number*: its networks in turn, a process for each.

    found: what the cell was measured with. beside: the case whose control it is now. A series that an ended
    process of the run has left whole is read back: what has been measured is not measured until it pleases.
    anew: it is set aside instead, since it was taken beside another one.

    Raises:
        ClipgateError: a network could not be timed. The cell's own times and scores are what they were.
    """
    jobs = launch.jobs(context, cell.case, found, run, [part.record.network for part in cell.parts])
    with writing("what this cell leaves", run, MeasureError):
        placed = [replace(job, again=place_of(job.folder, number, beside)) for job in jobs]
        for job in placed if anew else []:
            set_aside(job.place, (TIMES, IDLE))
        return replace(cell, parts=tuple(_timed(context, part, job, run) for part, job in zip(cell.parts, placed, strict=True)))


def subject(context: Context[Spec], cell: Cell, found: Found, run: Path, beside: Case | None = None) -> Subject:
    """The cell as one that can be timed again and again; *beside* as for `again`."""
    return Subject(cell.case, partial(again, context, cell, found, run, beside=beside))


def _timed(context: Context[Spec], part: Part, job: Job, run: Path) -> Part:
    """The network with the times that lie in the job's place, or are taken now."""
    if part.record.digests != job.digests:
        raise MeasureError("what would be timed once more is not what was scored: its weights, graph or clips are others",
                           where=str(job.folder))
    bare = replace(part, times=None, idle=None, timing_error=None, retried="")
    if (job.place / TIMES).is_file():
        try:
            return _with_times(replace(bare, earlier=True), job.place)
        except ClipgateError as error:
            context.say(f"{job.title}: timed once more, since {error.what}")
    launch.once(context, job, measure, run)
    return _with_times(replace(bare, earlier=False), job.place)


def _with_times(part: Part, place: Path) -> Part:
    times, idle = taken(place)
    if times is None:
        raise MeasureError("the process that timed it once more left no times", where=str(place))
    return replace(part, times=times, idle=idle)
