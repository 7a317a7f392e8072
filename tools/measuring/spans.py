"""Scores of a part of a case's clips, made by one process, and laid where another goes on from them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np

from tools.errors import MeasureError
from tools.machine.files import writing
from tools.measuring import earlier, inputs, kinds, launch
from tools.measuring import sameness as shaping
from tools.measuring.feeding import Spent
from tools.measuring.job import Job
from tools.measuring.launch import Found
from tools.measuring.sameness import Sameness
from tools.measuring.saved import FIELDS, PIECES
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.storage.context import Context
from tools.storage.shards import Arrays, Pieces, Ranges, Span, name_of

SPANS = "span-"  # what folders of scored spans begin with; the digest of what shapes the scores follows
ARRIVED = "arrived"  # where pieces lie until they are looked at
NO_TIME = np.array([astuple(Spent())])
AGAIN = "score this part of the clips again"


def score(context: Context[Spec], case: Case, found: Found, run: Path, span: Span) -> Path:
    """Let a watched process score the clips of *span* as the run of all would; the file with their scores.

    span: the number of the first clip, a multiple of the batch, and that behind the last, which is one as
    well unless the list ends there. The process is tried and its device given up as `launch.launch` does.

    Raises:
        MeasureError: these clips cannot be scored alone. ClipgateError: the process failed.
    """
    job = _only(context, case, found, run)
    _require_batches(job, span)
    same = shaping.of(job).digest
    folder = job.folder / f"{SPANS}{same}" / Path(name_of(span)).stem
    job = replace(job, same=same, span=span, folder=folder)
    with writing("what this part of a cell leaves", run, MeasureError):
        if not job.scored.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            launch.scored(context, job, run)
    return job.scored


def sameness(context: Context[Spec], case: Case, found: Found, run: Path) -> Sameness:
    """What shapes the scores of the case's only network here; the same wherever a part of them is made."""
    return shaping.of(_only(context, case, found, run))


def lay(context: Context[Spec], case: Case, found: Found, run: Path, pieces: Mapping[Span, bytes], by: Sequence[str]) -> None:
    """Put *pieces*, as the files of `score` hold them, where `launch.launch` goes on from them.

    by: who scored them, in words. Nothing is laid over a cell that is scored.

    Raises:
        MeasureError: a piece is not one of these clips. StoreError: it is damaged.
    """
    job = _only(context, case, found, run)
    same = shaping.of(job)
    with writing("what this cell leaves", run, MeasureError):
        if earlier.settle(context, job, same, resume=True):
            return
        folder = job.folder / f"{PIECES}{same.digest}"
        arrived, laid = Ranges(job.folder / ARRIVED, len(_ids(job))), Pieces(folder, len(_ids(job)))
        laid.forget()
        words, spent = np.array(by, str), NO_TIME
        try:
            for span in sorted(pieces):
                piece = arrived.keep(*span, pieces[span])
                _require_piece(job, span, piece)
                spent = spent + piece["spent"]  # of all so far, as a process that goes on counts it
                laid.add(*span, {**piece, "spent": spent, "by": words})
                words = words[:0]
        finally:
            shutil.rmtree(arrived.folder, ignore_errors=True)


def _only(context: Context[Spec], case: Case, found: Found, run: Path) -> Job:
    """What is told the process that measures the case's only network; its times are asked for elsewhere."""
    if context.spec.kind == "localiser":
        raise MeasureError(f"{case} has networks of which one is fed what the other gave: its videos are scored by one process",
                           where=context.spec.name, remedy="measure the case whole")
    [job] = launch.jobs(context, case, found, run, timed=False)
    return job


def _ids(job: Job) -> tuple[str, ...]:
    """The ids of all items, as the network is fed them."""
    return kinds.of(job.spec).feed(job.dataset, job.spec, job.network, None).ids


def _require_batches(job: Job, span: Span) -> None:
    """Refuse a span that other batches would be made of than in a run of all clips."""
    (first, end), total, batch = span, len(_ids(job)), job.case.batch
    if not 0 <= first < end <= total or first % batch or (end % batch and end != total):
        raise MeasureError(f"the clips {first + 1:,} to {end:,} of {total:,} are no whole batches of {batch}", where=str(job.case),
                           remedy=f"begin and end parts at multiples of {batch}, or at the end of the list")


def _require_piece(job: Job, span: Span, piece: Arrays) -> None:
    """Refuse what holds other scores, or other inputs noted, than a piece of these clips has."""
    ids, shape = _ids(job), job.network.output.shape
    expected = inputs.compared(ids) & frozenset(ids[span[0] : span[1]])
    what = ""
    if piece.keys() != FIELDS:
        what = f"it holds {', '.join(sorted(piece))}"
    elif piece["scores"].dtype != np.float32 or piece["scores"].shape[1:] != shape:
        what = f"its scores are {piece['scores'].dtype} of shape {piece['scores'].shape}"
    elif [(NO_TIME.shape, NO_TIME.dtype), ((1,), NO_TIME.dtype)] != [(piece[one].shape, piece[one].dtype) for one in ("spent", "seconds")]:
        what = "it does not tell the times of one piece"
    elif piece["inputs"].shape != (len(expected), 2) or set(piece["inputs"][:, 0].tolist()) != expected:
        what = "it lacks the digests of inputs that are compared"
    if what:
        raise MeasureError(f"what came as the scores of clips {span[0] + 1:,} to {span[1]:,} is no piece of them: {what}",
                           where=str(job.case), remedy=AGAIN)
