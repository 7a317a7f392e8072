"""What an engineer expects: the least that each accuracy must be, and how fast the device must be."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tools.errors import OptionError
from tools.spec.asked_speeds import FLAG, QUANTITIES, AskedSpeed, asked_speed, example_for, quantity_of
from tools.spec.figures import METRICS

Floor = tuple[str, float]


@dataclass(frozen=True, slots=True)
class Expectations:
    """Floors of metrics, each as a share of one, and bounds of speeds; its text is what `--expect` takes."""

    floors: tuple[Floor, ...] = ()
    speeds: tuple[AskedSpeed, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Expectations:
        """From `top1=0.93,top5=0.99,bs16:clips/s=80`; empty text expects nothing.

        Raises:
            OptionError: a part is no `NAME=NUMBER`, or its name is unknown or given twice.
        """
        parts = [_part(part, text) for part in text.split(",")] if text.strip() else []
        names = [part.name if isinstance(part, AskedSpeed) else part[0] for part in parts]
        for name in names:
            if names.count(name) > 1:
                raise OptionError(f"{name} is expected {names.count(name)} times in {text!r}", where=FLAG, remedy="say it once")
        return cls(tuple(part for part in parts if not isinstance(part, AskedSpeed)),
                   tuple(part for part in parts if isinstance(part, AskedSpeed)))

    def __str__(self) -> str:
        return ",".join([*(f"{metric}={floor!r}" for metric, floor in self.floors), *map(str, self.speeds)])

    def at(self, batch: int) -> list[AskedSpeed]:
        """The speeds that are asked of a batch size: its own, and those of every one."""
        return [speed for speed in self.speeds if speed.batch in (None, batch)]

    def unjudged(self, asked: Collection[tuple[str, int]]) -> list[str]:
        """What no question judges of those *asked*, each with its batch size; as `--expect` says it."""
        questions, sizes = {question for question, _ in asked}, {batch for question, batch in asked if question == "throughput"}
        floors = [f"{metric}={floor!r}" for metric, floor in self.floors if "accuracy" not in questions]
        return [*floors, *(str(speed) for speed in self.speeds if (speed.batch not in sizes if speed.batch else not sizes))]

    def unjudged_line(self, asked: Collection[tuple[str, int]]) -> list[str]:
        """The line that says so, if there is something to say."""
        left = self.unjudged(asked)
        return [f"asked, not judged by this selection: {', '.join(left)}"] if left else []

    def require(self, known: Sequence[str], model: str) -> None:
        """Refuse, with an OptionError, a metric that *model* is not measured by."""
        for metric, _ in self.floors:
            if metric not in known:
                raise OptionError(f"{model} has no {metric}", where=FLAG, remedy=f"{model} is judged by {', '.join(known)}; "
                                                                                "models of another kind want a run of their own")

    def refuse_speeds(self, command: str) -> None:
        """Refuse speeds, with an OptionError, for a command that judges none."""
        if self.speeds:
            raise OptionError(f"{command} judges no speed, and {self.speeds[0]} asks for one", where=FLAG,
                              remedy="leave it out here; pytest and python -m tools.measure judge speeds")


def _part(part: str, text: str) -> Floor | AskedSpeed:
    name, equals, number = (word.strip() for word in part.partition("="))
    prefix, colon, rest = (word.strip() for word in name.rpartition(":"))
    quantity = quantity_of(rest)
    if equals and quantity and bool(prefix) == bool(colon):
        return asked_speed(quantity, number, prefix)
    if equals and colon and rest in METRICS:
        raise OptionError(f"{name} asks for an accuracy of one batch size, and {rest} is expected at each", where=FLAG,
                          remedy=f"{FLAG} {rest}={number}, with -k or --batch for the batch size")
    if not equals or name not in METRICS:
        meant = example_for(rest) or "top1=0.93,top5=0.99"
        raise OptionError(f"{part.strip()!r} in {text!r} does not say what is expected", where=FLAG,
                          remedy=f"for example {FLAG} {meant}; known here: {', '.join((*METRICS, *QUANTITIES))}; "
                                 "a speed may be of one batch size: bs16:clips/s=80")
    return name, _share(name, number)


def _share(metric: str, number: str) -> float:
    try:
        share, percent = float(number.removesuffix("%")), number.endswith("%")
    except ValueError:
        share, percent = math.nan, False
    if percent or not 0 < share <= 1:
        meant = share / 100 if 0 < share <= 100 and (percent or share > 1) else 0.93
        raise OptionError(f"{metric}={number} does not expect a share above 0 and up to 1", where=FLAG,
                          remedy=f"for example {FLAG} {metric}={meant:.6g}")
    return share


NOTHING = Expectations()
