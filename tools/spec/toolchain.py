"""By which engine and in which precision a rate was measured, since others are of another thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tools.spec.case import Mode
from tools.spec.chips import is_gpu

Engine = Literal["", "onnxruntime", "tensorrt", "trtexec"]  # "" is not said, or a device's only one
NAMES = {"onnxruntime": "ONNX Runtime", "tensorrt": "TensorRT", "trtexec": "trtexec"}
RUNS = {"trtexec": "tensorrt"}  # what a tool runs graphs with
PROVIDERS: dict[str, Engine] = {"CUDAExecutionProvider": "onnxruntime", "TensorrtExecutionProvider": "tensorrt"}


@dataclass(frozen=True, slots=True)
class Toolchain:
    """An engine and a precision; both are empty where a device has one way only, or nobody has said it."""

    engine: Engine = ""
    precision: str = ""

    def __str__(self) -> str:
        """As the head of a column: `TensorRT fp16`."""
        return " ".join(filter(None, (NAMES.get(self.engine, self.engine), self.precision)))

    @property
    def words(self) -> str:
        """As a part of a sentence: `TensorRT in fp16`."""
        engine = NAMES.get(self.engine, self.engine)
        if not engine:
            return self.precision or "its own precision"
        return f"{engine} in {self.precision or 'a precision that nobody named'}"

    @property
    def usual(self) -> bool:
        """Whether a rate so measured stands for its device where nobody asks for an engine.

        Of a GPU that is how the guides measure. A log of trtexec may not tell its precision.
        """
        return (not self.precision and self.engine in ("", "trtexec")) or self.same(GUIDES)

    def same(self, other: Toolchain) -> bool:
        """Whether rates measured so and so may judge each other."""
        return (RUNS.get(self.engine, self.engine), self.precision) == (RUNS.get(other.engine, other.engine), other.precision)


# The guides' T4: `trtexec --fp16` is the command that TSM's and BSN's print (section 7.2 and 3.2.2); those of
# R(2+1)D and Nonlocal print rates alone, and call them by the same name.
GUIDES = Toolchain("tensorrt", "fp16")


def of(chip: str, mode: Mode, precision: str, provider: str = "") -> Toolchain:
    """Of a cell that was measured on *chip* so.

    precision, provider: as its record tells them. What is no GPU computes by one engine, and in the precision
    of its own unless the mode says another.
    """
    if not is_gpu(chip):
        return Toolchain(mode.engine, mode.precision)
    return Toolchain(PROVIDERS.get(provider) or mode.engine or "onnxruntime", precision)
