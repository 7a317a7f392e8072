"""What an engineer expects of the weights that are judged: the least each accuracy must be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.errors import OptionError
from tools.spec.figures import METRICS

FLAG = "--expect"


@dataclass(frozen=True, slots=True)
class Expectations:
    """Floors of metrics, each as a share of one; its text is what `--expect` takes."""

    floors: tuple[tuple[str, float], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Expectations:
        """From `top1=0.93,top5=0.99`; empty text expects nothing.

        Raises:
            OptionError: a part is no `METRIC=SHARE`, or its metric is unknown or named twice.
        """
        floors = [_floor(part, text) for part in text.split(",")] if text.strip() else []
        names = [metric for metric, _ in floors]
        for metric in names:
            if names.count(metric) > 1:
                raise OptionError(f"{metric} is expected {names.count(metric)} times in {text!r}", where=FLAG, remedy="say it once")
        return cls(tuple(floors))

    def __str__(self) -> str:
        return ",".join(f"{metric}={floor!r}" for metric, floor in self.floors)

    def require(self, known: Sequence[str], model: str) -> None:
        """Refuse, with an OptionError, a metric that *model* is not measured by."""
        for metric, _ in self.floors:
            if metric not in known:
                raise OptionError(f"{model} has no {metric}", where=FLAG, remedy=f"{model} is judged by {', '.join(known)}; "
                                                                                "models of another kind want a run of their own")


def _floor(part: str, text: str) -> tuple[str, float]:
    metric, equals, number = (word.strip() for word in part.partition("="))
    if metric not in METRICS or not equals:
        raise OptionError(f"{part.strip()!r} in {text!r} does not say what is expected", where=FLAG,
                          remedy=f"for example {FLAG} top1=0.93,top5=0.99; known here: {', '.join(METRICS)}")
    try:
        share, percent = float(number.removesuffix("%")), number.endswith("%")
    except ValueError:
        share, percent = math.nan, False
    if percent or not 0 < share <= 1:
        meant = share / 100 if 0 < share <= 100 and (percent or share > 1) else 0.93
        raise OptionError(f"{metric}={number} does not expect a share above 0 and up to 1", where=FLAG,
                          remedy=f"for example {FLAG} {metric}={meant:.6g}")
    return metric, share


NOTHING = Expectations()
