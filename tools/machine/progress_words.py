"""How far a run is, in words: a line of a log, and when the next one is due."""

from __future__ import annotations

from tools.machine.progress import State, Work

EVERY_S = 30.0  # between lines of a log
PAUSE_S = 10.0  # what has gone on for so long is told, if it has not been
MOST = 3  # of what goes on at once, in one line
BETWEEN = "looking things up, or judging"  # what this process does where no other works for it


def duration(seconds: float) -> str:
    """43 s, 14 min, 2 h 5 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def amount(work: Work) -> str:
    """How much a step has done: `120 of 3,783 clips`."""
    unit = f" {work.unit}" if work.unit else ""
    of = f" of {work.total:,}" if work.total > work.done else ""
    return f"{work.done:,}{of}{unit}"


def pace(work: Work, now_s: float) -> str:
    """How fast it is, how long it lasts still, and how busy its device is; empty where nobody knows."""
    told = []
    if work.step and work.per_s is not None:
        told.append(f"{work.per_s:.1f} {work.unit}/s" if work.unit else f"{work.per_s:.2g}/s")
    if work.step and (left := work.left_s(now_s)) is not None:
        told.append(f"{duration(left)} left")
    if work.busy is not None:
        told.append(f"device busy {work.busy:.0%}")
    return ", ".join(told)


def elapsed(work: Work, now_s: float) -> str:
    """How long a stage or a cell goes on, beside what is known of how long it takes."""
    spent = now_s - work.began_s
    if work.usual_s is not None and spent > 1.1 * work.usual_s + 1:
        return f"{duration(spent)}, longer than the {duration(work.usual_s)} of last time"
    if work.usual_s is not None:
        return f"{duration(spent)} of about {duration(work.usual_s)}"
    return f"{duration(spent)} (takes {work.takes})" if work.takes else duration(spent)


def trouble(work: Work, now_s: float) -> str:
    """What holds it up, as far as it says so; empty where nothing does."""
    if work.waiting:
        return work.waiting
    silent = work.silent_s(now_s)
    return f"nothing heard for {duration(silent)}" if silent and (work.doing or work.step) else ""


def name(work: Work) -> str:
    """What is worked on: the case, and what is done, which may name it already."""
    if work.case and work.case in work.doing:
        return work.doing
    return ": ".join(filter(None, [work.case, work.doing or ("" if work.step else BETWEEN)]))


def work_words(work: Work, now_s: float) -> str:
    """What goes on in one process."""
    step = ", ".join(filter(None, [f"{work.step} {amount(work)}", pace(work, now_s)])) if work.step else ""
    head = ": ".join(filter(None, [name(work), step]))
    return "; ".join(filter(None, [f"{head}, {elapsed(work, now_s)}" if not step else head, trouble(work, now_s)]))


def cells_words(state: State) -> str:
    """How many cells are done, with which verdicts, and how long the others take; empty of a command."""
    if not state.total:
        return ""
    words = ", ".join(f"{count} {word}" for word, count in state.verdicts.items())
    left = f"; about {duration(state.left_s)} left" if state.left_s is not None and state.cells < state.total else ""
    return f"cells {state.cells} of {state.total} done{f': {words}' if words else ''}{left}"


def line(state: State) -> str:
    """It all on one line."""
    more = [f"and {len(state.works) - MOST} more"] if len(state.works) > MOST else []
    return "; ".join(filter(None, [*(work_words(work, state.now_s) for work in state.works[:MOST]), *more, cells_words(state)]))


class Due:
    """Tells when a line is due: every *every_s* while something goes on, and sooner of what lasts."""

    def __init__(self, now_s: float) -> None:
        self._told_s = self._since_s = now_s
        self._now: object = ()
        self._told: object = ()

    def is_now(self, state: State) -> bool:
        """Whether a line is due at that moment; who asks tells it then."""
        now = [(work.case, work.doing, work.step, work.waiting, work.silent_s(state.now_s) > 0) for work in state.works]
        if now != self._now:
            self._now, self._since_s = now, state.now_s
        quiet_s = state.now_s - self._told_s
        lasts = now != self._told and state.now_s - max(self._since_s, self._told_s) >= PAUSE_S
        if not now or not (quiet_s >= EVERY_S or lasts):
            return False
        self._told_s, self._told = state.now_s, now
        return True
