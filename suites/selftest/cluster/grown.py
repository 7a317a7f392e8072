"""A case that grows on nodes in this process: what they do is real, their device and its clips are not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import pytest

from suites.selftest.cluster.test_offers import CODE, node
from suites.selftest.conftest import keeping
from suites.selftest.measuring.resumed import TINY, Bench
from tools.cluster import shaped, working
from tools.cluster.cells import Farm
from tools.cluster.growing import Asked, Cluster
from tools.cluster.handle import Handle
from tools.cluster.home import Place
from tools.cluster.news import Began
from tools.cluster.task import Entries
from tools.cluster.values import Answer, Needs, Work
from tools.cluster.working import PIECE, Task
from tools.errors import ClipgateError
from tools.machine import events
from tools.machine.event import Event
from tools.measuring import sameness
from tools.measuring.sameness import Kind
from tools.spec.model import Tensor
from tools.spec.settings import Settings
from tools.storage.context import Context

SPEC = replace(TINY, network=replace(TINY.network, output=Tensor("class", (2,))))  # what the bench's device gives
NODES = (node("node-1", 2), node("node-2", 4))


class Nodes:
    """Does one task whenever it is pumped, the nodes in turn. did: the keys of tasks that ended well.

    before: called with a task before it is done. after: makes of its answer what arrives.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench, self.did, self.needs, self.works = bench, list[str](), list[Needs](), list[Work]()
        self.cancelled = False
        self.begun: Collection[str] = ()  # keys of tasks that run from the first, beside the one that is done next
        self.before: Callable[[Work], object] = lambda work: None
        self.after: Callable[[Answer], Answer] = lambda answer: answer
        self.at_last: Callable[[], object] = lambda: None
        self._waiting: list[Handle] = []
        self._turns = cycle(NODES)

    def submit(self, work: Work, needs: Needs, entries: Entries) -> Handle:
        self.needs.append(needs)
        self.works.append(work)
        self._waiting.append(Handle(work, needs, entries, began=Began(0, "node-1", "cpu") if work.key in self.begun else None))
        return self._waiting[-1]

    def wait(self, handle: Handle) -> Answer:
        if handle.error:
            raise handle.error
        assert handle.answer
        return handle.answer

    def pump(self, seconds: float) -> None:
        if not self._waiting:
            return
        handle, name = self._waiting[0], next(self._turns).name
        try:
            self.before(handle.work)
            handle.answer = self.after(self._done(handle, name))
            self.did.append(handle.work.key)
        except ClipgateError as error:
            handle.error = error
        del self._waiting[0]
        events.tick()  # as the pool does

    def _done(self, handle: Handle, name: str) -> Answer:
        work, bench = handle.work, self.bench
        pieces = {_span(name): b"".join(parts) for name, parts in handle.entries.items() if name.startswith(PIECE)}  # type: ignore[arg-type]
        run = bench.folder / "nodes" / f"{name} {len(self.did)} {work.key}"
        sources: Any = bench.found
        settings = Settings.parse({"budget_s": bench.budget_s})
        task = Task(work, Context(settings, bench.spec, lambda event: None), bench.case, sources, pieces, run, Place(name, name))
        made = working.DOING[work.what](task)
        return Answer(name, "cpu", made.files, made.error, made.retried, made.same)

    def cancel(self) -> None:
        """Hear what has come by now, as the pool does."""
        self.cancelled = True
        self.at_last()
        self._waiting.clear()


def _span(name: str) -> tuple[int, int]:
    first, end = map(int, name.removeprefix(PIECE).split("-"))
    return first, end


class Grown:
    """A run of the bench's case on nodes; `farm` begins a process of it."""

    def __init__(self, patch: pytest.MonkeyPatch, bench: Bench) -> None:
        self.bench, self.said, self.shard = bench, list[str](), "4"
        self.exclusive = "off"
        self.kind: Kind | None = None  # of all devices, where the nodes say another than they have
        self.kinds: list[str] = []  # of the events that were told
        self.wrong: Mapping[str, Exception] = {}
        self.nodes = Nodes(bench)
        patch.setattr(working, "_found", lambda task: bench.found)
        patch.setattr(shaped, "find", self._sources)

    def _sources(self, context: object, case: object) -> Any:
        if error := self.wrong.get(str(case)):
            raise error
        found = self.bench.found
        ids = tuple(f"v_{number}" for number in range(self.bench.count))
        return SimpleNamespace(checkpoints=found.checkpoints, graphs=found.graphs, digests=(("clips", "the clips"),), clips=b"[]",
                               dataset=SimpleNamespace(digest="the clips", ids=ids, require_unchanged=lambda: None))

    def _hear(self, event: Event) -> None:
        self.kinds.append(event["kind"])
        keeping(self.said)(event)

    def farm(self, *, timed: bool = True, others: tuple[int, ...] = ()) -> Farm:
        """A process of the run. others: further batch sizes that are selected."""
        self.said.clear()
        self.nodes = Nodes(self.bench)
        context = Context(Settings.parse({"budget_s": self.bench.budget_s, "ray": "auto", "ray_shard": self.shard,
                                          "ray_exclusive": self.exclusive}), self.bench.spec, self._hear)
        cases = [self.bench.case, *(replace(self.bench.case, batch=batch) for batch in others)]
        kinds = (("cpu", self.kind or sameness.kind(self.bench.case.device)),)
        cluster = Cluster(self.nodes, tuple(replace(node, kinds=kinds) for node in NODES), {}, CODE, lambda context: {}, lambda data: data)
        return Farm(cluster, self.bench.run, [Asked(case, context, timed) for case in cases])
