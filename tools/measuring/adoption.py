"""A reference that only other code made: a few clips are computed again, and if they agree it is kept.

Nobody pays hours of torch for a change that changes no score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tools.datasets.clips import ClipSet
from tools.errors import ReferenceRunError
from tools.machine import events
from tools.measuring.metrics import distance
from tools.measuring.predictions import FILE, Predictions, load
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.storage.entries import Entry

SAMPLE = 16  # clips, spread over the list
EQUAL = 1e-5  # of the range of scores: more than rounding on another device or machine, less than any fault


@dataclass(frozen=True, slots=True)
class Earlier:
    """A reference that differs from the wanted one in its code alone.

    or_whole: whether all clips may be computed if it cannot be kept; otherwise that is an error.
    """

    entry: Entry
    or_whole: bool = True


def adopted(earlier: Earlier, clips: ClipSet, score: Callable[[Sequence[Clip]], Iterator[Floats]], *, softmax: bool) -> Predictions | None:
    """The earlier scores, if *score* gives the same of a sample of clips; None if it does not, which is said.

    Raises:
        ReferenceRunError: it does not, and nobody asked for hours of torch.
    """
    kept, named = load(earlier.entry.file(FILE)), f"{earlier.entry.key}, made at commit {earlier.entry.commit}"
    chosen = sample(len(clips.clips))
    again = np.concatenate(list(score([clips.clips[number] for number in chosen])))
    apart = distance(again, kept.scores[chosen], softmax=softmax)
    if apart.relative <= EQUAL and not apart.flipped:
        events.say(f"torch gives {len(chosen)} clips the scores that they have in {named}: its scores are kept")
        return kept
    first = clips.clips[chosen[apart.worst]].id
    what = f"torch gives {first} other scores than it has in {named}: a difference of {apart.relative:.1e}"
    if not earlier.or_whole:
        raise ReferenceRunError(f"{what}; all clips must be computed again, which takes too long to begin unasked")
    events.say(f"{what}; all clips are computed again")
    return None


def sample(count: int) -> list[int]:
    """The numbers of the clips that are computed again, the first and the last among them."""
    numbers: list[int] = np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int).tolist()
    return numbers
