"""Which turns a cell takes with others on this host: so that its times are its own, and no more than that.

Where a host has no device but its CPU, that device's lock keeps cells apart. Only timing asks for quiet then:
other work, as a reference that torch computes, gives way to it. Where cores are short, decoding and computing
on the host stop for timing too, and chips are timed side by side as long as there is a core for each. Where
cores are not short, nothing stops. A cell of the CPU, which takes every core, is then seen like other work:
what is timed beside it says so.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tools import engines
from tools.machine import events, quiet
from tools.measuring.cell import Times
from tools.media.batches import MOST_WORKERS

if TYPE_CHECKING:
    from tools.engines import Bound, Engine
    from tools.media.preprocess import Floats
    from tools.spec.case import Device


MOST_FOR_CHIP = 16  # decode workers; with so many another one brings nothing


def cores_short(cores: int, chips: int) -> bool:
    """Whether *cores* are too few for a cell that decodes for each of *chips* and for a process that times.

    A cell keeps MOST_WORKERS processes busy that decode, and its own that feeds the chip; more of them take
    only what is left over. The CPU is no chip.
    """
    return cores < chips * (MOST_WORKERS + 1) + 1


@dataclass(frozen=True, slots=True)
class Turns:
    """The turns that a cell takes. *unit*: inside it the host decodes one clip or computes one batch.

    locks: the folder of the devices' locks. chips: the devices of this host that compute by themselves.
    on_host: whether the cell's device does not. ahead: whether batches are brought to it while it computes.
    """

    locks: str
    cores: int
    chips: int
    on_host: bool
    unit: AbstractContextManager[object]
    ahead: bool = False

    @classmethod
    def of(cls, locks: str, device: Device) -> Turns:
        """Those of a cell on *device*, on this host."""
        cores, family = len(os.sched_getaffinity(0)), engines.family(device)
        chips = len({one for one in (*engines.devices(), device) if _is_chip(one)})
        pauses = chips > 0 and cores_short(cores, chips)
        return cls(locks, cores, chips, family.ON_HOST, quiet.Units(locks, events.say) if pauses else nullcontext(), family.FED_AHEAD)

    @property
    def workers(self) -> int:
        """How many processes decode for this cell: where it is fed ahead, as many as leave others theirs.

        One core is left to a process that times. Elsewhere a device waits for each batch anyway.
        """
        if not self.ahead or self.chips == 0:
            return MOST_WORKERS
        return max(MOST_WORKERS, min(MOST_FOR_CHIP, (self.cores - 1) // self.chips - 1))

    def scoring(self, engine: Engine) -> Engine:
        """The engine, with a turn for each batch that it computes on the host."""
        return InTurns(engine, self.unit) if self.on_host else engine

    def seen(self) -> AbstractContextManager[object]:
        """While a cell of the CPU takes every core and nothing stops for it, others see that it does."""
        return quiet.working(self.locks, events.say) if self.on_host and self._all_at_once else nullcontext()

    def timing(self, take: Callable[[], Times]) -> Times:
        """The times that *take* takes in its turn, with the wait for it, and with who worked beside it."""
        if self._all_at_once:
            before = quiet.workers(self.locks)
            with self.seen():
                times = take()
            return replace(times, beside=tuple(dict.fromkeys([*before, *quiet.workers(self.locks)])))
        with quiet.timing(self.locks, events.say, side_by_side=self._side_by_side) as found:
            return replace(take(), waited_s=found.waited_s, beside=found.beside)

    @property
    def _side_by_side(self) -> bool:
        """Whether each chip's cell has a core of its own while all are timed. The CPU needs every core."""
        return not self.on_host and self.chips <= self.cores

    @property
    def _all_at_once(self) -> bool:
        """Whether nothing here stops for anything else."""
        return self.chips > 0 and not cores_short(self.cores, self.chips)


def _is_chip(device: Device) -> bool:
    """Whether it computes by itself, and not as a mere node of a device that nothing here drives."""
    family = engines.family(device)
    return not family.ON_HOST and family.can_compute()


class InTurns:
    """An engine that computes each batch in a turn of its own; the rest of it is as it was."""

    lanes = 1  # what is bound would run outside of any turn

    def __init__(self, engine: Engine, unit: AbstractContextManager[object]) -> None:
        self.precision, self.fit, self.told = engine.precision, engine.fit, engine.told
        self._engine, self._unit = engine, unit

    def infer(self, batch: Floats) -> Floats:
        with self._unit:
            return self._engine.infer(batch)

    def bind(self, batch: Floats) -> Bound:
        return self._engine.bind(batch)

    def device_times(self) -> list[float]:
        return self._engine.device_times()

    def close(self) -> None:
        self._engine.close()
