"""Any compiled model on an Ascend NPU, with all its inputs and outputs.

The runtime compares nothing but the bytes of each input, and looks at no input beyond those that it is given.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from tools.engines.ascend.engine import failed, ports, session_on
from tools.engines.ascend.runtime import Resident, Session, runner
from tools.engines.ports import Port, Ports, shown
from tools.engines.tensors import Loaded
from tools.errors import EngineError
from tools.spec.case import Device

if TYPE_CHECKING:
    from tools.engines.tensors import Tensor


def load(device: Device, graph: Path) -> Loaded:
    """A session on the compiled model *graph*, whose ports have the names of the graph it was compiled from.

    Raises:
        EngineError: aclruntime is not there, is not for this device, or refuses the model.
    """
    runtime, session = session_on(device, graph)
    assert device.index is not None
    return of_session(runtime, session, device.index)


def of_session(runtime: ModuleType, session: Session, device: int) -> Loaded:
    """All that a *session* of the extension *runtime* computes on the device of that number."""
    found, sizes = ports(session), [int(one.size) for one in session.get_inputs()]
    execute = runner(session, [one.name for one in found.outputs])

    def work(tensors: list[Tensor]) -> list[Tensor]:
        for port, size, tensor in zip(found.inputs, sizes, tensors, strict=True):
            if tensor.nbytes != size:
                raise EngineError(f"the model takes {size} bytes as {port}, the tensor has {tensor.nbytes}")
        try:
            outputs = execute([_resident(runtime, tensor, device) for tensor in tensors])
            given = [_on_host(output) for output in outputs]
        except RuntimeError as error:
            raise failed(error) from error
        if len(given) != len(found.outputs):
            raise EngineError(f"the runtime gave {len(given)} outputs of {len(found.outputs)}")
        return [_checked(port, tensor) for port, tensor in zip(found.outputs, given, strict=True)]

    return Loaded(Ports(found.inputs, tuple(map(_of_graph, found.outputs))), work)


def _of_graph(port: Port) -> Port:
    """An output under its name in the ONNX graph, which the runtime has behind the node's and a number."""
    return replace(port, name=port.name.split(":", 2)[-1])


def _resident(runtime: ModuleType, tensor: Tensor, device: int) -> Resident:
    """The tensor on the device. One without axes goes as a row of one: bytes are all that counts."""
    made: Resident = runtime.Tensor(np.atleast_1d(tensor))
    made.to_device(device)
    return made


def _on_host(output: Resident) -> Tensor:
    output.to_host()
    return np.array(output)


def _checked(port: Port, tensor: Tensor) -> Tensor:
    """An output as the model declares it; NumPy reads what it does not know as something else."""
    found = tensor.reshape(()) if not port.shape and tensor.size == 1 else tensor
    if found.dtype.name != port.dtype or not port.takes(found.shape):
        raise EngineError(f"the model gave {tensor.dtype} {shown(tensor.shape)}, not {port}")
    return found
