"""What a graph takes and gives, as its runtime or its file says; pure."""

from __future__ import annotations

from dataclasses import dataclass

Axes = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output: its name, its type as NumPy spells it, its shape; None stands for a free axis."""

    name: str
    dtype: str
    shape: Axes

    def __str__(self) -> str:
        return f"{self.name} {self.dtype} {shown(self.shape)}"

    def takes(self, shape: tuple[int, ...]) -> bool:
        """Whether a tensor of *shape* fits, whatever its free axes are."""
        return len(shape) == len(self.shape) and all(own in (None, size) for own, size in zip(self.shape, shape, strict=True))


@dataclass(frozen=True, slots=True)
class Ports:
    """All inputs and outputs of a graph, in its order."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def shown(shape: Axes) -> str:
    """A shape as people write it, `?` for a free axis."""
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def listed(ports: tuple[Port, ...]) -> str:
    """Ports in words."""
    return ", ".join(map(str, ports)) or "none"
