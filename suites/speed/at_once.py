"""Nodes that score a long list at once, since they know its scores: what is left is what a cluster adds.

All else is real: parts travel as they always do, they are laid, and a cell goes on from them. Only that it
does so in the process of its task, which spares a process's start.
"""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.cluster import task, working
from tools.cluster.finding import Sources
from tools.cluster.home import Place
from tools.cluster.task import Entries
from tools.cluster.telling import Events
from tools.cluster.values import Answer, Span, Work
from tools.cluster.working import PIECE, Made, Task
from tools.datasets.clips import ClipSet
from tools.machine.event import Event
from tools.measuring import inputs
from tools.measuring.feeding import Spent
from tools.measuring.sameness import Sameness
from tools.media.batches import Feed
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.spec.model import ModelSpec, Tensor
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.shards import name_of

if TYPE_CHECKING:
    from suites.selftest.measuring.resumed import Bench

ROWS, CLASSES = 20_000, 400
SAME = Sameness("", "", "", "the clips", "", "", 4, "cpu", "", simulated=False, machine="", versions="", flags="", data="", code="")


class Rows(ClipSet):
    """A list of clips that lie nowhere."""

    def require_unchanged(self) -> None:
        """There is nothing that could change."""


@cache
def rows() -> Rows:
    return Rows("rawframes", tuple(Clip(f"class_{number % CLASSES}/v_{number:05d}", Path("/data") / str(number), number % CLASSES, 100,
                                        f"{number:064x}") for number in range(ROWS)))


@cache
def table() -> Floats:
    """The scores of all rows, the same in every process."""
    return np.random.default_rng(0).random((ROWS, CLASSES), np.float32)


def spec() -> ModelSpec:
    from suites.selftest.cluster.grown import SPEC

    return replace(SPEC, network=replace(SPEC.network, output=Tensor("class", (CLASSES,))))


@contextmanager
def known(folder: Path) -> Iterator[tuple[Bench, Sources]]:
    """The bench's case with these rows, and a device that knows their scores. An input holds its number."""
    import pytest

    from suites.selftest.measuring.resumed import Bench

    class Known(Bench):
        def _feed(self, *given: object) -> Feed:
            return Feed(rows().ids, (1, 1), fill)

        def _infer(self) -> Callable[[Floats], Floats]:
            return lambda batch: table()[batch.reshape(-1).astype(int)]

    with pytest.MonkeyPatch.context() as patch:
        bench = Known(patch, folder, spec(), ROWS)
        found = replace(bench.found, dataset=rows())
        patch.setattr(working, "_found", lambda task: found)
        yield bench, Sources(bench.spec, found.checkpoints, rows(), found.graphs)


def fill(number: int, row: Floats) -> None:
    row[:] = number


def run(work: Work, entries: Entries, events: Events) -> Answer:
    """Do *work* on a node as `remote.run` does."""
    began, node = time.monotonic(), Path(os.environ["CLIPGATE_NODE"]).parent
    made = _cell(work, entries, events, node) if work.what == "cell" else _scored(work.span)
    return Answer(node.name, "cpu", made.files, made.error, made.retried, made.same, time.monotonic() - began)


def _scored(span: Span) -> Made:
    """A piece as `spans.score` leaves it."""
    (first, end), file, wanted = span, io.BytesIO(), inputs.compared(rows().ids)
    noted = [(id, "an input") for id in rows().ids[first:end] if id in wanted]
    np.savez(file, scores=table()[first:end], seconds=np.array([1.0]), spent=np.array([astuple(Spent())]),
             inputs=np.array(noted, str).reshape(-1, 2), by=np.array([], str))
    return Made(((name_of(span), file.getvalue()),), same=SAME.text)


def _told(events: Events, key: str, event: Event) -> None:
    events.tell(key, event)


def _cell(work: Work, entries: Entries, events: Events, node: Path) -> Made:
    """The cell, measured from the pieces on."""
    pieces = {_span(name): b"".join(task.fetched(parts)) for name, parts in entries.items() if name.startswith(PIECE)}
    with tempfile.TemporaryDirectory(dir=node) as folder, known(Path(folder)) as (bench, sources):
        context = Context(Settings.parse({"budget_s": "1"}), bench.spec, partial(_told, events, work.key))
        made = working.DOING["cell"](Task(work, context, bench.case, sources, pieces, bench.run, Place(node.name, node.name)))
    return replace(made, same="")


def _span(name: str) -> Span:
    first, end = map(int, name.removeprefix(PIECE).split("-"))
    return first, end
