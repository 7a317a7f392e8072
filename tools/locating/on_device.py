"""A device as what runs a graph: it becomes an artifact, then what the device loads, then a process runs it.

One process at a time works on a run, as everywhere. What a killed one has left the next one removes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools import engines
from tools.deployment import compile as deploy
from tools.deployment.compile import Form, Source
from tools.deployment.specialise import Graph
from tools.engines.ports import Port, listed
from tools.errors import ClipgateError, EngineError, MeasureError, naming
from tools.locating.kept import folder_of
from tools.locating.search import bisection
from tools.locating.segment import Home, given_bytes, segment
from tools.locating.values import Tensors
from tools.machine import device_locks, memory
from tools.machine.files import require_room, writing
from tools.machine.progress_words import duration
from tools.machine.reading import load_npy
from tools.measuring import launch, quarantine
from tools.measuring.host_quiet import Turns
from tools.measuring.measure import waiting
from tools.spec.case import Case
from tools.spec.model import Network, Spec
from tools.storage import durations
from tools.storage.context import Context

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

TENSORS = "tensors"
KINDS: dict[Form, str] = {"half": "half", "tensorrt": "engine", "om": "om"}  # of what is made of a graph
LEAST_SHARE = 8  # what is cut out of a part takes no more than this part of the whole graph's time
WHOLE = 2  # of the compilations of a search are about as large as the graph


@dataclass(frozen=True, slots=True)
class Part:
    """What the process needs that runs a graph once; its tensors lie in files of their numbers.

    inputs, outputs: their names in the order of the graph. need_bytes: of memory.
    """

    case: Case
    title: str
    graph: Graph
    place: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    need_bytes: int
    locks: str

    def file(self, way: str, number: int) -> Path:
        return self.place / TENSORS / f"{way}-{number}.npy"

    @property
    def last(self) -> Path:
        return self.file("out", len(self.outputs) - 1)


class OnDevice:
    """The device of *case*, which runs parts of *network*'s ONNX *graph*. run: the folder of the run."""

    def __init__(self, context: Context[Spec], case: Case, network: Network, graph: Graph, run: Path) -> None:
        self._context, self._case, self._network, self._graph, self._run = context, case, network, graph, run
        self._place = folder_of(run, str(case)) / network.name
        self._form = deploy.form(case.device, case.mode)

    def __call__(self, model: onnx.ModelProto, feeds: Tensors) -> dict[str, NDArray[Any]]:
        """All outputs of *model* by their names, of a process that loads what is made of it for the device.

        Raises:
            ClipgateError: the compiler or the device fails, which names the part.
            DeviceError: the run does not use the device again.
        """
        quarantine.refuse(self._run, self._case.device)
        with _about(described(model)):
            constants = {tensor.name for tensor in model.graph.initializer}
            given = {one.name: np.asarray(feeds[one.name]) for one in model.graph.input if one.name not in constants}
            loadable = self._loadable(segment(self._context, self._home, self._name, model), given)
            return self._ran(loadable, model, given)

    def as_loaded(self, graph: Graph, model: onnx.ModelProto, feeds: Tensors) -> dict[str, NDArray[Any]]:
        """All outputs of the whole *model*, by the *graph* that the cell loads of it; nothing is compiled.

        Raises: as a call does.
        """
        quarantine.refuse(self._run, self._case.device)
        with _about(described(model)):
            given = {one.name: np.asarray(feeds[one.name]) for one in model.graph.input if one.name in feeds}
            return self._ran(graph, model, given)

    @property
    def compiles(self) -> bool:
        """Whether anything is made of a graph before the device loads it."""
        return self._form in KINDS

    def estimate(self, nodes: int, most: int = 0) -> str:
        """How often a search among so many *nodes* compiles, and for how long if it is like last time.

        most: how often at most, where groups of tensors need more than a bisection.
        """
        kind = KINDS.get(self._form)
        if kind is None:
            return "0 compilations"
        count = most or bisection(nodes)
        last_s = durations.of(self._context.settings.store, kind, f"{self._network.name}-bs{self._case.batch}")
        if last_s is None:
            return f"at most {count} compilations and one for the cause"
        took_s = last_s * (WHOLE + (count + 1 - WHOLE) / LEAST_SHARE)
        return f"at most {count} compilations and one for the cause, about {duration(took_s)}"

    @property
    def _name(self) -> str:
        """What the store calls parts; no name of a whole graph begins so."""
        return f"{self._network.name}-part-bs{self._case.batch}"

    @cached_property
    def _home(self) -> Home:
        return Home.of(self._context, self._network, self._graph)

    def _loadable(self, part: Graph, given: Tensors) -> Graph:
        """What the device loads of *part*. It is not tuned, which takes hours."""
        whole = Source.of(self._graph, self._network, self._case.batch)
        shapes = ";".join(f"{name}:{','.join(map(str, tensor.shape))}" for name, tensor in given.items() if tensor.shape)
        source = Source(part, self._name, whole.input_format if shapes == whole.input_shape else "ND", shapes)
        return deploy.of_source(self._context, source, self._case, replace(self._context.settings, auto_tune="off"))

    def _ran(self, graph: Graph, model: onnx.ModelProto, given: Tensors) -> dict[str, NDArray[Any]]:
        """What a process of its own gives, which holds the device's lock."""
        outputs = tuple(one.name for one in model.graph.output)
        size = sum(tensor.nbytes for tensor in given.values())
        need = memory.need_bytes(graph.peak_bytes, graph.weights_bytes, size, 1)
        part = Part(self._case, f"{self._case} {self._network.name}, {described(model)}", graph, self._place, tuple(given), outputs, need,
                    self._context.settings.locks)
        folder = self._place / TENSORS
        shutil.rmtree(folder, ignore_errors=True)
        require_room(size + given_bytes(model), self._place, "what goes to the device and comes back", MeasureError)
        try:
            with writing("what goes to the device", self._place, MeasureError):
                folder.mkdir(parents=True)
                for number, tensor in enumerate(given.values()):
                    np.save(part.file("in", number), tensor, allow_pickle=False)
            launch.once(self._context, part, compute, self._run)
            return {name: _read(part.file("out", number)) for number, name in enumerate(outputs)}
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def described(model: onnx.ModelProto) -> str:
    """The nodes of a graph in words."""
    nodes = model.graph.node
    first, last = nodes[0], nodes[-1]
    if len(nodes) == 1:
        return f"node {first.name or first.output[0]} ({first.op_type})"
    return f"{len(nodes)} nodes, {first.name or first.output[0]} to {last.name or last.output[0]}"


@contextmanager
def _about(part: str) -> Iterator[None]:
    """Say of an error which part of the graph it is about."""
    try:
        yield
    except ClipgateError as error:
        error.what = f"{part}: {error.what}"
        raise


def compute(part: Part) -> None:
    """Run the graph once while holding its device, and leave what it gives.

    Raises:
        MeasureError: too little memory, or the disk is full. DeviceError: its lock cannot be taken.
        EngineError: the device fails.
    """
    device, mode = part.case.device, part.case.mode
    memory.require(part.need_bytes, part.title)
    part.graph.require_unchanged()
    driver, turns = engines.family(device), Turns.of(part.locks, device)
    driver.describe(device)
    given = {name: _read(part.file("in", number)) for number, name in enumerate(part.inputs)}
    with device_locks.hold(part.locks, device.label, partial(waiting, part.case)), turns.seen(), naming(part.graph.path):
        loaded = driver.tensors(device, part.graph.path, mode)
        part.graph.require_unchanged()  # what was loaded is what was found
        inputs, outputs = in_order(loaded.ports.inputs, part.inputs), in_order(loaded.ports.outputs, part.outputs)
        with turns.unit if turns.on_host else nullcontext():
            found = dict(zip(outputs, loaded([given[name] for name in inputs]), strict=True))
    with writing("what the device gives", part.place, MeasureError):
        for number, name in enumerate(part.outputs):
            np.save(part.file("out", number), found[name], allow_pickle=False)


def in_order(ports: Sequence[Port], names: Sequence[str]) -> list[str]:
    """The *names* of a graph's tensors in the order of what was loaded: by its own names if they are these.

    A compiler may have put them in another order; it may also have named some anew, and then keeps the order.

    Raises:
        EngineError: there are more or fewer, or some have other names and those that do not stand elsewhere.
    """
    told = [one.name for one in ports]
    if sorted(told) == sorted(names):
        return told
    kept = len(told) == len(names) and all(one == name or one not in names for one, name in zip(told, names, strict=True))
    if not kept:
        raise EngineError(f"what was loaded has {listed(tuple(ports))}, and the graph {', '.join(names)}",
                          remedy="leave out flags of the compiler that name or leave out outputs")
    return [*names]


def _read(path: Path) -> NDArray[Any]:
    return load_npy(path, MeasureError, "a tensor", "let nobody write there meanwhile, and run it again")
