"""An engine that TensorRT builds of a graph, as an artifact: for one kind of GPU, driver and precision."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tools.deployment.half import EXACT
from tools.deployment.specialise import Graph
from tools.engines.cuda import nvml, ready, runtime, tensorrt
from tools.engines.cuda.engine import ordinal
from tools.errors import DeviceError, EngineError, GraphError
from tools.machine import device_locks, events
from tools.spec.case import Case, Device, Mode
from tools.spec.model import Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

FILE = "engine.onnx"
NODE = "EPContext"


@dataclass(frozen=True, slots=True)
class Target:
    """The GPU that an engine is built for and on, and all whose version shapes it.

    compute: its compute capability, 7.5 of a T4.
    """

    device: Device
    chip: str
    compute: str
    driver: str
    cuda: str
    tensorrt: str
    onnxruntime: str

    @classmethod
    def of(cls, device: Device) -> Target:
        """What *device* is, as NVML says.

        Raises:
            DeviceError: it cannot be asked, or does not know the device. EngineError: TensorRT is missing.
        """
        host = nvml.read()
        gpu = next((one for one in host.gpus if one.index == device.index), None)
        if gpu is None or gpu.compute is None:
            raise DeviceError(f"NVML does not say what {device} is, and an engine is built for one kind of GPU", where=str(device),
                              remedy="python -m tools.doctor shows what it says")
        return cls(device, gpu.name, ".".join(map(str, gpu.compute)), host.driver, host.cuda, tensorrt.installed(device),
                   runtime.installed())

    @property
    def shaping(self) -> tuple[tuple[str, str], ...]:
        """What of it is in the key of an engine, which fits any GPU of the kind."""
        return (("chip", self.chip), ("compute", self.compute), ("driver", self.driver), ("cuda", self.cuda),
                ("tensorrt", self.tensorrt), ("onnxruntime", self.onnxruntime))


def graph(context: Context[Spec], of: Graph, name: str, case: Case) -> Graph:
    """The engine of the graph *of* for the device of *case*, built by a child process if the store has none.

    name: the network's, with its batch size. An engine holds its weights, and its peak is the GPU's matter.

    Raises:
        GraphError: what a person gives computes in other numbers than those engines are built in.
        EngineError: TensorRT is missing or fails. DeviceError: NVML does not say what the device is.
    """
    given = of.given
    if given and given.precision not in (EXACT, "fp16"):
        raise GraphError(f"the graph computes in {given.precision}, of which no engine is built here", where=str(of.path),
                         remedy="leave --engine out to judge it as it is, or give its float32 graph")
    entry = stage(context.settings.locks, of, name, case.mode, Target.of(case.device)).find_or_run(context)
    path = entry.file(FILE)
    precision = case.mode.precision if case.mode.precision == "fp16" else given.precision if given else ""
    return replace(of, path=path, digest=entry.files[FILE], weights_bytes=path.stat().st_size, peak_bytes=0,
                   given=given and replace(given, files=(), precision=precision, same=False))


def stage(locks: str, of: Graph, name: str, mode: Mode, target: Target) -> Stage:
    """The engine of the graph *of*, which is built on the GPU that it is for."""
    files = [("file", f"{path.name} {sha}") for path, sha in of.given.files] if of.given else []
    shaped_by = (("graph", of.digest), ("weights", of.weights_digest), *files, ("precision", mode.precision or EXACT), *target.shaping,
                 code.part(build))
    doing = f"building {name.replace('-bs', ' at batch ')} with TensorRT for {target.chip} in {mode.precision or EXACT}"
    return Stage(Key("engine", name, shaped_by), doing, partial(build, locks, of, mode, target), takes="minutes",
                 least_bytes=of.weights_bytes // 2)


def build(locks: str, of: Graph, mode: Mode, target: Target, folder: Path) -> Facts:
    """Build the engine while holding the GPU, since TensorRT times kernels there, and check that it is alone.

    Raises:
        EngineError: TensorRT is missing or fails, or leaves a part of the graph out.
        DeviceError: the GPU's lock cannot be taken.
    """
    os.environ.update(ready.environment(target.device))
    with device_locks.hold(locks, target.device.label, partial(_waiting, target.device)):
        of.require_unchanged()
        tensorrt.build(target.device, ordinal(target.device), mode, of.path, folder / FILE,
                       lambda seconds: events.alive(f"TensorRT is at work for {seconds} s"))
        of.require_unchanged()
    return {"nodes": _require_whole(folder / FILE, of.path), "tensorrt": target.tensorrt, "chip": target.chip}


def _waiting(device: Device, holder: str) -> None:
    events.say(f"waiting: {holder} holds {device}")


def _require_whole(engine: Path, graph: Path) -> int:
    """Check that the file holds one engine and nothing that another provider would compute."""
    import onnx

    found = [node.op_type for node in onnx.load(str(engine)).graph.node]
    if found != [NODE]:
        others = sorted({kind for kind in found if kind != NODE})
        raise EngineError(f"TensorRT takes a part of the graph only: {', '.join(others) or 'it is cut into several engines'}",
                          where=str(graph), remedy=tensorrt.DIFFERS)
    return len(found)
