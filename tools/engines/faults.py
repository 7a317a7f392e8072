"""What went wrong on a device, as its runtime's last words tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["missing", "mismatch", "memory", "lost", "kernel", "load", "usage", "unknown"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong, with the codes that say so and the last lines the runtime printed.

    kind: `lost` ends the use of the device in this run, `kernel` is tried once more in a fresh process.
    """

    kind: FaultKind
    meaning: str
    codes: tuple[str, ...]
    said: tuple[str, ...]

    @property
    def sentence(self) -> str:
        return f"{self.meaning} ({', '.join(self.codes[:3])})" if self.codes else self.meaning
