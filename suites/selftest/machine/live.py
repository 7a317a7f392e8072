"""What a terminal is given while a run goes on, event by event, as text.

python -m suites.selftest.machine.live   writes down what it is given now
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tools.machine import progress_words as words
from tools.machine.event import Event
from tools.machine.progress import Progress
from tools.machine.screen import Screen
from tools.machine.telling import Teller

WRITTEN = Path(__file__).with_name("written") / "live.txt"
SIZES = ((80, 24), (42, 9), (20, 3), (19, 24), (80, 2))  # columns and rows
CASES = {"tsm-bs16-npu0": ["a", "f"], "slowfast-bs8-npu1": ["a"], "bsn-bs1-cpu": ["a"]}
LAST_S = 9002
LONG = "a step of which much is to be said, more than fits beside a bar"


class Terminal(io.StringIO):
    """A terminal on which one sees where its writer made sure that all is seen."""

    def flush(self) -> None:
        self.write("|")


def counted(text: str, done: int, total: int, worker: str = "gw0", unit: str = "clips", **more: float) -> Event:
    return {"kind": "progress", "text": text, "done": done, "total": total, "unit": unit, "worker": worker,
            **more}  # type: ignore[typeddict-item]


def cell(case: str, worker: str) -> Event:
    return {"kind": "cell", "case": case, "device": "npu:0", "worker": worker}


HEARD: list[tuple[float, Event | str]] = [  # a time, and an event, an answer or what others write
    (0, "begins\n"), (0, cell("tsm-bs16-npu0", "gw0")),
    (1, {"kind": "stage", "text": "making a graph", "takes": "minutes", "worker": "gw0"}),
    (2, {"kind": "alive", "worker": "gw0"}), (14, {"kind": "say", "text": "said \x1b", "worker": "gw0"}), (15, "half a line"),
    (15.2, counted("scoring", 0, 3783)), (16, counted("scoring", 120, 3783, busy=0.374)), (20, " and its end\n"),
    (21, cell("slowfast-bs8-npu1", "gw1")),
    (22, {"kind": "stage", "text": "measuring slowfast-bs8-npu1", "usual_s": 60.0, "worker": "gw1"}),
    (30, counted("scoring", 1500, 3783, busy=0.41)), (31, {"kind": "alive", "text": "waiting: bob", "worker": "gw1"}),
    (33, counted(LONG, 5, 5, unit="")), (40, "ends a"), (41, "answer tsm-bs16-npu0 a PASS"), (41, "answer tsm-bs16-npu0 f "),
    (60, cell("bsn-bs1-cpu", "gw0")), (61, counted("timing", 3, 20, unit="iterations")), (62, counted("timing", 4, 20, unit="iterations")),
    (64, counted("timing", 5, 20, unit="iterations")), (90, {"kind": "ended", "text": "measuring slowfast-bs8-npu1", "worker": "gw1"}),
    (91, "\rwritten anew"), (92, counted("timing", 19, 20, unit="iterations")), (200, {"kind": "alive", "worker": "gw1"}),
    (201, "answer slowfast-bs8-npu1 a FAIL"), (9000, {"kind": "alive", "worker": "gw0"}), (9001, "answer bsn-bs1-cpu a PASS"),
    (9002, {"kind": "alive", "worker": "gw0"})]


def played(teller: Teller, screen: Screen | None, time: list[float]) -> Iterator[None]:
    for now, event in HEARD:
        time[0] = now
        if screen and now == LAST_S:
            screen.flush()
        if isinstance(event, str) and event.startswith("answer "):
            _, case, test, word = event.split(" ")
            if teller.progress.answer(case, test, now) or word:
                teller.progress.judge(word or "PASS")
        elif isinstance(event, str):
            if screen:
                screen.write(event)
        else:
            teller.hear(event)
        yield


def on_terminal() -> Iterator[str]:
    """What each event makes a screen of this size write."""
    stream, time = Terminal(), [0.0]
    screen = Screen(stream, begun="")
    teller = Teller(Progress(CASES, 2), partial(print, file=screen), partial(print, file=screen), screen, lambda: time[0])
    for _ in played(teller, screen, time):
        yield f"{time[0]:g} {stream.getvalue()!r}"
        stream.seek(0)
        stream.truncate()
    teller.show_no_more()
    yield f"{time[0]:g} {stream.getvalue()!r}"


def told() -> Iterator[str]:
    """For each size of a terminal what is written on it; then the lines of a log, and words of durations."""
    for columns, rows in SIZES:
        yield f"== {columns} x {rows}"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            patch.setenv("LINES", str(rows))
            yield from on_terminal()
    lines: list[str] = []
    time = [0.0]
    teller = Teller(Progress(CASES, 1), lines.append, lambda text: lines.append(f"{time[0]:g} {text}"), None, lambda: time[0])
    for _ in played(teller, None, time):
        lines.append(f"{time[0]:g}: {words.line(teller.now())}")
    yield from ("== a log", *lines)
    yield from (f"{seconds:g} {words.duration(seconds)}" for seconds in (0.5, 1.5, 99, 99.9, 100, 149, 151, 5969, 5970, 5999, 7200, 7290))


if __name__ == "__main__":
    WRITTEN.write_text("".join(f"{line}\n" for line in told()), encoding="utf-8")
