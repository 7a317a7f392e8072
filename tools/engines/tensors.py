"""Any graph on a device as a function of its tensors. What it takes is checked before a runtime sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.engines.ports import Port, Ports, listed, shown
from tools.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Tensor = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A graph on a device: called with its inputs in its order, it gives all its outputs in its order.

    ports: what it takes and gives, by the names of the ONNX graph. work: runs it on tensors that fit.
    """

    ports: Ports
    work: Callable[[list[Tensor]], Sequence[Tensor]]

    def __call__(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Run it once; an EngineError where a tensor is not what it takes, or the device fails."""
        return list(self.work(fitting(self.ports.inputs, tensors)))


def fitting(ports: tuple[Port, ...], tensors: Sequence[Tensor]) -> list[Tensor]:
    """The *tensors*, each in one piece of memory, in this machine's order of bytes and the type's usual form.

    Raises:
        EngineError: there are more or fewer, or one has another type or shape.
    """
    if len(tensors) != len(ports):
        raise EngineError(f"the graph takes {len(ports)} tensors: {listed(ports)}; got {len(tensors)}")
    return [_fitting(port, tensor) for port, tensor in zip(ports, tensors, strict=True)]


def _fitting(port: Port, tensor: Tensor) -> Tensor:
    import numpy as np

    if tensor.dtype.name != port.dtype or not port.takes(tensor.shape):
        raise EngineError(f"the graph takes {port}, got {tensor.dtype} {shown(tensor.shape)}")
    usual = np.dtype(port.dtype)  # a C compiler has two types for 64 bits, and both are called int64
    return np.ascontiguousarray(tensor, usual).reshape(tensor.shape)
