"""The clips that a device and torch do not agree on, with the best classes of both, for people to look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tools.errors import MeasureError
from tools.machine.files import write_whole, writing
from tools.measuring import metrics
from tools.measuring.metrics import Labels
from tools.media.preprocess import Floats

FILE = "flips.json"
BEST = 5


@dataclass(frozen=True, slots=True)
class Guess:
    """A class, by its number, and its score."""

    label: int
    score: float


@dataclass(frozen=True, slots=True)
class Flip:
    """A clip with its right *label*, and the five best classes of the device and of the reference."""

    id: str
    label: int
    ours: tuple[Guess, ...]
    reference: tuple[Guess, ...]


@dataclass(frozen=True, slots=True)
class Flips:
    """Flipped *clips* in the order of the list; None where nothing was compared clip by clip.

    digest: of what differs, equal on nights that differ in the same way; empty where nothing was compared.
    A localiser has no classes: there it is the digest of its detections.
    """

    clips: tuple[Flip, ...] | None = None
    digest: str = ""


def flips(scores: Floats, reference: Floats, labels: Labels, ids: Sequence[str]) -> Flips:
    """Clips whose best class is not the reference's, or that only one side has right at top-1 or top-5."""
    apart = scores.argmax(axis=1) != reference.argmax(axis=1)
    for k in (1, BEST):
        apart |= metrics.hits(scores, labels, k) != metrics.hits(reference, labels, k)
    found = tuple(Flip(ids[row], int(labels[row]), _best(scores[row]), _best(reference[row])) for row in np.flatnonzero(apart).tolist())
    told = json.dumps([[one.id, one.ours[0].label, one.reference[0].label] for one in found], separators=(",", ":"))
    return Flips(found, hashlib.sha256(told.encode()).hexdigest())


def _best(scores: Floats) -> tuple[Guess, ...]:
    return tuple(Guess(int(label), float(scores[label])) for label in np.argsort(-scores, kind="stable")[:BEST])


def keep(found: Flips, folder: Path) -> None:
    """Write the flipped clips to flips.json in a case's folder; where nothing was compared none is left."""
    if found.clips is None:
        (folder / FILE).unlink(missing_ok=True)
        return
    told = {"digest": found.digest, "clips": [asdict(one) for one in found.clips]}
    with writing("the flipped clips", folder, MeasureError):
        write_whole(folder / FILE, lambda file: file.write(json.dumps(told, indent=1).encode()))
