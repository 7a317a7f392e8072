"""Which clips are looked at, and the batch that each network is fed of them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tools.datasets.clips import ClipSet
from tools.errors import OptionError
from tools.judging import flips, results
from tools.judging.rows import Row
from tools.judging.verdict import Verdict
from tools.locating import measured
from tools.locating.farthest import farthest
from tools.locating.torch_answers import torch_answers
from tools.locating.values import Chosen
from tools.measuring import kinds
from tools.measuring.cell import Part, is_scored, part_folder, read
from tools.measuring.kinds import Dataset
from tools.measuring.launch import Found
from tools.media.batches import Feed
from tools.media.preprocess import Floats
from tools.spec.case import Case
from tools.spec.given import reference_name
from tools.spec.model import Spec
from tools.storage.context import Context
from tools.storage.runs import FOLDER, NAME

QUESTIONS = ("accuracy", "fidelity")  # whose red rows are of what a device computes
FEW = 2  # clips that are looked at step by step
NEAR = 0.75  # the least likeness of names that one may be mistaken for
OTHERS = "give the options of that run, another run with --run DIR, or clips of these with --clip ID"


def chosen(context: Context[Spec], case: Case, ids: Sequence[str], found: Found, run: Path | None) -> Chosen:
    """The clips *ids*, or the worst clips of the case in *run* or in the last run in which it failed.

    They are one batch at most. Of a run they are the very batch in which its worst clip was measured, since a
    fault may depend on what else is in a batch. Without a failed run they are the first clips of the list.

    Raises:
        OptionError: an id is unknown, or there are more than a batch holds; the run has not measured the
            case, or has measured other clips, weights or graphs. MeasureError: it cannot be read.
    """
    if ids:
        return _named(context, case, ids, found, run)
    passed: dict[Path, OptionError] = {}
    for one in _runs(context, case, run):
        parts = _parts(context, case, one)
        try:
            _require_clips(found, parts, one / str(case))
            unsaid = measured.require(context, case, found, parts, one / str(case))
        except OptionError as refused:
            passed[one] = refused
            continue
        beside = (*unsaid, *_not_red(case, one), *(f"{later.name}, a later red run, is passed over: {error.what}"
                                                     for later, error in passed.items()))
        worst = _worst(context, case, found, parts, one)
        return replace(worst, why="; ".join((worst.why, *beside)))
    for error in passed.values():
        raise error
    first = found.dataset.ids[: case.batch]
    return Chosen(first, f"no run has a red row of {case}: the first {context.spec.items} of the list", None, first[:FEW])


def batches(context: Context[Spec], case: Case, found: Found, chosen: Chosen) -> Mapping[str, Floats]:
    """Each network's input [batch, *input] float32 of these clips, as the case's cell feeds it.

    As there, a batch that is not full is filled up with copies of its first row. What a second network is fed
    is made of torch's answers, so that no error of the first one is in it.

    Raises:
        DataError: a clip is not there, has changed, or cannot be read.
    """
    part(found.dataset, chosen.ids).require_unchanged()
    networks, kind = context.spec.networks, kinds.of(context.spec)
    before = torch_answers(context, found, chosen.ids).curves if len(networks) > 1 else None
    feeds = [kind.feed(found.dataset, context.spec, one, before if number else None) for number, one in enumerate(networks)]
    return {one.name: _batch(feed, chosen.ids, case.batch) for one, feed in zip(networks, feeds, strict=True)}


def part(dataset: Dataset, ids: Collection[str]) -> Dataset:
    """These items alone, in this order."""
    number = {id: number for number, id in enumerate(dataset.ids)}
    rows = [number[id] for id in ids]
    if isinstance(dataset, ClipSet):
        return replace(dataset, clips=tuple(dataset.clips[row] for row in rows))
    return replace(dataset, videos=tuple(dataset.videos[row] for row in rows), features=tuple(dataset.features[row] for row in rows))


def _named(context: Context[Spec], case: Case, ids: Sequence[str], found: Found, run: Path | None) -> Chosen:
    """These clips; a run named beside them must have measured what is looked at, if it has the case."""
    _require_known(ids, found.dataset.ids, context.spec)
    if len(ids) > case.batch:
        raise OptionError(f"{case} has batches of {case.batch}, and {len(ids)} {context.spec.items} are named", where="--clip",
                          remedy=f"name {case.batch} at most")
    unsaid: tuple[str, ...] = ()
    if run is not None and is_scored(case, context.spec, run):
        unsaid = (*measured.require(context, case, found, _parts(context, case, run), run / str(case)), *_not_red(case, run))
    return Chosen(tuple(ids), "; ".join(("named with --clip", *unsaid)), run, tuple(ids[:FEW]))


def _parts(context: Context[Spec], case: Case, run: Path) -> list[Part]:
    return [read(part_folder(case, context.spec, network.name, run)) for network in context.spec.networks]


def _batch(feed: Feed, ids: Sequence[str], size: int) -> Floats:
    rows = np.zeros((size, *feed.shape), np.float32)
    number = {id: number for number, id in enumerate(feed.ids)}
    for row, id in zip(rows, ids, strict=False):
        feed.fill(number[id], row)
    rows[len(ids) :] = rows[:1]
    return rows


def _require_known(ids: Sequence[str], known: Sequence[str], spec: Spec) -> None:
    unknown = [id for id in ids if id not in known]
    if unknown:
        near = dict.fromkeys(one for id in unknown for one in _near(id, known))
        raise OptionError(f"none of the {len(known):,} {spec.items} is called {', '.join(map(repr, unknown))}", where="--clip",
                          remedy=f"near it: {', '.join(near)}" if near else f"for example: {', '.join(known[:FEW])}")


def _near(id: str, known: Sequence[str]) -> list[str]:
    """The ids that *id* may mean: it lacks their folders, or a letter is another one."""
    return [one for one in known if one.endswith(f"/{id}")][:FEW] or difflib.get_close_matches(id, known, n=FEW, cutoff=NEAR)


def _runs(context: Context[Spec], case: Case, run: Path | None) -> Iterator[Path]:
    """The run that is named, or else those in which the case failed, the last one first."""
    spec, there = context.spec, context.settings.artifacts / FOLDER
    if run is not None:
        if not is_scored(case, spec, run):
            raise OptionError(f"the run has no scores of {case}", where=str(run),
                              remedy="name a run that has measured it, or leave --run out")
        yield run
        return
    for one in sorted((path for path in there.glob("*") if NAME.fullmatch(path.name)), reverse=True):
        if is_scored(case, spec, one) and not _not_red(case, one):
            yield one


def _not_red(case: Case, run: Path) -> tuple[str, ...]:
    """That the case has no red row in *run*, in words; nothing where it has one."""
    return () if any(_is_red(row, case) for row in results.read(run)) else (f"{case} was not red in {run.name}",)


def _is_red(row: Row, case: Case) -> bool:
    return (row.case, row.verdict, row.superseded) == (str(case), Verdict.FAIL.value, False) and row.question in QUESTIONS


def _require_clips(found: Found, parts: Sequence[Part], folder: Path) -> None:
    """Check that a measured cell is of these clips; an OptionError where it is not."""
    ids, known = parts[0].predictions.ids, set(found.dataset.ids)
    lacking = [id for id in ids if id not in known]
    if lacking:
        raise OptionError(f"the run measured clips that are not here: {len(lacking):,} of {len(ids):,}, the first of them {lacking[0]}",
                          where=str(folder), remedy=OTHERS)
    if any(one.record.digests.get("clips") != part(found.dataset, ids).digest for one in parts):
        raise OptionError("the run measured other data: its clips have the names of these, and not their content", where=str(folder),
                          remedy=OTHERS)


def _worst(context: Context[Spec], case: Case, found: Found, parts: Sequence[Part], run: Path) -> Chosen:
    """The batch with the worst clip, which lies farthest from the reference; one that flipped comes first."""
    ids, items = parts[0].predictions.ids, context.spec.items
    flipped = {one.id for one in flips.read(run / str(case)) or ()}
    apart = farthest(context, replace(found, dataset=part(found.dataset, ids)), parts)
    far = np.zeros(len(ids)) if apart is None else apart
    order = sorted(range(len(ids)), key=lambda row: (ids[row] in flipped, far[row]), reverse=True)
    first = order[0] - order[0] % case.batch
    rows = range(first, min(first + case.batch, len(ids)))
    if flipped:
        what = f"the worst of {len(flipped):,} flipped {items}"
    elif apart is not None:
        what = f"which lies farthest from {reference_name(context.spec)}"
    else:
        what = f"the first, since there are no flipped {items} and no scores of {reference_name(context.spec)}"
    if len(rows) == 1:
        why = f"number {rows.stop:,} of {len(ids):,} {items} in {run.name}, {what}"
    else:
        batch = f"{items} {first + 1:,} to {rows.stop:,} of {len(ids):,}"
        why = f"{ids[order[0]]}, {what} in {run.name}, and its batch as it was measured: {batch}"
    return Chosen(tuple(ids[row] for row in rows), why, run, tuple(ids[row] for row in order if row in rows)[:FEW])
