"""Causes that lie in rounding: a coarser format than that of the rest, and terms that cancel each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.locating.evidence import Evidence, Explained, size_of
from tools.locating.ranges import epsilon, short
from tools.locating.terms import magnitudes
from tools.locating.values import Cause

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = {"fp16": 11, "bf16": 8}  # of a number's fraction, the leading one among them
CANCELS = 16  # how many times what is left the terms are that cancel
ROUNDINGS = 4.0  # how many roundings of its terms an error may consist of


def coarser(evidence: Evidence) -> Iterator[Explained]:
    """Rounding to a format coarser than the device's precision: of the output, or of all a node reads."""
    for name, bits in BITS.items():
        if evidence.expected.dtype != np.float32 or 2.0**-bits <= epsilon(evidence.precision):
            continue
        if (left := evidence.left(rounded(evidence.expected, bits))) < float("inf"):
            yield Explained(Cause("rounding", f"its output is the reference's rounded to {name}"), left)
        read = _computed(evidence, bits)
        last = None if read is None else rounded(read, bits)
        if (left := min(evidence.left(read), evidence.left(last))) < float("inf"):
            yield Explained(Cause("rounding", f"it computes with what it reads rounded to the {bits} bits of {name}"), left)


def cancelling(evidence: Evidence) -> Cause | None:
    """Terms of which little is left, where the error is as large as rounding those terms makes it."""
    squares = magnitudes(evidence, 2)
    if squares is None or squares.shape != evidence.expected.shape or evidence.apart.unusual:
        return None
    terms, kept = float(np.sqrt(np.mean(squares))), evidence.size
    error = size_of(np.subtract(evidence.found, evidence.expected, dtype=np.float64))
    if terms < CANCELS * kept or error > ROUNDINGS * epsilon(evidence.precision) * terms:
        return None
    return Cause("cancellation", f"its terms of about {short(terms)} cancel to about {short(kept)}, "
                                 f"which magnifies their rounding {terms / max(kept, 1e-300):.0f} times")


def rounded(values: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """The nearest numbers whose fraction has so many bits; with half precision's range where it has 11."""
    if bits == BITS["fp16"]:
        with np.errstate(over="ignore"):
            return np.asarray(values, np.float32).astype(np.float16).astype(np.float32)
    raw, cut = np.asarray(values, np.float32).view(np.uint32), np.uint32(24 - bits)
    half = (np.uint32(1) << (cut - np.uint32(1))) - np.uint32(1) + ((raw >> cut) & np.uint32(1))
    return ((raw + half) >> cut << cut).view(np.float32)


def _computed(evidence: Evidence, bits: int) -> NDArray[Any] | None:
    """What the nodes make of rounded inputs and constants."""
    names = dict.fromkeys(name for node in evidence.nodes for name in node.input)
    constants = {name: value for name in names if (value := evidence.constant(name)) is not None}
    inputs, held = ({name: rounded(value, bits) if value.dtype == np.float32 else value for name, value in tensors.items()}
                    for tensors in (evidence.inputs, constants))
    return evidence.made(inputs=inputs, constants=held)
