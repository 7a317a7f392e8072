"""The device's scores beside those that its graph gives on the CPU, as a last stage; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from tools.locating.closeness import apart, resolution
from tools.locating.stages import LIMITS, ROUGH
from tools.locating.values import Found, StageSeen

NAME = "device against its graph"
ADDS_UP = "no part errs by more than is usual: what is usual of each adds up over all of them"
ONLY_WHOLE = "asked for its tensors too, it gives the right ones: it errs only where nothing else is asked of it"


def stage(scores: NDArray[Any], reference: NDArray[Any], precision: str) -> StageSeen:
    """How far scores [B, ...], both on the scale on which they are compared, differ in the worst item."""
    return StageSeen(NAME, apart(scores, reference, len(reference)), max(LIMITS.get(precision, ROUGH), resolution(reference)))


def together(stage: StageSeen, found: Found) -> tuple[StageSeen, Found]:
    """Both, so that neither says that all is well where the other does not.

    More outputs change what a compiler makes of a graph, and may take an error away with them. That they do
    is seen by the last tensor, which is right then.
    """
    if stage.differs and found.kind == "nothing":
        last = found.seen[-1].cumulative if found.seen else None
        right = last is not None and last.weight <= stage.limit
        return replace(stage, sentence=ONLY_WHOLE if right else ADDS_UP), replace(found, kind="inherited")
    return stage, found
