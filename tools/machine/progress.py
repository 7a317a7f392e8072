"""How far a run is: what is done of how much, and what goes on. Pure: events and the time are given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from tools.machine.event import Event

SILENT_S = 10.0  # from here on who says nothing is named, unless that is how it works


@dataclass(frozen=True, slots=True)
class Work:
    """What one process works on; times are those of the caller's clock, in seconds.

    doing: the stage that goes on. step: what it counts, *done* of *total*. waiting: for whom, if it waits.
    busy: the share of the time that the device ran. takes, usual_s: how long the stage takes, in words, and
    how long it took last time. counted: when the step was first heard of, when last, and how much was done
    first. longest_s: between two events of a step.
    """

    began_s: float
    heard_s: float
    case: str = ""
    device: str = ""
    doing: str = ""
    step: str = ""
    waiting: str = ""
    done: int = 0
    total: int = 0
    unit: str = ""
    busy: float | None = None
    takes: str = ""
    usual_s: float | None = None
    counted: tuple[float, float, int] = (0.0, 0.0, 0)
    longest_s: float = 0.0

    def after(self, event: Event, now: float) -> Work:
        """The same work once it has told an event."""
        kind, longest = event["kind"], max(self.longest_s, now - self.heard_s)
        if kind == "cell":
            return Work(now, now, event["case"], event["device"])
        if kind in ("stage", "ended"):
            return Work(now, now, self.case, self.device, doing=event["text"] if kind == "stage" else "",
                        takes=event.get("takes", ""), usual_s=event.get("usual_s"))
        if kind == "progress":
            return self._counted(event, now, longest)
        return replace(self, heard_s=now, longest_s=longest, waiting=event.get("text", self.waiting) if kind == "alive" else "")

    def _counted(self, event: Event, now: float, longest: float) -> Work:
        goes_on = event["text"] == self.step and event["done"] >= self.done
        first = self.counted if goes_on else (now, now, event["done"])
        return replace(self, heard_s=now, longest_s=longest if goes_on else 0.0, step=event["text"], waiting="", done=event["done"],
                       total=event["total"], unit=event.get("unit", ""), busy=event.get("busy"), counted=(first[0], now, first[2]))

    @property
    def per_s(self) -> float | None:
        """How much of the step is done in a second, from the first that was heard of it to the last."""
        first, last, before = self.counted
        return (self.done - before) / (last - first) if last > first and self.done > before else None

    def left_s(self, now: float) -> float | None:
        """Seconds until the step ends, or the stage where nothing is counted; None where nobody knows."""
        if self.step and self.per_s and self.done < self.total:
            return max(0.0, (self.total - self.done) / self.per_s - (now - self.counted[1]))
        if self.usual_s is not None and not self.step:
            return max(0.0, self.usual_s - (now - self.began_s))
        return None

    def silent_s(self, now: float) -> float:
        """For how long it says nothing, where that is longer than is usual for it; else 0."""
        quiet = now - self.heard_s
        return quiet if quiet > max(SILENT_S, 2 * self.longest_s) else 0.0


@dataclass(frozen=True, slots=True)
class State:
    """How far a run is at one moment. verdicts: how many cells ended with each word, in the order they came.

    left_s: until its last cell ends, as far as those that ended tell; None before the first.
    """

    now_s: float
    cells: int
    total: int
    verdicts: Mapping[str, int]
    works: tuple[Work, ...]
    left_s: float | None


class Progress:
    """Gathers what a run is told. Commands have no cells, only work."""

    def __init__(self, tests: Mapping[str, Collection[str]] | None = None, lanes: int = 1) -> None:
        """tests: those of each cell. lanes: how many cells are measured at once."""
        self._left = {case: set(names) for case, names in (tests or {}).items()}
        self._total, self._lanes = len(self._left), lanes
        self._verdicts: Counter[str] = Counter()
        self._began: dict[str, float] = {}
        self._took: list[float] = []
        self._works: dict[str, Work] = {}

    def hear(self, event: Event, now: float) -> None:
        """Note an event. A tale of unheard-of work begins it; an end without a text ends all of it."""
        place = event.get("worker", "")
        if event["kind"] == "ended" and "text" not in event:
            self.forget(place)
            return
        work = self._works.get(place, Work(now, now))
        if event["kind"] == "cell":
            if work.case == event["case"] and place in self._works:
                return
            self._began.setdefault(event["case"], now)
        if event["kind"] != "say" or place in self._works:
            self._works[place] = work.after(event, now)

    def forget(self, worker: str) -> None:
        """A worker has ended."""
        self._works.pop(worker, None)

    def answer(self, case: str, test: str, now: float) -> bool:
        """A test has its answer; whether it was the last one that its cell lacked."""
        left = self._left.get(case, set())
        if test not in left:
            return False
        left.discard(test)
        if left:
            return False
        if case in self._began:
            self._took.append(now - self._began[case])
        self._works = {place: work for place, work in self._works.items() if work.case != case}
        return True

    def judge(self, word: str) -> None:
        """The word that a cell ended with."""
        self._verdicts[word] += 1

    def at(self, now: float) -> State:
        """How far it is."""
        done = sum(not left for left in self._left.values())
        return State(now, done, self._total, dict(self._verdicts), tuple(self._works.values()), self._left_s(self._total - done, now))

    def _left_s(self, cells: int, now: float) -> float | None:
        """What is left, if the other cells take as long as those before."""
        if not self._took:
            return 0.0 if not cells else None
        mean = sum(self._took) / len(self._took)
        begun = sum(min(mean, now - self._began[work.case]) for work in self._works.values() if work.case in self._began)
        known = [left for work in self._works.values() if (left := work.left_s(now)) is not None]
        return max([0.0, (mean * cells - begun) / max(1, min(self._lanes, cells)), *known])
