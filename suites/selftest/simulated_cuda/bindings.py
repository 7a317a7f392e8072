"""SessionIOBinding below the Python API: which memory a run reads and writes."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulated_cuda import tensors
from simulated_cuda.devices import Context
from simulated_cuda.tensors import OrtValue, OrtValueVector


class SessionIOBinding:
    """Inputs and outputs by name; an output without memory of its own gets some when the session runs."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.inputs: dict[str, OrtValue] = {}
        self.outputs: dict[str, OrtValue | Context | None] = {}
        self.results: dict[str, OrtValue] = {}

    def bind_input(self, name: str, *where: Any) -> None:
        """An array on the host, or an address on a device."""
        self._require(name, self._session.inputs_meta)
        self.inputs[name] = OrtValue(np.asarray(where[0])) if len(where) == 1 else _at(*where)

    def bind_output(self, name: str, device: Any, kind: Any = None, shape: Any = None, address: int | None = None) -> None:
        """A device where memory will be made, or an address there."""
        self._require(name, self._session.outputs_meta)
        self.outputs[name] = tensors.on(device) if address is None else _at(device, kind, shape, address)

    def bind_ortvalue_input(self, name: str, value: OrtValue) -> None:
        self._require(name, self._session.inputs_meta)
        self.inputs[name] = value

    def bind_ortvalue_output(self, name: str, value: OrtValue) -> None:
        self._require(name, self._session.outputs_meta)
        self.outputs[name] = value

    def _require(self, name: str, known: Any) -> None:
        if name not in [node.name for node in known]:
            raise RuntimeError(f"Failed to find NodeArg with name: {name} in the def list")

    def synchronize_inputs(self) -> None:
        """Nothing is under way: inputs are copied at once."""

    def synchronize_outputs(self) -> None:
        """Wait until what was queued is done."""
        self._session.wait()

    def get_outputs(self) -> OrtValueVector:
        """The results' memory, which the stream may not have written yet."""
        return OrtValueVector(self.results[name] for name in self.outputs)

    def copy_outputs_to_cpu(self) -> list[Any]:
        """Wait, and copy."""
        self._session.wait()
        return [np.array(value.array) for value in self.get_outputs()]

    def clear_binding_inputs(self) -> None:
        self.inputs.clear()

    def clear_binding_outputs(self) -> None:
        self.outputs.clear()
        self.results.clear()


def _at(device: Any, kind: Any, shape: Any, address: int) -> OrtValue:
    """The value that lies at an address; an error where it was freed, or has another size or device."""
    value, context = OrtValue.by_address.get(address), tensors.on(device)
    if value is None or value.context is not context:
        raise RuntimeError(f"CUDA failure 700: an illegal memory access was encountered (nothing of this process lies at {address:#x})")
    if value.array.nbytes != int(np.prod(shape)) * np.dtype(kind).itemsize:
        raise RuntimeError(f"what lies at {address:#x} has {value.array.nbytes} bytes, and not {shape} of {np.dtype(kind)}")
    return value
