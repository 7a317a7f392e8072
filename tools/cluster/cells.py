"""The cells of a run on a cluster: all are prepared and submitted at once, so that every node has work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tools.cluster import offers, shaped
from tools.cluster.growing import Asked, Cluster, Growing
from tools.errors import ClipgateError, ClusterError
from tools.machine import events
from tools.measuring.cell import Cell
from tools.measuring.cells import awake
from tools.measuring.launch import Found
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.storage.context import Context

PUMP_S = 0.5


class Farm:
    """The selected cases of a run. Whatever fails belongs to the case that it concerns, and to no other."""

    def __init__(self, cluster: Cluster, run: Path, asked: Sequence[Asked]) -> None:
        self._cluster, self._run = cluster, run
        self._asked = {one.case: one for one in asked}
        self._growing: dict[Case, Growing] = {}
        self._failed: dict[Case, ClipgateError] = {}
        self._due, self._pumps = list(asked), False

    def context(self, case: Case) -> Context[Spec]:
        """The run's options and the model of *case*, with what its preparation has used."""
        return self._asked[case].context

    def found(self, case: Case) -> Found:
        """What the case is measured with; the first call prepares all cases, and submits what is missing.

        Raises:
            ClipgateError: this case could not be prepared.
        """
        self._prepare()
        return self._of(case).found

    def cell(self, case: Case) -> Cell:
        """The measured case, once a node has measured it; the others go on meanwhile.

        Raises:
            ClipgateError: as for `launch.launch`, naming the node; or a ClusterError of the tasks.
        """
        self._prepare()
        growing, context = self._of(case), self.context(case)
        if not growing.is_over:
            doing = f"waiting for {case}"
            context.on_event({"kind": "stage", "text": doing})
            while not growing.is_over:
                self._go_on(PUMP_S)
                context.on_event({"kind": "alive"})  # it is the nodes that work
            context.on_event({"kind": "ended", "text": doing})
        if growing.cell is None:
            assert growing.error is not None
            raise growing.error
        return awake(growing.cell)

    def end(self) -> None:
        """End all tasks, for which nobody waits any more, and keep what has come; nothing begins."""
        try:
            self._cluster.tasks.cancel()
        finally:
            for growing in self._growing.values():
                growing.look(ends=True)

    def _of(self, case: Case) -> Growing:
        if case in self._failed:
            raise self._failed[case].with_traceback(None)
        if case not in self._growing:
            raise ClusterError(f"{case} was not prepared: what ended that is told by the test that asked first", where="--ray")
        return self._growing[case]

    def _prepare(self) -> None:
        """Begin what is due; where a mistake of ours ends that, the next call goes on behind its case."""
        if not self._due:
            return
        events.TICKS.append(self._tick)
        try:
            while self._due:
                asked = self._due.pop(0)
                try:
                    self._begin(asked)
                except ClipgateError as error:
                    self._failed[asked.case] = error
        finally:
            events.TICKS.remove(self._tick)

    def _begin(self, asked: Asked) -> None:
        case = asked.case
        for lack in offers.lacks([case], self._cluster.nodes, self._cluster.unfit):
            raise lack.error
        found = shaped.find(asked.context, case)
        growing = Growing(asked, found, self._cluster, self._run)
        growing.begin()
        self._growing[case] = growing
        self._go_on(0.0)

    def _tick(self) -> None:
        """Hear the nodes while this process waits for a child of its own."""
        self._go_on(0.0)

    def _go_on(self, seconds: float) -> None:
        """Hear what happened, and see to the cases that it concerns; a tick meanwhile begins nothing."""
        if self._pumps:
            return
        self._pumps = True
        try:
            self._cluster.tasks.pump(seconds)
            for growing in self._growing.values():
                growing.look()
        finally:
            self._pumps = False

