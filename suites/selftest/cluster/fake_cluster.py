"""A cluster without Ray: its tasks end when the test pumps, the last one that was submitted first."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tools.cluster.growing import Cluster
from tools.cluster.values import Answer, Code, Needs, Node, Work
from tools.errors import ClipgateError
from tools.media.preprocess import Floats
from tools.spec.case import Device

CODE = Code("c0ffee", "1" * 64, "3.11.7", "2.60.0")
TORCH = (("torch", "2.13.0"),)


def node(name: str = "one", *devices: str, packages: tuple[tuple[str, str], ...] = TORCH, **more: object) -> Node:
    """A node with a CPU, and with devices as `npu:0` or, of those that only behave so, `npu:0sim`."""
    own = tuple((Device(family, int(index.removesuffix("sim")), simulated=index.endswith("sim")), "a chip")
                for family, _, index in (device.partition(":") for device in devices))
    whole = dict[str, object](root="/clone", artifacts="/clone/artifacts", shares_store=False, data_root="/data", full_data=(),
                              cpus=8.0, memory_bytes=2.0**36, devices=(*own, (Device("cpu"), "")), packages=packages) | more
    return Node(id=f"id of {name}", name=name, code=CODE, **whole)  # type: ignore[arg-type]


@dataclass(eq=False, slots=True)
class Handle:
    """A task: its work, and whether it has ended."""

    work: Work
    needs: Needs
    entries: Mapping[str, Sequence[object]]
    done: bool = False


@dataclass(slots=True)
class Tasks:
    """Gives rows of *scores*. ends: how a task ends, by the number of its first clip, where not well.

    after: the error that a pump raises once so many tasks have ended.
    """

    scores: Floats
    ends: dict[int, ClipgateError] = field(default_factory=dict)
    after: tuple[int, BaseException] | None = None
    submitted: list[Handle] = field(default_factory=list)
    cancelled: int = 0

    def submit(self, work: Work, needs: Needs, entries: Mapping[str, Sequence[object]]) -> Handle:
        self.submitted.append(Handle(work, needs, entries))
        return self.submitted[-1]

    def pump(self, seconds: float) -> None:
        running = [handle for handle in self.submitted if not handle.done]
        if self.after and len(self.submitted) - len(running) == self.after[0]:
            raise self.after[1]
        running[-1].done = True

    def wait(self, handle: Handle) -> Answer:
        first, end = handle.work.span
        if first in self.ends:
            raise self.ends[first]
        file = io.BytesIO()
        np.savez(file, scores=self.scores[first:end], device=np.array([f"cpu {first}"]))
        return Answer("one", "cpu", ((f"{first:07d}-{end:07d}.npz", file.getvalue()),))

    def cancel(self) -> None:
        self.cancelled += 1

    @property
    def spans(self) -> list[tuple[int, int]]:
        return [handle.work.span for handle in self.submitted]


def cluster(tasks: Tasks, *nodes: Node, unfit: Mapping[str, str] | None = None) -> Cluster:
    """A cluster of these nodes, one with a CPU by default; what it is given is put away as it is."""
    return Cluster(tasks, nodes or (node(),), unfit or {}, CODE, lambda context: {"data/x@1": [b"x"]}, lambda data: data)  # type: ignore[arg-type]
