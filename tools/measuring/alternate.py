"""Measures a doubtful cell again, in turn with one that is not in doubt: a bad day slows both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tools.errors import ClipgateError
from tools.measuring.cell import Cell
from tools.measuring.doubts import doubts
from tools.spec.case import Case


class Take(Protocol):
    """Takes the further series of a *number*; a ClipgateError if it fails.

    It may be one that an ended process of the run has left, unless it has to be taken *anew*.
    """

    def __call__(self, number: int, *, anew: bool) -> Cell: ...


@dataclass(frozen=True, slots=True)
class Subject:
    """What can be timed again."""

    case: Case
    take: Take


@dataclass(frozen=True, slots=True)
class Candidate:
    """A measured cell of this run that may be a control, and how it is timed again.

    nights: how many of its own a history has that are comparable.
    """

    cell: Cell
    subject: Subject
    nights: int
    suspected: bool


@dataclass(frozen=True, slots=True)
class Alternation:
    """Series of both, as they were taken in turn; *error* is what ended them too early, if anything did.

    Whether a series may be judged is not settled here: `doubts` says it of each.
    """

    suspect: tuple[Cell, ...]
    control: tuple[Cell, ...]
    error: ClipgateError | None = None


def alternate(suspect: Subject, control: Subject, count: int, say: Callable[[str], None], why: str, *, before: int = 0) -> Alternation:
    """Take *count* series of each, strictly in turn, the suspect's first; their numbers follow *before*.

    why: what makes the suspect one, in words: `4.1 % slower than its nights`. The first error ends it, so
    that a device that fails is not tried *count* times. What was taken until then is kept. Beside a series
    that is taken now, the control's is taken now too.
    """
    ours: list[Cell] = []
    theirs: list[Cell] = []
    for number in range(before + 1, before + count + 1):
        say(f"{suspect.case}: {why}; measuring again {number} of {before + count}, in turn with {control.case}")
        try:
            ours.append(suspect.take(number, anew=False))
            theirs.append(control.take(number, anew=not all(part.earlier for part in ours[-1].parts)))
        except ClipgateError as error:
            return Alternation(tuple(ours), tuple(theirs), error)
    return Alternation(tuple(ours), tuple(theirs))


def choose(candidates: Sequence[Candidate], suspect: Case) -> Candidate | None:
    """The control of *suspect*: a cell of its device, not in doubt, whose nights tell how fast it is.

    Another model is better, since a change of the suspect's may slow its other batch sizes too; then the
    shortest series. None: the fixed small graph has to do.
    """
    fit = [one for one in candidates if one.cell.case.device == suspect.device and one.cell.case != suspect
           and not one.suspected and one.nights and not doubts(one.cell)]
    return min(fit, key=lambda one: (one.cell.case.model == suspect.model, _series_s(one.cell), str(one.cell.case)), default=None)


def _series_s(cell: Cell) -> float:
    """Seconds that the cell's series took, of all its networks."""
    return sum(sum(part.times.series) for part in cell.parts if part.times)
