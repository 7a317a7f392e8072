"""Tonight beside the nights before: a speed is judged, measured again where it is in doubt, and kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from tools.errors import ClipgateError
from tools.judging.confirmed import Conclusion, Word, conclude, faster, percent
from tools.judging.slower import LEAST_SERIES, Before, Decision, Lean, Outcome, Plan
from tools.judging.trend import Trend
from tools.machine import versions
from tools.measuring import again, control
from tools.measuring.alternate import Candidate, Subject, choose
from tools.measuring.cell import Cell
from tools.measuring.doubts import doubts
from tools.measuring.launch import Found
from tools.nights.baseline import Baseline, baseline
from tools.nights.comparable import is_grave
from tools.nights.confirming import Confirmed, Side, confirm
from tools.nights.history import History
from tools.nights.lines import as_read
from tools.nights.measured import record_of, series_of
from tools.nights.record import Record, Role, Series
from tools.nights.record import Word as Recorded
from tools.nights.scores import Earlier, earlier_scores
from tools.spec.case import Case, Device
from tools.spec.figures import Figure
from tools.spec.model import Spec
from tools.storage.context import Context

WORDS: Mapping[Word, Recorded] = {Word.LEARNING: "learning", Word.FINE: "fine", Word.SUSPECT: "suspect", Word.SLOW: "slow",
                                  Word.BAD_DAY: "bad day", Word.MACHINE_SLOW: "bad day"}
SUSPECTED = (Word.SUSPECT, Word.SLOW, Word.BAD_DAY, Word.MACHINE_SLOW)
Again = Callable[[Case], Subject]  # how a cell is timed again as the control of a case


@dataclass(frozen=True, slots=True)
class Speed:
    """What a cell's speed is said to be; *creep*: how it became slower night by night, if it did.

    unsettled: why measuring again could not settle a doubt, whatever was measured; empty where it could.
    """

    baseline: Baseline
    confirmed: Confirmed
    conclusion: Conclusion
    creep: Trend | None = None
    unsettled: str = ""

    @property
    def news(self) -> str:
        """That the case became faster, in words; empty where it did not."""
        before = self.baseline.beside.nights
        return faster(self.confirmed.decision, before[0].began[:10] if before else "then")

    @property
    def in_doubt(self) -> int:
        """For how many nights in a row, with this one, its speed has been in grave doubt."""
        grave = self.conclusion.word is Word.SUSPECT and is_grave(self.conclusion.carried)
        return self.baseline.beside.doubtful + 1 if grave else 0

    @property
    def word(self) -> Recorded:
        """As a history keeps it."""
        return "trend" if self.creep and self.conclusion.word in (Word.FINE, Word.SUSPECT) else WORDS[self.conclusion.word]


@dataclass(slots=True)
class Measured:
    """A cell of this run, what is said of it so far, and its series as the control of others.

    on_bad_day: whether it was found slow as a control.
    """

    cell: Cell
    again: Again | None = None
    speed: Speed | None = None
    as_control: list[Cell] = field(default_factory=list)
    accuracy: Mapping[str, float] = field(default_factory=dict)
    flips: str = ""
    on_bad_day: bool = False
    is_kept: bool = False

    @property
    def word(self) -> Recorded:
        """What is said of its speed, as a history keeps it; empty where nobody judged it."""
        return "bad day" if self.on_bad_day else self.speed.word if self.speed else ""


class Tonight:
    """One process's part of a run: what it has measured so far, and the history, which it reads once."""

    def __init__(self, history: History, run: Path, most: int) -> None:
        """most: how many series of a doubtful cell are taken; 0: none is measured again."""
        self.history, self._run, self._most = history, run, most
        self._nights, self._commit = history.nights(), versions.commit()
        self._measured: dict[Case, Measured] = {}
        self._fixed: dict[Device, Measured | None] = {}

    @property
    def skipped(self) -> list[str]:
        """What was left out of the history, in words."""
        return self._nights.skipped.words

    @property
    def confirms(self) -> bool:
        """Whether doubtful cells are measured again."""
        return self._most > 0

    def of(self, cell: Cell) -> Measured:
        """What is known of the cell tonight."""
        return self._measured.setdefault(cell.case, Measured(cell))

    def earlier_scores(self, cell: Cell) -> Earlier | None:
        """What the last other night with equal digests scored."""
        return earlier_scores(self.history, self._record(cell), cell)

    def judges(self, cell: Cell) -> bool:
        """Whether the cell has nights enough to be judged by."""
        return self._baseline(cell).beside.judges

    def speed(self, context: Context[Spec], cell: Cell, found: Found, plan: Plan) -> Speed:
        """What the cell's speed is said to be, measured again where it is in doubt; its times must be fit."""
        measured = self.of(cell)
        if measured.speed is None:
            device = cell.case.device
            if self._most and device not in self._fixed:
                self._fixed[device] = self._small_graph(context, device, plan)
            subject = again.subject(context, cell, found, self._run)
            measured.again = partial(again.subject, context, cell, found, self._run)
            measured.speed = self._judged(context, cell, subject, plan, self._most)
            if measured.speed.news:
                context.say(f"{cell.case}: {measured.speed.news}")
        return measured.speed

    def beside_figure(self, context: Context[Spec], cell: Cell, speed: Speed, figure: Figure, chips: int) -> Speed:
        """The same beside a stored figure of so many chips; what is measured again counts for both."""
        plan = speed.confirmed.case.plan
        before = Before((), (), (), (), lean=Lean(-math.log(figure.right / chips), 0.0), against=f"the stored figure ({figure.id})")
        side, aside = replace(speed.confirmed.case, before=before), speed.confirmed.control
        found = Confirmed(side, side.decide(), aside)
        if self._most:
            found = confirm(side, partial(self._control, cell.case, plan), self._most, context.say, _doubt, aside)
            own = replace(found.case, before=speed.baseline.before)
            measured = self.of(cell)
            measured.speed = replace(speed, confirmed=Confirmed(own, own.decide(), found.control, found.error))
        said = conclude(found.decision, found.of_control, speed.baseline.beside.bad_days, plan)
        return Speed(speed.baseline, found, said, unsettled=self._unsettled(found))

    def keep(self, cell: Cell) -> None:
        """Leave the record of a judged cell, and anew that of its control; errors as for `append`."""
        measured = self.of(cell)
        aside = measured.speed.confirmed.control if measured.speed else None
        if measured.speed and aside and not measured.is_kept:
            beside = self._measured[aside.subject.case]
            beside.as_control += aside.series
            beside.on_bad_day |= measured.speed.conclusion.word in (Word.BAD_DAY, Word.MACHINE_SLOW)
        fixed = self._fixed.get(cell.case.device)
        for one in (measured, *([self._measured[aside.subject.case]] if aside else []), *([fixed] if fixed and not fixed.is_kept else [])):
            self._append(one)

    def _append(self, measured: Measured) -> None:
        speed, cell = measured.speed, measured.cell
        wall_s = sum(part.record.scoring_s + sum(part.times.series if part.times else ()) for part in cell.parts)
        self.history.append(record_of(cell, run=self._run.name, wall_s=wall_s, word=measured.word,
                                      ratio=speed.conclusion.carried if speed else 0.0, series=_series(measured),
                                      accuracy=measured.accuracy, flips=measured.flips, commit=self._commit))
        measured.is_kept = True

    def _judged(self, context: Context[Spec], cell: Cell, subject: Subject, plan: Plan, most: int) -> Speed:
        beside = self._baseline(cell)
        side = self._side(cell, subject, beside, plan, (cell,))
        confirmed = Confirmed(side, side.decide())
        if most:
            confirmed = confirm(side, partial(self._control, cell.case, plan), most, context.say, _doubt)
        said = conclude(confirmed.decision, confirmed.of_control, beside.beside.bad_days, plan)
        return Speed(beside, confirmed, said, beside.creep(confirmed.case.logs), self._unsettled(confirmed))

    def _unsettled(self, confirmed: Confirmed) -> str:
        if confirmed.error:
            return f"measuring again ended: {confirmed.error.what}"
        if 0 < self._most < LEAST_SERIES:
            return f"--confirm {self._most} allows fewer series than the {LEAST_SERIES} that settle a doubt"
        return ""

    def _baseline(self, cell: Cell) -> Baseline:
        return baseline(self._nights, self._record(cell))

    def _record(self, cell: Cell) -> Record:
        """What tells which nights the cell's are."""
        return as_read(record_of(cell, run=self._run.name, wall_s=0.0))

    def _side(self, cell: Cell, subject: Subject, beside: Baseline, plan: Plan, series: tuple[Cell, ...]) -> Side:
        decided = [one.speed.confirmed.decision for case, one in self._measured.items()
                   if one.speed and case != cell.case and case.device == cell.case.device]
        others = tuple(one.first for one in decided if one.outcome is not Outcome.LEARNING)
        return Side(subject, beside.before, beside.noise, plan, others).and_(series)

    def _small_graph(self, context: Context[Spec], device: Device, plan: Plan) -> Measured | None:
        """The control that every device has, timed once a run; None where that fails, which is said."""
        try:
            cell = control.control_series(context, device, self._run)
        except ClipgateError as error:
            context.say(f"no control on {device}: {error.what}")
            return None
        measured = self.of(cell)
        measured.again = partial(control.subject, context, device, self._run)
        if not doubts(cell):
            measured.speed = self._judged(context, cell, measured.again(cell.case), plan, 0)
        return measured

    def _control(self, suspect: Case, plan: Plan) -> Side | None:
        """The cell that is measured in turn with a suspect: another of this run, else the small graph."""
        fixed = self._fixed.get(suspect.device)
        there = [Candidate(one.cell, one.again(suspect), len(one.speed.baseline.beside.nights), one.speed.conclusion.word in SUSPECTED)
                 for one in self._measured.values() if one.again and one.speed and one is not fixed
                 and one.speed.confirmed.decision.outcome is not Outcome.LEARNING]
        chosen = choose(there, suspect)
        measured = self._measured[chosen.cell.case] if chosen else fixed
        if measured is None or measured.again is None or measured.speed is None:
            return None
        return self._side(measured.cell, measured.again(suspect), measured.speed.baseline, plan, ())


def _series(measured: Measured) -> list[Series]:
    """All series of tonight that may be judged: its own, those that confirm it, and those as a control."""
    confirmed = measured.speed.confirmed.case.series if measured.speed else (measured.cell,)
    roles: list[tuple[Role, Cell]] = [("again" if number else "own", one) for number, one in enumerate(confirmed)]
    roles += [("control", one) for one in measured.as_control]
    timed = [(role, [part.times for part in one.parts if part.times is not None]) for role, one in roles]
    return [series_of(times, role) for role, times in timed if len(times) == len(measured.cell.parts)]


def _doubt(decision: Decision) -> str:
    """Why a cell is measured again, in words."""
    if decision.outcome is Outcome.LEARNING:
        return "learning how far one series lies from the next"
    return f"{percent(decision.shift)} time a clip beside its nights"
