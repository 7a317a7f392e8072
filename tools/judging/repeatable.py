"""Whether a device gives the scores that it gave before, which on a fixed list nothing excuses; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.judging.numbers import Numbers
from tools.judging.verdict import Judgement, Verdict
from tools.measuring import metrics
from tools.measuring.cell import Cell
from tools.measuring.metrics import TINY
from tools.measuring.predictions import Predictions
from tools.spec.truth import FidelityGate


@dataclass(frozen=True, slots=True)
class Again:
    """Scores of the same items that differ from those given before.

    what: which ones, in words. apart: the largest difference, as a share of *scale*.
    flipped: the number of clips that have another best class.
    """

    what: str
    apart: float
    scale: str
    flipped: int = 0

    def is_news(self, gate: FidelityGate) -> bool:
        """Whether it is no more than news: within the limit of a device beside torch, and without a flip."""
        return not self.flipped and self.apart <= gate.max_relative_difference

    def sentence(self, gate: FidelityGate) -> str:
        bound = (f"within the fidelity limit of {gate.max_relative_difference:.0e} and without a flip" if self.is_news(gate) else
                 f"the fidelity limit is {gate.max_relative_difference:.0e}"
                 f"{f'; clips with another best class: {self.flipped}' if self.flipped else ''}")
        return f"not repeatable: {self.what} differs by up to {self.apart:.1e} of {self.scale}; {bound}"


def repeatable(judged: Sequence[Judgement], seen: Sequence[Again], gate: FidelityGate) -> list[Judgement]:
    """The judgements, of which the first tells what is news, and a FAIL row where it is more."""
    news = "; ".join(one.sentence(gate) for one in seen if one.is_news(gate))
    rows = [replace(one, meaning=f"{one.meaning}; {news}") if news and not number else one for number, one in enumerate(judged)]
    worse = [one for one in seen if not one.is_news(gate)]
    if worse:
        apart = max(one.apart for one in worse)
        rows.append(Judgement("repeatable", f"{apart:.1e}", f"<= {gate.max_relative_difference:.0e}", Verdict.FAIL,
                              "; ".join(one.sentence(gate) for one in worse),
                              numbers=Numbers("share", apart, gate.max_relative_difference, limit="at most")))
    return rows


def second_passes(cell: Cell) -> list[Again]:
    """Networks of the cell that gave other scores for a batch when it was run a second time."""
    several, told = len(cell.parts) > 1, [part.record for part in cell.parts]
    return [Again(f"a second pass over the first batch{f' of {one.network}' if several else ''}", one.repeat or 0.0,
                  "the largest score", one.repeat_flipped) for one in told if one.repeat or one.repeat_flipped]


def beside_night(ours: Predictions, theirs: Predictions, what: str, *, softmax: bool, smallest: float = TINY) -> Again | None:
    """How far finite scores lie from an earlier night's of the same graph and items; None if nowhere.

    what: that night's scores, in words. Scores of other items are not comparable: nothing is said of them.
    """
    if (ours.ids, ours.scores.shape) != (theirs.ids, theirs.scores.shape) or ours.scores.tobytes() == theirs.scores.tobytes():
        return None
    mine, before = (one.scores.reshape(len(one.scores), -1) for one in (ours, theirs))
    apart = metrics.distance(mine, before, softmax=softmax, smallest=smallest)
    flipped = apart.flipped if ours.scores.ndim == 2 else 0  # more dimensions are curves, which have no best class
    return Again(what, apart.relative, "the range of scores", flipped)
