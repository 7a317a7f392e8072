"""Scores of every clip, saved and loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.errors import MeasureError
from tools.machine.files import write_whole
from tools.machine.reading import load_npz, refusing
from tools.media.preprocess import Floats

FILE = "predictions.npz"


@dataclass(frozen=True, slots=True)
class Predictions:
    """*scores* [N, classes] float32, row i belonging to clip *ids*[i]."""

    ids: tuple[str, ...]
    scores: Floats


def save(predictions: Predictions, path: Path) -> None:
    """Write predictions to disk, whole or not at all."""
    write_whole(path, lambda file: np.savez(file, ids=np.array(predictions.ids), scores=predictions.scores))


def load(path: Path) -> Predictions:
    """Read what `save` wrote.

    Raises:
        MeasureError: it is not there or damaged.
    """
    what, remedy = "the predictions", "run the cell again"
    stored = load_npz(path, MeasureError, what, remedy)
    with refusing(MeasureError, f"{what} cannot be read", str(path), remedy), np.errstate(over="ignore"):
        found = Predictions(tuple(str(id) for id in stored["ids"]), np.asarray(stored["scores"], np.float32))
        if found.scores.ndim < 2 or len(found.scores) != len(found.ids):
            raise ValueError(f"scores of shape {found.scores.shape} belong to {len(found.ids)} names")
    return found
