"""How fast an engineer asks a model to be: at every batch size, or at one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from tools.errors import OptionError
from tools.spec.case import BATCHES
from tools.spec.figures import Figure
from tools.spec.truth import Truth

FLAG = "--expect"
Quantity = Literal["clips/s", "xT4", "latency_ms"]
QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
RIGHT: dict[Quantity, str] = {"clips/s": "clips/s=80", "xT4": "xT4=1.0", "latency_ms": "latency_ms=40"}  # what each may look like


@dataclass(frozen=True, slots=True)
class AskedSpeed:
    """A bound of a speed, as `--expect` takes it; its text is that.

    quantity: clips a second of one chip, a card's over the T4's, or milliseconds of a batch, which alone may
    be no more than its *bound*. batch: the size that it is asked of; None for every one.
    """

    quantity: Quantity
    bound: float
    batch: int | None = None

    @property
    def at_most(self) -> bool:
        return self.quantity == "latency_ms"

    @property
    def name(self) -> str:
        """What is bounded, and at which batch size."""
        return self.quantity if self.batch is None else f"bs{self.batch}:{self.quantity}"

    def __str__(self) -> str:
        return f"{self.name}={self.bound!r}"


def quantity_of(name: str) -> Quantity | None:
    return next((quantity for quantity in QUANTITIES if quantity == name), None)


def example_for(name: str) -> str:
    """The speed that somebody has most likely meant by an unknown *name*; empty where it is none."""
    lower = {quantity.lower(): quantity for quantity in QUANTITIES}
    near = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    return RIGHT[lower[near[0]]] if near else ""


def asked_speed(quantity: Quantity, number: str, prefix: str) -> AskedSpeed:
    """The bound that a part of `--expect` says; *prefix*: its `bs16`, or nothing.

    Raises:
        OptionError: there is no such batch size, or the number is none, has a unit, or is not above 0.
    """
    try:
        bound = float(number)
    except ValueError:
        bound = math.nan
    if not (math.isfinite(bound) and bound > 0):
        raise OptionError(f"{quantity}={number} does not ask for a number above 0", where=FLAG,
                          remedy=f"give the number alone, without a unit: {FLAG} {RIGHT[quantity]}")
    return AskedSpeed(quantity, bound, _batch(prefix) if prefix else None)


def _batch(prefix: str) -> int:
    batch = next((batch for batch in BATCHES if f"bs{batch}" == prefix), None)
    if batch is None:
        raise OptionError(f"{prefix!r} is no batch size", where=FLAG, remedy=f"choose {', '.join(f'bs{one}' for one in BATCHES)}; "
                                                                             "without one it is asked of every batch size")
    return batch


def t4_rate(truth: Truth, batch: int) -> Figure | None:
    """The stored rate of the T4 that ratios are taken against."""
    return truth.rate(truth.throughput.t4, batch) if truth.throughput.t4 else None


def require_t4(speeds: Sequence[AskedSpeed], truth: Truth, batches: Sequence[int]) -> None:
    """Refuse, with an OptionError, a ratio to a T4 at one of *batches* where no T4's rate is stored."""
    stored = [f"bs{batch}" for batch in BATCHES if t4_rate(truth, batch) is not None]
    for asked in speeds:
        lacking = [f"bs{batch}" for batch in batches if asked.quantity == "xT4" and asked.batch in (None, batch)]
        lacking = [name for name in lacking if name not in stored]
        if lacking:
            remedy = f"run only batch sizes that have one, {', '.join(stored)}, or " if stored else ""
            raise OptionError(f"no T4 figure of {truth.path.stem} is stored at {', '.join(lacking)}, so {asked} cannot be judged there",
                              where=FLAG, remedy=f"{remedy}ask for a rate: {RIGHT['clips/s']}")
