"""What went wrong on a device, told from the last words of its runtime."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["missing", "mismatch", "memory", "lost", "driver", "kernel", "start", "load", "usage", "unknown"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure of a device: what it means, the codes that say so, and the last lines the runtime printed.

    kind: a device that is `lost` is not used again in this run. After `kernel` and `driver` a fresh process
    tries again; a device whose driver fails there too is lost.
    """

    kind: FaultKind
    meaning: str
    codes: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def may_be_chance(self) -> bool:
        """Whether a fresh process is worth a try."""
        return self.kind in ("kernel", "driver")

    @property
    def sentence(self) -> str:
        return f"{self.meaning} ({', '.join(self.codes[:3])})" if self.codes else self.meaning
