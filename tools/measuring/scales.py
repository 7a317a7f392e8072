"""From what a person's graph gives to scores as the model has them: probabilities or logits, a row a clip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from tools.errors import EngineError
from tools.measuring.metrics import TINY, mean_of_views
from tools.media.preprocess import Floats
from tools.spec.given import NOTHING_SAID, Said, Scale

SUM = 0.02  # how far from 1 probabilities may add up to: in half precision each is off, and small ones are 0


@dataclass(slots=True)
class Scales:
    """Reads a graph's batches of *batch* items; *softmax*: whether the model's scores are probabilities.

    scale: the graph's, once its first batch or the person has told it.
    """

    batch: int
    softmax: bool
    said: Said = NOTHING_SAID
    scale: Scale | None = None

    def of(self, found: Floats) -> Floats:
        """[B * rows, classes] of the graph -> [B, classes] of the model, the mean over an item's rows.

        Where nothing is to be changed the bits stay. Rows are averaged as logits, up to a constant.

        Raises:
            EngineError: the values are not on the scale that the person says.
        """
        if self.scale is None:
            self.scale = self._settled(found)
        rows = len(found) // self.batch
        if self.scale == ("softmax" if self.softmax else "logits") and (rows == 1 or not self.softmax):
            return mean_of_views(found, rows)
        wide = found.astype(np.float64)
        logits = mean_of_views(np.log(np.maximum(wide, TINY)) if self.scale == "softmax" else wide, rows)  # type: ignore[arg-type]
        return (_softmax(logits) if self.softmax else logits).astype(np.float32)

    @property
    def shifted(self) -> bool:
        """Whether rows of scores are logits up to a constant, as logarithms of probabilities are."""
        return not self.softmax and self.scale not in ("logits", None)

    @property
    def sentence(self) -> str:
        """The scale, and who told it."""
        return f"{self.scale} ({'as --graph-output says' if self.said.word else 'told by its values'})"

    def _settled(self, found: Floats) -> Scale:
        seen = scale_of(found)
        if not np.isfinite(found).all():  # which is judged as that
            return next((word for word in get_args(Scale) if word == self.said.word), seen)
        if self.said.word and self.said.word != seen:
            total = found.astype(np.float64).sum(axis=1)
            raise EngineError(f"--graph-output says {self.said.word}, and the first batch is {seen}: its scores go from "
                              f"{found.min():.4g} to {found.max():.4g}, and its rows add up to {total.min():.4g} to {total.max():.4g}",
                              remedy=f"say --graph-output {replace(self.said, word=seen)}, or give the graph that ends in {self.said.word}")
        return seen


def scale_of(rows: Floats) -> Scale:
    """What scores [N, classes] are, as their values tell: the probabilities of a row add up to 1."""
    wide = rows.astype(np.float64)
    if wide.min() >= 0 and np.abs(wide.sum(axis=1) - 1).max() <= SUM:
        return "softmax"
    if wide.max() <= 0 and np.abs(np.exp(wide).sum(axis=1) - 1).max() <= SUM:
        return "log-softmax"
    return "logits"


def _softmax(logits: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # infinities become not-a-number, which is judged as that
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores: Floats = powers / powers.sum(axis=1, keepdims=True)
    return scores
