"""What a pretended cluster is to be like, as a run is told of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "PRETENDED_CLUSTER"


@dataclass(frozen=True)
class Pretended:
    """nodes: the file of options of each, by its name. npus: how many each has; without any it has its CPU.

    shared: whether all see the driver's store. dies: the node that is gone when it begins its task of that
    number. stops: after how many tasks somebody presses Ctrl-C; 0: nobody does.
    """

    nodes: Mapping[str, str]
    npus: int = 0
    shared: bool = True
    dies: tuple[str, int] = ("", 0)
    stops: int = 0

    @property
    def text(self) -> str:
        return json.dumps(self.__dict__)
