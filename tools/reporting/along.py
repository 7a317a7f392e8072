"""What was found along a network, as a page shows it."""

from __future__ import annotations

from dataclasses import dataclass

from tools.locating.told import Layer


@dataclass(frozen=True, slots=True)
class LocatedFacts:
    """What was found of where a network of a case begins to compute something else.

    sentences: the result, what comes first first. clips: what was looked at. layers: the parts of the network
    in its order, beyond whose *limit* an own error is news; none where nothing was searched. hidden: how many
    more there are. again: the command that looks again. complete: whether the search has ended.
    """

    network: str
    sentences: tuple[str, ...]
    clips: str
    layers: tuple[Layer, ...]
    limit: float
    again: str
    complete: bool = True
    hidden: int = 0
