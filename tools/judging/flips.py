"""The clips that a device and torch do not agree on, with the best classes of both, for people to look at."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tools.datasets.clips import ClipSet
from tools.errors import MeasureError
from tools.machine import typed
from tools.machine.files import write_whole, writing
from tools.machine.reading import load_json, refusing
from tools.measuring import metrics
from tools.measuring.metrics import Labels
from tools.media.preprocess import Floats, frame_indices
from tools.spec.model import ListFormat, ModelSpec

FILE = "flips.json"
BEST = 5
SLACK = 0.01  # by which a share in half precision may be above 1
Scale = Literal["softmax", "logits"]


@dataclass(frozen=True, slots=True)
class Guess:
    """A class, by its number, and its score; *probability* is None where nobody knows what a score means."""

    label: int
    score: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where a clip's frames are: its *path*, how many there are, and which of them the network saw.

    signature: size and time of its files at their check, by which a change is told.
    """

    path: str
    format: ListFormat
    frames: int
    sampled: tuple[int, ...]
    signature: tuple[int, int] | None = None
    sampled_crc32: int | None = None


@dataclass(frozen=True, slots=True)
class Flip:
    """A clip with its right *label*, and the five best classes of the device and of the reference."""

    id: str
    label: int
    ours: tuple[Guess, ...]
    reference: tuple[Guess, ...]
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Flips:
    """Flipped *clips* in the order of the list; None where nothing was compared clip by clip.

    digest: of what differs, equal on nights that differ in the same way; empty where nothing was compared.
    A localiser has no classes: there it is the digest of its detections.
    """

    clips: tuple[Flip, ...] | None = None
    digest: str = ""


def flips(scores: Floats, reference: Floats, labels: Labels, ids: Sequence[str], scale: Scale | None = None) -> Flips:
    """Clips whose best class is not the reference's, or that only one side has right at top-1 or top-5.

    scale: what the scores are; None where nobody knows.
    """
    apart = scores.argmax(axis=1) != reference.argmax(axis=1)
    for k in (1, BEST):
        apart |= metrics.hits(scores, labels, k) != metrics.hits(reference, labels, k)
    found = tuple(Flip(ids[row], int(labels[row]), _best(scores[row], scale), _best(reference[row], scale))
                  for row in np.flatnonzero(apart).tolist())
    told = json.dumps([[one.id, one.ours[0].label, one.reference[0].label] for one in found], separators=(",", ":"))
    return Flips(found, hashlib.sha256(told.encode()).hexdigest())


def _best(scores: Floats, scale: Scale | None) -> tuple[Guess, ...]:
    shares = _probabilities(scores.astype(np.float64), scale)
    return tuple(Guess(int(label), float(scores[label]), None if shares is None else float(shares[label]))
                 for label in np.argsort(-scores, kind="stable")[:BEST])


def _probabilities(scores: NDArray[np.float64], scale: Scale | None) -> NDArray[np.float64] | None:
    """A row of scores as probabilities; None where nobody knows what they are, or they cannot be that."""
    if scale != "logits":
        return scores if scale and scores.min() >= 0 and scores.max() <= 1 + SLACK else None
    powers = np.exp(scores - scores.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares


def scale_of(spec: ModelSpec) -> Scale | None:
    """What a model's scores are; a graph alone without a word of softmax may end in it or not."""
    if spec.network.softmax:
        return "softmax"
    return None if spec.network.graph else "logits"


def placed(found: Flips, clips: ClipSet, spec: ModelSpec) -> Flips:
    """The flipped clips with where their frames are, for whoever shows them later."""
    of = {clip.id: clip for clip in clips.clips}
    return replace(found, clips=None if found.clips is None else tuple(replace(one, source=Source(
        str(of[one.id].path), clips.format, of[one.id].frames, tuple(frame_indices(of[one.id].frames, spec.sampling).tolist()),
        of[one.id].signature, of[one.id].sampled_crc32)) for one in found.clips))


def read(folder: Path) -> tuple[Flip, ...] | None:
    """The flipped clips that `keep` wrote into a case's folder; None where there is no such file.

    Raises:
        MeasureError: it cannot be read.
    """
    path, remedy = folder / FILE, "measure the case again"
    if not path.is_file():
        return None
    told = load_json(path, MeasureError, "the flipped clips", remedy)
    with refusing(MeasureError, "the flipped clips cannot be read", str(path), remedy):
        found = tuple(_flip(one) for one in told["clips"])
    return tuple(typed.require(one, MeasureError, str(path), remedy) for one in found)


def _flip(told: Mapping[str, Any]) -> Flip:
    source = told.get("source")  # an older file has none, and no probabilities
    return Flip(told["id"], told["label"], tuple(Guess(**one) for one in told["ours"]), tuple(Guess(**one) for one in told["reference"]),
                Source(**{**source, "sampled": tuple(source["sampled"]), "signature": _pair(source["signature"])}) if source else None)


def _pair(told: Sequence[int] | None) -> tuple[int, int] | None:
    return (told[0], told[1]) if told else None


def keep(found: Flips, folder: Path) -> None:
    """Write the flipped clips to flips.json in a case's folder; where nothing was compared none is left."""
    if found.clips is None:
        (folder / FILE).unlink(missing_ok=True)
        return
    told = {"digest": found.digest, "clips": [asdict(one) for one in found.clips]}
    with writing("the flipped clips", folder, MeasureError):
        write_whole(folder / FILE, lambda file: file.write(json.dumps(told, indent=1).encode()))
