"""A cluster that is a script: the first node that may have a task gets it, and answers as it is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from tools.cluster.news import Began, Ended, Gone, News
from tools.cluster.pool import Pool
from tools.cluster.task import Entries
from tools.cluster.values import Answer, Code, Failed, Needs, Node, Outcome, Work
from tools.machine.event import Event
from tools.spec.case import Case, Device
from tools.spec.settings import Settings

CODE = Code("c", "1", "3.11", "2.60")
WORK = Work("tsm-bs16-npu 0-8", "scores", Settings.parse({}), CODE, Case("tsm", 16, Device("npu")), (("data", "d"),))
NPU = Needs(cpus=1, device="NPU")
Act = Callable[[Work, str], Outcome | Gone | None]  # what a task on the node of this id does; None: it goes on


def node(name: str, npus: int = 1, cpus: float = 4) -> Node:
    devices = (*((Device("npu", index), "310P3") for index in range(npus)), (Device("cpu"), "a CPU"))
    return Node(f"id-{name}", name, CODE, "/", "/a", shares_store=False, data_root="", full_data=(), cpus=cpus,
                memory_bytes=2**34, devices=devices)


class Backend:
    """Gives each task to the first node that may have it; tasks do what *act* says."""

    def __init__(self, act: Act, *names: str, nodes: Sequence[Node] = ()) -> None:
        self.alive, self.act = [*nodes, *map(node, names)], act
        self.started: list[tuple[str, Work]] = []  # id of the node, and the work, of each task
        self.told: list[News] = []
        self.cancelled = False
        self.dropped: list[int] = []

    def nodes(self) -> tuple[Node, ...]:
        return tuple(self.alive)

    def unfit(self) -> Mapping[str, str]:
        return {"old": "it has other code"}

    def start(self, number: int, work: Work, needs: Needs, entries: Entries, barred: Collection[str]) -> None:
        there = next(one.id for one in self.alive if one.id not in barred and needs.node in ("", one.id))
        self.started.append((there, work))
        self.told.append(Began(number, there, "npu0"))
        outcome = self.act(work, there)
        if outcome is not None:
            self.told.append(Ended(number, outcome))

    def news(self, seconds: float) -> Sequence[News]:
        told, self.told = self.told, []
        return told

    def drop(self, number: int) -> None:
        self.dropped.append(number)

    def cancel(self, seconds: float) -> None:
        self.cancelled = True

    @property
    def places(self) -> list[str]:
        return [there.removeprefix("id-") for there, _ in self.started]


def finished(there: str) -> Outcome:
    return Answer(there, "npu0", ())


def done(work: Work, there: str) -> Outcome:
    return finished(there)


def first(count: int, outcome: Callable[[str], Outcome | Gone]) -> Act:
    """The first *count* tasks come to this; the others are done."""
    left = [outcome] * count

    def act(work: Work, there: str) -> Outcome | Gone | None:
        return left.pop()(there) if left else done(work, there)

    return act


def crashed(there: str) -> Gone:
    return Gone("the node is gone")


def lost(there: str) -> Failed:
    return Failed(there, "?", "npu0", ("EngineError", "it hung", None, None), lost="it hung")


def remembered(there: str, device: str = "npu0") -> Failed:
    """What a node answers for a device that the run has given up before this driver began."""
    error = ("DeviceError", f"{device} is not used again in this run: it hung", None, None)
    return Failed(there, "?", device, error, lost="it hung", remembered=True)


def lacking(there: str) -> Failed:
    return Failed(there, "?", "npu0", ("DataError", "clip 7 is not there", None, None), unfit=True)


def pool(backend: Backend) -> tuple[Pool, list[Event]]:
    told: list[Event] = []
    return Pool(backend, told.append), told


def said(told: Sequence[Event]) -> list[str]:
    return [event["text"] for event in told if event["kind"] == "say"]
