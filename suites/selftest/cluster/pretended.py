"""A cluster without Ray: a plugin of pytest whose nodes do their tasks one after the other, in this process.

The pool, and what a node does, are the real ones. What is pretended says the variable of the name VARIABLE,
as JSON of `Pretended`. To import it is to pretend: no test does.
"""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from suites.selftest.cluster.pretence import VARIABLE, Pretended
from tools.cluster import home, joined, looking, remote, session
from tools.cluster.growing import Cluster
from tools.cluster.home import NODE, Place
from tools.cluster.joined import Carrier
from tools.cluster.news import Began, Ended, Gone, News, Told
from tools.cluster.pool import Pool
from tools.cluster.task import Entries, label
from tools.cluster.values import Needs, Node, Work
from tools.machine.event import Event, OnEvent
from tools.measuring import sameness
from tools.spec.case import Device
from tools.spec.settings import Settings


@dataclass
class Here:
    """Does tasks in this process, as the backend of a pool."""

    asked: Pretended
    known: tuple[Node, ...]
    gone: set[str] = field(default_factory=set)
    begun: Counter[str] = field(default_factory=Counter)
    done: int = 0
    stopped: bool = False
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waiting: deque[tuple[int, Work, Entries, Collection[str]]] = deque()
        self.turns = cycle(self.known)

    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for node in self.known if node.name not in self.gone)

    def unfit(self) -> Mapping[str, str]:
        return {}

    def start(self, number: int, work: Work, needs: Needs, entries: Entries, barred: Collection[str]) -> None:
        self.waiting.append((number, work, entries, barred))

    def news(self, seconds: float) -> Sequence[News]:
        if not self.waiting:
            return []
        if self.stopped:
            return []
        if self.asked.stops and self.done >= self.asked.stops:
            self.stopped = True
            raise KeyboardInterrupt
        number, work, entries, barred = self.waiting.popleft()
        node = next(node for node in self.turns if node.name not in self.gone and node.id not in barred)
        self.begun[node.name] += 1
        ids = [str(self.begun[node.name] % self.asked.npus)] if self.asked.npus else []
        began = Began(number, node.id, label(work.case.device, ids))
        if (node.name, self.begun[node.name]) == tuple(self.asked.dies):
            self.gone.add(node.name)
            return [began, Ended(number, Gone("the node is gone"))]
        self.done += 1
        os.environ[NODE] = self.asked.nodes[node.name]
        place, accelerators = Place(node.id, node.name), {"NPU": ids} if ids else {}
        home.place, home.accelerators = lambda names=(): place, lambda: accelerators
        self.told.clear()
        outcome = remote.run(work, entries, self)
        print(f"{work.key} by {node.name}", flush=True)
        return [began, *(Told(number, event) for event in self.told), Ended(number, outcome)]

    def drop(self, number: int) -> None:
        self.waiting = deque(one for one in self.waiting if one[0] != number)

    def tell(self, key: str, event: Event) -> None:
        self.told.append(event)

    def cancel(self, seconds: float) -> None:
        print(f"cancelled {len(self.waiting)}", flush=True)
        self.waiting.clear()


class Session:
    """What stands for a session on a cluster."""

    unfit: Mapping[str, str] = {"node-9": "it has the code of another commit"}

    def __init__(self, settings: Settings) -> None:
        self.asked = Pretended(**json.loads(os.environ[VARIABLE]))
        npus = [(Device("npu", number, simulated=True), "Sim310P3") for number in range(self.asked.npus)]
        devices, code, shared = tuple(npus or [(Device("cpu"), "cpu")]), looking.code(settings), self.asked.shared
        kinds = tuple((one.family, sameness.kind(one)) for one, _ in devices[:1])
        self._nodes = tuple(Node(f"id-{name}", name, code, "/", "/", shared, "", (), 2.0, 2**40, devices, kinds=kinds)
                            for name in self.asked.nodes)

    def nodes(self) -> tuple[Node, ...]:
        return self._nodes

    def close(self) -> None:
        print("left the cluster", flush=True)


def cluster(joined_to: Session, settings: Settings, on_event: OnEvent) -> Cluster:
    carrier = Carrier(lambda data: data, shared=joined_to.asked.shared)
    pool = Pool(Here(joined_to.asked, joined_to.nodes()), joined.named(on_event))
    return Cluster(pool, joined_to.nodes(), joined_to.unfit, looking.code(settings), carrier.carry, lambda data: data)


session.connect = Session  # type: ignore[assignment]
joined.cluster = cluster  # type: ignore[assignment]
home.environment = lambda: None  # whoever runs this test may have set its threads
