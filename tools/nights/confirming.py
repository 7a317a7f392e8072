"""Measures a doubtful cell again, alone or in turn with a control, until the test is sure or all is spent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tools.errors import ClipgateError
from tools.judging.likelihood import Noise
from tools.judging.slower import Before, Decision, Outcome, Plan, decide, hopeless, next_turn
from tools.measuring.alternate import Subject, alternate
from tools.measuring.cell import Cell
from tools.measuring.doubts import doubts


@dataclass(frozen=True, slots=True)
class Side:
    """A cell and what it is judged beside; *series*: it with all its times of tonight that may be judged.

    logs: of each series the natural logarithm of the seconds that a clip takes. taken: how many series were
    taken of it, those included that may not be judged. others: how far each other case was from its nights,
    as `Decision.first` has it.
    """

    subject: Subject
    before: Before
    noise: Noise
    plan: Plan
    others: tuple[float, ...]
    series: tuple[Cell, ...] = ()
    logs: tuple[float, ...] = ()
    taken: int = 0

    def and_(self, more: Sequence[Cell]) -> Side:
        """This side with further series."""
        good = tuple(one for one in more if not doubts(one))
        return replace(self, series=(*self.series, *good), logs=(*self.logs, *(-math.log(one.rate()) for one in good)),
                       taken=self.taken + len(more))

    def decide(self) -> Decision:
        """What its series tell, one at least."""
        return decide(self.logs, self.before, self.noise, self.plan, self.others)

    def is_hopeless(self, most: int) -> bool:
        """Whether *most* series would leave it open as well."""
        return hopeless(self.logs, self.before, self.noise, self.plan, most, self.others)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What is known in the end. control: None where none was measured. error: what ended it too early.

    is_hopeless: whether its nights differ so much that more series of one night would not settle it.
    """

    case: Side
    decision: Decision
    control: Side | None = None
    error: ClipgateError | None = None
    is_hopeless: bool = False

    @property
    def of_control(self) -> Decision | None:
        return self.control.decide() if self.control and self.control.series else None


def turn(found: Confirmed, most: int) -> tuple[int, int]:
    """How many series are measured next of a case and of its control; those that judge nothing count too."""
    aside = found.control.taken if found.control else 0
    control = found.of_control
    own, again = next_turn(replace(found.decision, series=found.case.taken), replace(control, series=aside) if control else None, most)
    useful = aside < most and not (control and control.outcome is Outcome.LEARNING)  # one without nights tells nothing
    return own, again if useful else 0


def confirm(case: Side, control: Callable[[], Side | None], most: int, say: Callable[[str], None], why: Callable[[Decision], str],
            aside: Side | None = None) -> Confirmed:
    """Measure *case* until its speed is settled, or *most* series of it are taken.

    control: finds the one that is measured in turn with it, once it is worth one. why: what is in doubt, in
    words. An error ends it, and what was measured until then counts. aside: a control with series already.
    """
    found, sought = Confirmed(case, case.decide(), aside), aside is not None
    while found.error is None:
        if found.decision.outcome is Outcome.OPEN and found.case.is_hopeless(most):
            return replace(found, is_hopeless=True)
        more, again = turn(found, most)
        if again and not sought:
            aside, sought = control(), True
        again = again if aside else 0
        if not more and not again:
            return found
        found = _measured(found, aside, more, again, say, why(found.decision))
        aside = found.control or aside
    return found


def _measured(found: Confirmed, aside: Side | None, more: int, again: int, say: Callable[[str], None], why: str) -> Confirmed:
    """The next group of series, in turn as far as both are wanted."""
    case, number = found.case, found.case.taken + (aside.taken if aside else 0)  # no number comes twice
    if aside and more and again:
        both = alternate(case.subject, aside.subject, min(more, again), say, why, before=number)
        case, aside, error = case.and_(both.suspect), aside.and_(both.control), both.error
    else:
        one, count = (aside, again) if aside and again else (case, more)
        taken, error = _alone(one, count, number, say, f"as the control of {case.subject.case}, {why}" if one is aside else why)
        case, aside = (case, one.and_(taken)) if one is aside else (one.and_(taken), aside)
    return Confirmed(case, case.decide(), aside if aside and aside.taken else None, error)


def _alone(side: Side, count: int, number: int, say: Callable[[str], None], why: str) -> tuple[list[Cell], ClipgateError | None]:
    taken: list[Cell] = []
    for next_one in range(number + 1, number + count + 1):
        say(f"{side.subject.case}: {why}; measuring again {next_one - number} of {count}")
        try:
            taken.append(side.subject.take(next_one, anew=False))
        except ClipgateError as error:
            return taken, error
    return taken, None
