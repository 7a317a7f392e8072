"""A reference that only other code made: a few items are computed again, and if they agree it is kept.

Nobody pays hours of torch for a change that changes no score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tools.datasets.clips import ClipSet
from tools.errors import ClipgateError, ReferenceRunError
from tools.machine import events
from tools.measuring.metrics import distance
from tools.measuring.predictions import FILE, Predictions, load
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.spec.model import Spec
from tools.storage.context import Context
from tools.storage.elsewhere import missing_makers
from tools.storage.entries import Entry
from tools.storage.stages import Stage

T = TypeVar("T")
KEPT_FROM = "kept_from"  # the fact that names the entry whose scores were kept
SAMPLE = 16  # clips or videos, spread over the list
EQUAL = 1e-5  # of the range of scores: more than rounding on another device or machine, less than any fault


@dataclass(frozen=True, slots=True)
class Earlier:
    """A reference that differs from the wanted one in its code alone.

    or_whole: whether all items may be computed if it cannot be kept; otherwise that is an error.
    """

    entry: Entry
    or_whole: bool = True

    @property
    def named(self) -> str:
        return f"{self.entry.key}, made at commit {self.entry.commit}"


def found_or_made(context: Context[Spec], wanted: Stage, *, few: bool) -> Entry | None:
    """The reference, stored or made by a child process.

    Of more than a *few* items it is not computed unasked: it is made only of one that other code made.
    """
    if few:
        return wanted.find_or_run(context)
    stored = context.store.find(wanted.key)
    if stored or context.store.by_other_code(wanted.key) is None or missing_makers(wanted.key):
        return stored
    try:
        return wanted.find_or_run(context)
    except ReferenceRunError as error:  # what other code made does not hold
        context.say(error.what)
        return None


def adopted(earlier: Earlier, clips: ClipSet, score: Callable[[Sequence[Clip]], Iterator[Floats]], *, softmax: bool) -> Predictions | None:
    """The earlier scores, if *score* gives the same of a sample of clips; None if it does not, which is said.

    Raises:
        ReferenceRunError: it does not, and nobody asked for hours of torch.
    """
    kept = read(earlier, "clips", lambda entry: load(entry.file(FILE)))
    if kept is None:
        return None
    chosen = sample(len(clips.clips))
    again = np.concatenate(list(score([clips.clips[number] for number in chosen])))
    apart = distance(again, kept.scores[chosen], softmax=softmax)
    first = clips.clips[chosen[apart.worst]].id
    return kept if holds(earlier, len(chosen), "clips", apart.relative, first, flipped=apart.flipped > 0) else None


def read(earlier: Earlier, items: str, load: Callable[[Entry], T]) -> T | None:
    """What an earlier reference holds; None if its files are others than this code reads, which is said.

    Raises:
        ReferenceRunError: they are, and nobody asked for hours of torch.
    """
    try:
        return load(earlier.entry)
    except ClipgateError as error:
        _give_up(earlier, f"{earlier.named} cannot be read by this code: {error.what}", items)
        return None


def holds(earlier: Earlier, count: int, items: str, apart: float, worst: str, *, flipped: bool = False) -> bool:
    """Whether an earlier reference is kept, which is said.

    count: how many *items*, clips or videos, were computed again. apart: their largest difference, as a share
    of the range. worst: the item that has it. flipped: whether an item has another best class.

    Raises:
        ReferenceRunError: it is not, and nobody asked for hours of torch.
    """
    if apart <= EQUAL and not flipped:
        events.say(f"torch gives {count} {items} the scores that they have in {earlier.named}: its scores are kept")
        return True
    _give_up(earlier, f"torch gives {worst} other scores than it has in {earlier.named}: a difference of {apart:.1e}", items)
    return False


def _give_up(earlier: Earlier, why: str, items: str) -> None:
    if not earlier.or_whole:
        raise ReferenceRunError(f"{why}; all {items} must be computed again, which takes too long to begin unasked")
    events.say(f"{why}; all {items} are computed again")


def sample(count: int) -> list[int]:
    """The numbers of the items that are computed again, the first and the last among them."""
    numbers: list[int] = np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int).tolist()
    return numbers
