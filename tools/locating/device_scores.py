"""The device's scores beside those that its graph gives on the CPU, as a last stage; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.locating.closeness import apart, resolution
from tools.locating.stages import LIMITS, ROUGH
from tools.locating.values import Found, StageSeen
from tools.measuring.metrics import log_scores

NAME = "device against its graph"
ONLY_WHOLE = "asked for its tensors too, it gives the right ones: it errs only where nothing else is asked of it"


def stage(scores: NDArray[Any], reference: NDArray[Any], precision: str, *, softmax: bool) -> StageSeen:
    """How far scores [B, ...] differ in the worst item; their logarithms where they are probabilities."""
    ours, theirs = (log_scores(np.asarray(one, np.float32), softmax=softmax).astype(np.float32) for one in (scores, reference))
    return StageSeen(NAME, apart(ours, theirs, len(theirs)), max(LIMITS.get(precision, ROUGH), resolution(theirs)))


def together(stage: StageSeen, found: Found) -> tuple[StageSeen, Found]:
    """Both, so that neither says that all is well where the other does not.

    More outputs change what a compiler makes of a graph, and may take an error away with them.
    """
    if stage.differs and found.kind == "nothing":
        return replace(stage, sentence=ONLY_WHOLE), replace(found, kind="inherited")
    return stage, found
