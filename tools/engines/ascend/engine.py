"""Ascend NPUs through any build of aclruntime that is in use."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import cast

import numpy as np

from tools.engines.ascend import om, precision
from tools.engines.ascend.runtime import Description, Resident, Session, durations, first_of, runner, unbuffer_stdout
from tools.engines.fit import Asked, Fit, exact, fitted
from tools.engines.ports import Port, Ports
from tools.errors import EngineError, naming
from tools.machine import events
from tools.media.preprocess import Floats
from tools.spec.case import USUAL, Device, Mode
from tools.spec.model import Network

WHEEL = "install the vendor's aclruntime wheel for this Python into the same environment: tools/engines/ascend/README.md"
FLOAT32, FLOAT16 = 0, 1  # numbers of the extension's dtypes
TYPES = {FLOAT32: "float32", FLOAT16: "float16", 2: "int8", 3: "int32", 4: "uint8", 6: "int16", 7: "uint16", 8: "uint32", 9: "int64",
         10: "uint64", 11: "float64", 12: "bool"}
QUIET = 3  # log level: errors only


class NpuBound:
    """A batch in the device's memory."""

    def __init__(self, engine: NpuEngine, batch: Floats) -> None:
        self._engine = engine
        self.put(batch)

    def __call__(self) -> object:
        return self._engine.execute(self._tensor)

    def put(self, batch: Floats) -> None:
        self._tensor = self._engine.resident(batch)

    def scores(self, answer: object) -> Floats | None:
        return self._engine.read(cast("Sequence[Resident]", answer)) if answer else None


class NpuEngine:
    """A compiled model on one device, its input and output checked. Used only on the thread that made it."""

    lanes = 1
    told: Mapping[str, str] = MappingProxyType({})

    def __init__(self, runtime: ModuleType, session: Session, device: int, fit: Fit, precision: str = precision.USUAL) -> None:
        self.precision = precision
        self._runtime, self._session, self._device, self.fit = runtime, session, device, fit
        self._bytes = int(session.get_inputs()[0].size)
        self._outputs = [session.get_outputs()[fit.output].name]  # node:index:tensor, the only name that the runtime knows
        self._execute = runner(session, self._outputs)

    def infer(self, batch: Floats) -> Floats:
        return self.read(self.execute(self.resident(batch)))

    def read(self, outputs: Sequence[Resident]) -> Floats:
        """The scores in the device's output, which leaves the device by this."""
        try:
            [output] = outputs
            output.to_host()
            scores = np.array(output)
        except RuntimeError as error:
            raise failed(error) from error
        return self.fit.checked(scores)

    def bind(self, batch: Floats) -> NpuBound:
        """What runs this batch, which stays on the device. The device's own times so far are forgotten."""
        bound = NpuBound(self, batch)
        first_of(self._session, "reset_sumaryinfo", "reset_summaryinfo")()
        return bound

    def execute(self, tensor: Resident) -> Sequence[Resident]:
        """Run the model once; its output stays on the device."""
        try:
            return self._execute([tensor])
        except RuntimeError as error:
            raise failed(error) from error

    def device_times(self) -> list[float]:
        """Seconds of each execution since `bind` by the runtime's clock; none if that is absent or coarse."""
        return durations(getattr(first_of(self._session, "sumary", "summary")(), "exec_time_list", []))

    def close(self) -> None:
        """Unload the model. The process ends next, and its exit shuts ACL down, which is final."""
        free = getattr(self._session, "free_resource", None)
        if free is not None and (status := free()):
            events.say(f"the model could not be unloaded: free_resource gives {status}")

    def resident(self, batch: Floats) -> Resident:
        """The batch on the device. The runtime checks only the number of bytes, and ignores strides."""
        array = self.fit.arranged(batch)
        if array.nbytes != self._bytes:
            raise EngineError(f"the model takes {self._bytes} bytes, the batch has {array.nbytes}")
        try:
            tensor: Resident = self._runtime.Tensor(array)
            tensor.to_device(self._device)
        except RuntimeError as error:
            raise failed(error) from error
        return tensor


def load(device: Device, graph: Path, network: Network, batch: int, asked: Asked | None = None, mode: Mode = USUAL) -> NpuEngine:
    """A session on the compiled model *graph*, which computes as *mode* had it compiled.

    Raises:
        EngineError: aclruntime is not there, is not for this device, or refuses the model, or the model takes
            or gives something else.
    """
    runtime, session = session_on(device, graph)
    found = ports(session)
    assert device.index is not None
    with naming(graph):
        return NpuEngine(runtime, session, device.index,
                         exact(found, network, batch) if asked is None else fitted(found, network, batch, asked),
                         precision.computed_in(mode.precision))


def session_on(device: Device, graph: Path) -> tuple[ModuleType, Session]:
    """The extension, and a session of it on the compiled model *graph*; errors as for `load`."""
    if wrong := om.refusal(graph):
        raise EngineError(f"aclruntime refuses this file: {wrong}", where=str(graph), remedy="python -m tools.store verify")
    runtime = import_runtime()
    require_nature(runtime, device)
    options = runtime.session_options()
    options.log_level = QUIET
    try:
        session = runtime.InferenceSession(str(graph), device.index, options)
    except RuntimeError as error:
        raise failed(error, where=str(graph)) from error
    return runtime, session


def ports(session: Session) -> Ports:
    """What a compiled model takes and gives; an axis that the runtime gives as -1 is free."""
    def port(one: Description) -> Port:
        return Port(one.name, TYPES.get(int(one.datatype), f"acl type {int(one.datatype)}"),
                    tuple(None if size < 0 else int(size) for size in one.shape))

    return Ports(tuple(map(port, session.get_inputs())), tuple(map(port, session.get_outputs())))


def import_runtime() -> ModuleType:
    """The vendor's extension; an EngineError where it cannot be imported."""
    unbuffer_stdout()
    try:
        import aclruntime
    except ImportError as error:
        tag = f"cp{sys.version_info.major}{sys.version_info.minor} {platform.machine()}"
        library = "cannot open shared object file" in str(error)  # else a wheel for another Python, machine or compiler
        raise EngineError(f"aclruntime cannot be imported: {error}", where=f"{sys.executable} ({tag})",
                          remedy="source CANN's set_env.sh and check the driver's libraries" if library else WHEEL) from error
    module: ModuleType = aclruntime
    return module


def require_nature(runtime: ModuleType, device: Device) -> None:
    """Check that the extension and the device are both real or both simulated; an EngineError if not."""
    if bool(getattr(runtime, "__simulated__", False)) != device.simulated:
        raise EngineError(f"{device.label} and this aclruntime disagree on whether they are a simulation", where=runtime.__file__,
                          remedy="device nodes, npu-smi and aclruntime must be of one machine: check CLIPGATE_DEVICE_NODES and PYTHONPATH")


def failed(error: RuntimeError, where: str | None = None) -> EngineError:
    """The error for one of the runtime's, whose codes are on the process's standard output."""
    return EngineError(f"aclruntime failed: {str(error).strip()}", where=where)
