"""The three things that a task does on a node, each with the files that it answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tools import engines
from tools.cluster import finding
from tools.cluster.finding import Sources
from tools.cluster.home import Place
from tools.cluster.values import Span, What, Work
from tools.datasets.clips import ClipSet
from tools.deployment.weights import Weights
from tools.errors import ClusterError, Parts
from tools.machine import child, events, opening, quiet
from tools.measuring import earlier, launch, reference, spans
from tools.measuring.launch import Found
from tools.measuring.saved import PIECES
from tools.spec.case import Case
from tools.spec.model import LocaliserSpec, ModelSpec, Spec
from tools.storage.context import Context

PIECE = "piece:"  # begins the name of scores that others made of a span, which follows: piece:0-1250
LARGEST = 2**33  # bytes of a file that travels; the scores of a large list are a tenth of that
LEFT = (launch.SCRATCH, earlier.ASIDE, spans.ARRIVED, PIECES, spans.SPANS)  # begin the names of folders that stay on the node
Files = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Task:
    """A task that has all it needs. case: on the device that it was given. run: the folder it works in."""

    work: Work
    context: Context[Spec]
    case: Case
    sources: Sources
    pieces: Mapping[Span, bytes]
    run: Path
    place: Place


@dataclass(frozen=True, slots=True)
class Made:
    """What a task has made; the fields as in Answer."""

    files: Files
    error: Parts | None = None
    retried: str = ""
    same: str = ""


def _scores(task: Task) -> Made:
    """The scores of a span of the clips."""
    found = _found(task)
    path = spans.score(task.context, task.case, found, task.run, task.work.span)
    same = spans.sameness(task.context, task.case, found, task.run)
    return Made(((path.name, opening.read_bytes(path, LARGEST)),), retried=earlier.retried(path.parent), same=same.text)


def _cell(task: Task) -> Made:
    """A whole cell, its times if they are asked for; scores that others made are taken over."""
    found, where = _found(task), f"{task.place.name}/{task.case.device.label}"
    if task.pieces:
        spans.lay(task.context, task.case, found, task.run, task.pieces, task.work.scored_by)
    cell = launch.launch(task.context, task.case, found, task.run, timed=task.work.timed, place=where,
                         alone=task.work.exclusive)
    error = cell.untimed if task.work.timed else None
    same = spans.sameness(task.context, task.case, found, task.run).text if len(found.checkpoints) == 1 else ""
    retried = "; ".join(part.retried for part in cell.parts if part.retried)
    return Made(tuple(_left(cell.folder)), error.parts if error else None, retried, same)


def _reference(task: Task) -> Made:
    """Torch's scores of a span of the clips, by a process of its own, as `tools.reference` starts none."""
    clips, spec, device = task.sources.dataset, task.context.spec, task.case.device
    if not isinstance(clips, ClipSet) or isinstance(spec, LocaliserSpec) or spec.network.graph:
        raise ClusterError(f"the reference of {spec.name} is computed whole", remedy="run python -m tools.reference without --ray")
    [checkpoint] = task.sources.checkpoints
    name = "cuda:0" if device.family == "cuda" else "cpu"  # the process sees no other GPU
    first, end = task.work.span
    title = f"running the torch reference on clips {first + 1:,} to {end:,}"
    task.context.on_event({"kind": "stage", "text": title})
    child.call(partial(_score, task.context.settings.locks, spec, checkpoint, clips, name, task.work.span, task.run), title,
               log=task.run / launch.LOG, on_event=task.context.on_event, environment=engines.family(device).environment(device))
    task.context.on_event({"kind": "ended", "text": title})
    [path] = task.run.glob("*.npz")
    return Made(((path.name, opening.read_bytes(path, LARGEST)),))


def _score(locks: str, spec: ModelSpec, checkpoint: Weights, clips: ClipSet, device: str, span: Span, folder: Path) -> None:
    with quiet.working(locks, events.say):
        reference.score_span(spec, checkpoint, clips, device, span, folder)


def _found(task: Task) -> Found:
    return finding.found(task.context, task.case, task.sources)


def _left(folder: Path) -> Iterator[tuple[str, bytes]]:
    """The files of a cell that travel, by their paths in its folder."""
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(LEFT) for part in inner.parts[:-1]):
            yield inner.as_posix(), opening.read_bytes(path, LARGEST)


DOING: Mapping[What, Callable[[Task], Made]] = {"scores": _scores, "cell": _cell, "reference": _reference}
