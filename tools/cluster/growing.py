"""One case on its way through a cluster: its clips are scored in parts, then a node measures its cell."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tools.cluster import gathering, home, offers, shaped, taken
from tools.cluster.finding import CLIPS, Sources
from tools.cluster.handle import Handle
from tools.cluster.parts import Parts
from tools.cluster.taken import Noted
from tools.cluster.task import Entries
from tools.cluster.values import Answer, Code, Needs, Node, Span, What, Work
from tools.cluster.working import PIECE
from tools.errors import ClusterError, MeasureError
from tools.machine import memory
from tools.machine.files import writing
from tools.measuring.cell import Cell
from tools.measuring.cells import resting
from tools.measuring.launch import Found
from tools.measuring.sameness import Sameness
from tools.media.batches import SLOTS
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.storage.context import Context


class Tasks(Protocol):
    """What sees to tasks, as `pool.Pool` does."""

    def submit(self, work: Work, needs: Needs, entries: Entries) -> Handle: ...
    def wait(self, handle: Handle) -> Answer: ...
    def pump(self, seconds: float) -> None: ...
    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the cells of a run are measured on.

    unfit: nodes that are not used, by name, and why. carry: lets what a case has used of the store lie in the
    cluster, where nodes do not share the store. put: does so with any bytes.
    """

    tasks: Tasks
    nodes: tuple[Node, ...]
    unfit: Mapping[str, str]
    code: Code
    carry: Callable[[Context[Spec]], Entries]
    put: Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A case that is selected, and whether a test asks for its times."""

    case: Case
    context: Context[Spec]
    timed: bool


class Growing:
    """A case whose artifacts are found. `cell` is there once it is measured, its scores on disk alone.

    `error` is there if that failed: of ours, or a mistake, which belongs to this case alone as well. Parts
    that nodes are at work on then are let finish and kept; those that only wait are not waited for.
    """

    def __init__(self, asked: Asked, found: Sources, cluster: Cluster, run: Path) -> None:
        self.found = Found(found.checkpoints, found.dataset, found.graphs)
        self._sources, self._asked, self._cluster, self._run = found, asked, cluster, run
        self.cell: Cell | None = None
        self.error: Exception | None = None
        case, context = asked.case, asked.context
        self._shaped, self._digests = shaped.of(context, case, found), found.digests  # once: lists are long
        budget_s = context.settings.budget_s if asked.timed else None
        self._noted = Noted(self._shaped, budget_s, bool(context.settings.expect.at(case.batch)))
        self._parts = Parts(run / str(case), found.dataset.ids, self._shaped, context.spec.networks[0].output.shape, context.on_event)
        self._handles: dict[Span, Handle] = {}
        self._last: Handle | None = None
        self._finishing: list[Handle] = []  # parts that ran as another one failed
        self._entries: Entries = {}

    @property
    def is_over(self) -> bool:
        return self.cell is not None or (self.error is not None and not any(one.began and not one.done for one in self._finishing))

    def begin(self) -> None:
        """Submit what the run does not have yet; what an ended process of it has counts."""
        case, context = self._asked.case, self._asked.context
        with writing("what this cell leaves", self._run, MeasureError):
            kinds = offers.kinds(self._cluster.nodes, case.device.family)
            if earlier := taken.earlier(context, case, self._run, self._noted, kinds):
                self.cell = resting(earlier)
                return
            self._entries = {**self._cluster.carry(context), CLIPS: [self._cluster.put(self._sources.clips)]}
            if shaped.can_be_cut(case, context.spec):
                self._score()
            else:
                self._measure()

    def _score(self) -> None:
        """Submit the parts that nobody has scored; a list of one part is scored where it is timed."""
        case, settings, total = self._asked.case, self._asked.context.settings, len(self.found.dataset.ids)
        slots = offers.slots(self._cluster.nodes, case.device.family)
        size = gathering.size_of_part(total, case.batch, slots, settings.ray_shard)
        missing = self._parts.find(size)
        kept = total - sum(end - first for first, end in missing)
        if kept:
            self._asked.context.say(f"{case}: {kept:,} of {total:,} clips were scored before")
        elif len(missing) == 1:
            missing = []
        for span in missing:
            self._handles[span] = self._submit("scores", f"{case} {span[0] + 1:,}-{span[1]:,}", span)
        if not missing:
            self._gather()

    def look(self, *, ends: bool = False) -> None:
        """Take what has ended, and go on. What comes after an error is kept all the same, for --resume.

        ends: begin nothing any more.
        """
        with self._mine():
            ended = [(span, handle) for span, handle in self._handles.items() if handle.done]
            for span, handle in ended:
                self._take_part(span, handle)
                del self._handles[span]  # now, so that Ctrl-C meanwhile loses no part
            if ended and not self._handles and self.error is None and not ends:
                self._gather()
            if self._last and self._last.done and self.cell is None and self.error is None:
                self._take_cell(self._cluster.tasks.wait(self._last), ends=ends)
        if self.is_over:
            self._entries = {}  # so that the cluster keeps nothing for this case

    @contextmanager
    def _mine(self) -> Iterator[None]:
        """Keep an error for this case, a mistake too: the test that waits may be another case's."""
        try:
            with writing("what this cell leaves", self._run, MeasureError):
                yield
        except Exception as error:  # noqa: BLE001 - raised where its own case is asked for
            if self.error is None:
                self._finishing = [one for one in self._handles.values() if one.began and not one.done]
            self.error = self.error or error

    def _take_part(self, span: Span, handle: Handle) -> None:
        with self._mine():
            answer = self._cluster.tasks.wait(handle)
            self._parts.keep(span, gathering.part_of(answer, span), f"{answer.node} {answer.device}", answer.same)

    def _gather(self) -> None:
        """Measure the cell with all scores, once they were all made with the same."""
        found = gathering.unlike(list(self._parts.scored.values()), _differs)
        if found is None:
            self._measure()
            return
        one, other, why = found
        self._score_again(why, f"{one.by} and {other.by} cannot score one list together")

    def _score_again(self, why: str, otherwise: str) -> None:
        """Score again what an ended process has kept; an error where nodes of this one are unlike."""
        count, case = self._parts.forget_earlier(), self._asked.case
        if not count:
            raise ClusterError(f"{otherwise}: {why}", where=str(case),
                               remedy=f"begin the cluster with nodes that are alike, or let one node score all: {self._whole}")
        self._asked.context.say(f"{case}: {count:,} clips are scored again, since nodes now score with {why}")
        self._score()

    @property
    def _whole(self) -> str:
        return f"--ray-shard={len(self.found.dataset.ids)} or more"

    def _measure(self) -> None:
        pieces = {f"{PIECE}{first}-{end}": [self._cluster.put(data)] for (first, end), data in self._parts.contents().items()}
        self._last = self._submit("cell", str(self._asked.case), (0, 0), pieces)

    def _take_cell(self, answer: Answer, *, ends: bool) -> None:
        """Take the cell if its node was like those that scored the parts, which are of one kind."""
        self._last = None  # its bytes and those of the parts, which this process and the cluster held for it
        kept = next(iter(self._parts.scored.values()), None)
        why = _differs(kept.same, answer.same) if kept else ""
        if why and ends:
            return
        if why:
            self._score_again(why, f"{answer.node} cannot measure what others have scored")
            return
        self.cell = resting(taken.take(answer, self._asked.case, self._asked.context.spec, self._run, self._noted))
        if self._noted.budget_s is None or self.cell.untimed is None:
            self._parts.remove()

    def _submit(self, what: What, key: str, span: Span, pieces: Entries | None = None) -> Handle:
        case, context = self._asked.case, self._asked.context
        alone = what == "cell" and context.settings.ray_exclusive == "on"
        work = Work(key, what, home.sent(context), self._cluster.code, case, self._digests, span,
                    timed=what == "cell" and self._asked.timed, exclusive=alone, run=self._run.name,
                    scored_by=gathering.by_whom(list(self._parts.scored.values())) if what == "cell" else ())
        needs = offers.needs(case.device.family, self._cluster.nodes, self._memory(), alone=alone)
        return self._cluster.tasks.submit(work, needs, {**self._entries, **(pieces or {})})

    def _memory(self) -> int:
        """What a task takes, as measuring counts it; of several networks the most."""
        case, spec = self._asked.case, self._asked.context.spec
        compiled = shaped.is_compiled(case)
        return max(memory.need_bytes(0 if compiled else graph.peak_bytes, graph.weights_bytes,
                                     4 * case.batch * math.prod(network.input.shape), SLOTS)
                   for network, graph in zip(spec.networks, self.found.graphs, strict=True))


def _differs(one: str, other: str) -> str:
    """What no two nodes may score with differently; an error where nobody can read what they did."""
    return Sameness.parse(one).differs(Sameness.parse(other))
