"""What went wrong on a device, told from the last words of its runtime."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal["missing", "mismatch", "memory", "lost", "driver", "kernel", "start", "load", "usage", "unknown"]
SHOWN_LINES = 8


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


@dataclass(frozen=True, slots=True)
class Row:
    """What one of these codes, or one of these words in any letter case, means."""

    kind: FaultKind
    meaning: str
    codes: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


def of_rows(rows: Sequence[Row], log: str, codes: tuple[str, ...], telling: Callable[[str], object]) -> Fault:
    """The fault in *log*: the first of *rows* that has one of *codes*, or of the words in it, decides.

    telling: whether a line tells of a failure; where none does, the last lines are shown.
    """
    lines = tuple(line.rstrip() for line in re.split(r"[\r\n]+", log) if line.strip())
    said, lowered = tuple(([line for line in lines if telling(line)] or lines)[-SHOWN_LINES:]), log.lower()
    for row in rows:
        if row.codes & set(codes):
            return Fault(row.kind, row.meaning, tuple(code for code in codes if code in row.codes), said)
        if any(word in lowered for word in row.words):
            return Fault(row.kind, row.meaning, codes, said)
    return Fault("unknown", "the runtime failed", codes, said)
