"""Scores of every clip, saved and loaded."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.errors import MeasureError
from tools.machine.files import write_whole
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
    try:
        with np.load(path, allow_pickle=False) as stored:
            return Predictions(tuple(str(id) for id in stored["ids"]), np.asarray(stored["scores"], np.float32))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise MeasureError(f"the predictions cannot be read: {error}", where=str(path), remedy="run the cell again") from error
