"""What was found of where a case's device begins to compute something else, as far as its folder tells it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tools.errors import on_one_line
from tools.locating import kept, told
from tools.locating.kept import Kept
from tools.locating.told import Layer
from tools.reporting.along import LocatedFacts
from tools.reporting.lacking import Lacking
from tools.reporting.lacking import told as told_in

MOST_LAYERS = 60  # of a network, in a picture and its table: more parts than its modules give at any depth that is searched
LONGEST = 80  # letters of a part's name


def located(folder: Path, case: str, lacking: Lacking) -> tuple[LocatedFacts, ...]:
    """What was located of each network of a case; nothing where nobody has looked."""
    with told_in(lacking, f"{case}: where it begins to compute something else is not shown"):
        return tuple(map(_facts, kept.read(folder)))
    return ()


def _facts(found: Kept) -> LocatedFacts:
    one, layers = found.located, found.layers
    shown = _worst(layers)
    name = f"{one.network}, {one.part} alone" if one.part else one.network
    return LocatedFacts(on_one_line(name), tuple(map(on_one_line, found.sentences)), on_one_line(", ".join(one.chosen.ids)),
                        tuple(replace(layer, name=_short(layer.name)) for layer in shown), one.found.limit if one.found else 0.0,
                        on_one_line(one.repeat), found.complete, len(layers) - len(shown))


def _worst(layers: tuple[Layer, ...]) -> list[Layer]:
    """Of many parts those that err most, in the network's order."""
    kept_ones = {id(layer) for layer in told.worst_first(layers)[:MOST_LAYERS]}
    return [layer for layer in layers if id(layer) in kept_ones or layer.guilty]


def _short(name: str) -> str:
    plain = on_one_line(name)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."
