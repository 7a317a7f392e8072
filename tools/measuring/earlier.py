"""What an earlier process left of a measurement in its folder: what holds is read back, the rest goes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from pathlib import Path

from tools.errors import ClipgateError, MeasureError
from tools.machine.files import write_whole
from tools.machine.reading import load_json, refusing
from tools.measuring.cell import IDLE, RECORD, TIMES, Part, read
from tools.measuring.job import Job
from tools.measuring.predictions import FILE
from tools.measuring.sameness import Sameness
from tools.measuring.saved import PIECES
from tools.spec.model import Spec
from tools.storage.context import Context

JOB = "job.json"
RETRIED = "retried.json"
ASIDE = "earlier"  # the folder of measurements that were made again
MORE = "again"  # the folder of series that were taken after the cell's own, to confirm one


@dataclass(frozen=True, slots=True)
class Noted:
    """What a folder's measurement is made with; *budget_s* and *whole* shape its times alone."""

    same: Sameness
    budget_s: float | None
    whole: bool


def settle(context: Context[Spec], job: Job, same: Sameness, *, resume: bool) -> Part | None:
    """The part that lies in the job's folder, if nothing of it is to be measured.

    What was measured with something else is set aside, and so are times taken in another way; both are said.
    Without *resume* everything is removed. What is left is what a process goes on from.
    same: what would shape the measurement now.
    """
    now = Noted(same, job.budget_s, job.whole)
    before = _noted(context, job, same) if resume else None
    part = _read_back(context, job) if before else None
    if before is None and resume:
        set_aside(job.folder, (RECORD, TIMES, IDLE, FILE, JOB, RETRIED))
    if before is None:
        remove(job.folder)
    elif job.budget_s is None:
        now = before  # nobody asks for times: those that are there may have been taken in any way
    elif part and part.times and (before.budget_s, before.whole) != (now.budget_s, now.whole):
        context.say(f"{job.title}: timed again, since the time that timing takes has changed")
        set_aside(job.folder, (TIMES, IDLE))
        part = replace(part, times=None, idle=None)
    if before != now or not (job.folder / JOB).is_file():
        job.folder.mkdir(parents=True, exist_ok=True)
        write_whole(job.folder / JOB, lambda file: file.write(json.dumps(asdict(now), indent=1).encode()))
    if part is None:
        return None
    if part.times is None and job.budget_s is not None:
        context.say(f"{job.title}: scored before, so that only times are taken")
        return None
    context.say(f"{job.title}: measured before, and read back")
    return replace(part, earlier=True)


def _noted(context: Context[Spec], job: Job, same: Sameness) -> Noted | None:
    """What the folder's measurement was made with, if that is the *same*; what else is there is named."""
    path = job.folder / JOB
    measured = (job.folder / RECORD).is_file() or any(job.folder.glob(f"{PIECES}*"))
    why = "nothing tells what it was measured with"
    if path.is_file():
        try:
            noted = read_note(path)
        except MeasureError as error:
            why = error.what
        else:
            why = noted.same.changes(same)
            if not why:
                return noted
    if measured:
        context.say(f"{job.title}: measured again, since {why}")
    return None


def read_note(path: Path) -> Noted:
    """What the measurement beside *path* was made with; a MeasureError where it cannot be read."""
    what = "what it was measured with"
    stored = load_json(path, MeasureError, what)
    with refusing(MeasureError, f"{what} cannot be read", str(path)):
        return Noted(Sameness(**stored["same"]), stored["budget_s"], stored["whole"])


def _read_back(context: Context[Spec], job: Job) -> Part | None:
    """The scored part in the folder; None if it cannot be read. Times that cannot be read are left out."""
    folder = job.folder
    if not (folder / RECORD).is_file():
        return None
    try:
        return _own(job)
    except ClipgateError as error:
        why = error.what
    remove_times(folder)
    try:
        part = _own(job)
    except ClipgateError:
        context.say(f"{job.title}: measured again, since {why}")
        remove(folder)
        return None
    context.say(f"{job.title}: its times do not count, since {why}")
    return part


def _own(job: Job) -> Part:
    """What lies in the job's folder; a MeasureError where it cannot be read, or is of something else."""
    part = read(job.folder)
    if part.record.digests != job.digests:
        raise MeasureError("its record tells of other weights, another graph or other clips", where=str(job.folder / RECORD))
    if len(part.predictions.ids) != part.record.clips:
        raise MeasureError(f"there are scores of {len(part.predictions.ids)} items, and its record tells of {part.record.clips}",
                           where=str(job.folder / FILE))
    if part.times and part.times.valid != min(job.case.batch, part.record.clips):
        raise MeasureError("its times are of another batch size", where=str(job.folder / TIMES))
    return replace(part, retried=retried(job.folder))


def set_aside(folder: Path, names: Sequence[str]) -> None:
    """Move what was measured into a folder of its own, the record first; its verdicts stay in the results."""
    there = [name for name in names if (folder / name).is_file()]
    if TIMES in there or RECORD in there:
        place = _own_place(folder)
        for name in [*there, *[MORE] * (folder / MORE).is_dir()]:
            os.rename(folder / name, place / name)


def _own_place(folder: Path) -> Path:
    """A new folder for what is set aside."""
    place = next(path for number in count(1) if not (path := folder / ASIDE / str(number)).exists())
    place.mkdir(parents=True)
    return place


def remove(folder: Path) -> None:
    """Remove all that a measurement leaves in *folder*, but for its log and dumps; the record goes first."""
    for name in (RECORD, TIMES, IDLE, FILE, RETRIED, JOB):
        (folder / name).unlink(missing_ok=True)
    for pieces in folder.glob(f"{PIECES}*"):
        shutil.rmtree(pieces)


def remove_times(folder: Path) -> None:
    for name in (TIMES, IDLE):
        (folder / name).unlink(missing_ok=True)


def tidy(folder: Path) -> None:
    """Remove what an attempt must not find: times, and scores that no record tells of.

    Series that were to confirm earlier times are set aside: they say nothing of the next ones.
    """
    remove_times(folder)
    if (folder / MORE).is_dir():
        os.rename(folder / MORE, _own_place(folder) / MORE)
    if not (folder / RECORD).is_file():
        (folder / FILE).unlink(missing_ok=True)


def note_retry(folder: Path, why: str) -> None:
    """Note beside the record that a second attempt is made, and *why*."""
    write_whole(folder / RETRIED, lambda file: file.write(json.dumps({"why": why}).encode()))


def forget_retry(folder: Path) -> None:
    """Whoever measures again after both attempts failed has two attempts."""
    (folder / RETRIED).unlink(missing_ok=True)


def retried(folder: Path) -> str:
    """Why there was a second attempt; empty if there was none."""
    path = folder / RETRIED
    if not path.is_file():
        return ""
    try:
        return str(load_json(path, MeasureError)["why"])
    except (MeasureError, LookupError, TypeError):
        return f"nobody can read why in {path}"
