"""What a data set lacks of what it should hold, and the sentence that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A data set of which *there* clips or videos can be used, where *complete* should be.

    missing, damaged: how many are known to be so; first: the first of them, and the line that names it.
    listing: the command that lists them all.
    """

    there: int
    complete: int
    missing: int
    damaged: int
    first: str
    listing: str
    items: str = "clips"

    @property
    def sentence(self) -> str:
        counts = [f"{count:,} {word}" for count, word in ((self.missing, "missing"), (self.damaged, "damaged")) if count]
        lost = f"{', '.join(counts)}, first {self.first}" if counts else "the list names no more"
        return f"{self.there:,} of {self.complete:,} {self.items}: {lost}; {self.listing} lists what is there and what is not"
