"""What a device of each precision must reach whatever is stored of it, and what it can hold at all; pure.

Where no fidelity limits are stored the floor alone judges. Limits beyond it are not stored: only a
deployment that is broken would need them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tools.measuring.cell import EXACT
from tools.measuring.metrics import TINY
from tools.spec.truth import FidelityGate


@dataclass(frozen=True, slots=True)
class Floor:
    """*gate*: how far from torch a device of this precision may ever be.

    smallest: the smallest probability that the precision can hold. Below it a right device gives 0.
    """

    gate: FidelityGate
    smallest: float = TINY

    @property
    def words(self) -> str:
        gate = self.gate
        return (f"difference <= {gate.max_relative_difference:g}, cosine >= {gate.min_cosine:g}, "
                f"flipped <= {gate.max_flipped_share:.0%}")


ANY = Floor(FidelityGate(max_relative_difference=0.05, min_cosine=0.99, max_flipped_share=0.05))
# TF32 rounds what is multiplied to the 10 bits that half precision has too, adds up in float32, and keeps the
# range of that. Where it was measured, TSM lay 4.8e-3 from torch, and no clip of 2,016 was flipped. Float32
# with another algorithm for convolutions lay 3.9e-4 away, within its stored limits of 1e-3.
FLOORS: Mapping[str, Floor] = {
    "fp32": ANY,
    "tf32": ANY,
    "fp16": Floor(ANY.gate, smallest=2.0**-24),  # its smallest subnormal number
}


def floor_of(precision: str) -> Floor:
    """The floor of a precision; of one that nobody has met, that of all."""
    return FLOORS.get(precision, ANY)


def limits_name(precision: str, chip: str) -> str:
    """What the fidelity limits of a precision on a kind of chip are stored under.

    Those of any precision but float32 hold for one kind of chip, since every chip rounds in its own way.
    """
    return EXACT if precision == EXACT else f"{precision}-{chip}"


def header(name: str) -> str:
    """The header of the table of these limits, as a toml has it: a GPU's name has a space in it."""
    return f"[gates.fidelity.{name if re.fullmatch('[A-Za-z0-9_-]+', name) else json.dumps(name)}]"


def beyond(limits: FidelityGate, floor: Floor) -> bool:
    """Whether these limits let pass what the floor does not."""
    gate = floor.gate
    return (limits.max_relative_difference > gate.max_relative_difference or limits.min_cosine < gate.min_cosine
            or limits.max_flipped_share > gate.max_flipped_share)
