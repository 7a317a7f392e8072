"""Shows what goes on: live lines on a terminal, else a plain one now and then, so that no pause is silent."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from tools.errors import on_one_line, visible
from tools.machine.event import Event
from tools.machine.progress import Progress, State
from tools.machine.progress_words import Due, line
from tools.machine.screen import Screen, can_be_live

PAINT_S = 0.25  # between two pictures
TIMING = "timing"  # the step that nothing is to disturb
PAINT_TIMING_S = 2.0

Clock = Callable[[], float]
Write = Callable[[str], None]


class Teller:
    """Hears events, and shows how far everything is when it hears one or is told that time passes.

    say: writes what a process says. tell: writes a line of ours. screen: where live lines go; without one
    there are plain ones.
    """

    def __init__(self, progress: Progress, say: Write, tell: Write, screen: Screen | None = None, clock: Clock = time.monotonic) -> None:
        self.progress, self._say, self._tell, self._screen, self._clock = progress, say, tell, screen, clock
        self._due, self._painted_s, self._process = Due(clock()), -PAINT_TIMING_S, os.getpid()

    @property
    def is_mine(self) -> bool:
        """Whether this process made it: a forked one shows nothing."""
        return self._process == os.getpid()

    def hear(self, event: Event) -> None:
        self.progress.hear(event, self._clock())
        if event["kind"] == "say":
            self._say(visible(event["text"]))
        elif event["kind"] in ("progress", "alive"):  # what begins or ends is shown once it has lasted
            self.tick()

    def tick(self) -> None:
        """Some time has passed."""
        state = self.now()
        if self._screen is None:
            if self._due.is_now(state):
                self._tell(on_one_line(line(state)))
            return
        every_s = PAINT_TIMING_S if any(work.step == TIMING for work in state.works) else PAINT_S
        if state.now_s - self._painted_s >= every_s:
            self._painted_s = state.now_s
            self._screen.show(state)

    def now(self) -> State:
        """How far everything is."""
        return self.progress.at(self._clock())

    def show_no_more(self) -> None:
        """Leave the terminal to others from now on."""
        self.make_room()
        self._screen = None

    def make_room(self) -> None:
        """Others write on this terminal now."""
        if self._screen is not None:
            self._screen.clear()


def of_command(stream: TextIO) -> Teller:
    """What shows a command's work on *stream*."""
    screen = Screen(stream, begun="") if can_be_live(stream) else None

    def say(text: str) -> None:
        with suppress(BrokenPipeError):  # nobody reads it any more; the work goes on
            print(text, file=screen or stream, flush=True)

    return Teller(Progress(), say, lambda text: say(f"clipgate: {text}"), screen)
