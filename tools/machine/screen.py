"""A terminal with a few live lines below what others write on it: theirs comes first, and stays whole."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from tools.errors import visible
from tools.machine import progress_words
from tools.machine.progress import State, Work

if TYPE_CHECKING:
    from rich.console import RenderableType

ERASE = "\x1b[J"  # from the cursor to the end of the screen
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
MOST_LINES = 8
BAR = 20  # columns


def can_be_live(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether somebody watches *stream* on a terminal that takes more than plain lines."""
    plain = any(environment.get(name) for name in ("NO_COLOR", "CI")) or environment.get("TERM", "") in ("", "dumb")
    return not plain and stream.isatty()


class Screen:
    """*stream*, on which `show` keeps lines below the one that others write on.

    The cursor stays where they left it. So whatever they write next, through here, erases the lines at once
    and finds its own line as it was. All writing takes *lock*, since a thread may show. begun: what stands on
    their line already; where that is not known, nothing is shown before the next one.
    """

    def __init__(self, stream: TextIO, lock: threading.RLock | None = None, begun: str | None = None) -> None:
        self._stream, self.lock = stream, lock or threading.RLock()
        self._line = begun  # what stands on the others' line
        self._is_shown = False

    def write(self, text: str) -> int:
        with self.lock:
            self.clear()
            self._stream.write(text)
            *before, last = text.split("\n")
            *_, again = last.split("\r")
            if "\r" in last:  # they write their line anew, and may only have gone back so far
                self._line = again or None
            elif before or self._line is not None:
                self._line = last if before else f"{self._line}{last}"
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def clear(self) -> None:
        """Take the lines away."""
        with self.lock:
            if self._is_shown:
                self._stream.write(ERASE)
                self._stream.flush()
            self._is_shown = False

    def show(self, state: State) -> None:
        """Show how far a run is, unless the others' line leaves no place."""
        columns, rows = self._size()
        with self.lock:
            at = None if self._line is None else width(self._line)
            if at is None or at >= columns or rows < 3 or columns < 20:
                return
            lines = rendered(state, columns - 1)[: min(MOST_LINES, rows - 2)]
            if not lines:
                self.clear()
                return
            down = len(lines) if at else len(lines) - 1
            below = "\n".join(lines)
            back = (f"\x1b[{down}A" if down else "") + "\r" + (f"\x1b[{at}C" if at else "")
            self._stream.write(f"{ERASE}{chr(10) if at else ''}{below}{back}")
            self._stream.flush()
            self._is_shown = True

    def _size(self) -> tuple[int, int]:
        """Columns and rows of the terminal that is written on: standard output may be another, or a file."""
        with suppress(OSError, ValueError):  # it is none, or it is closed
            columns, rows = os.get_terminal_size(self._stream.fileno())
            if columns and rows:  # one that nobody has given a size has none
                return columns, rows
        return shutil.get_terminal_size()


def width(text: str) -> int:
    """The columns that a text takes."""
    plain = CODES.sub("", text)
    if plain.isascii():
        return len(plain)
    from rich.cells import cell_len

    return cell_len(plain)


def rendered(state: State, columns: int) -> list[str]:
    """A line for each work and one for the cells, none wider than *columns*."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, overflow="ellipsis")
    grid.add_column(no_wrap=True, width=BAR)
    grid.add_column(no_wrap=True, overflow="ellipsis")
    for work in state.works[: MOST_LINES - 1]:
        name, beside = _names(work, state.now_s)
        grid.add_row(Text(visible(name), style="bold"), _bar(work), Text(visible(beside)))
    console = Console(width=columns, force_terminal=True, color_system="standard", highlight=False, legacy_windows=False,
                      _environ={})
    with console.capture() as caught:
        if state.works:
            console.print(grid, no_wrap=True, crop=True)
        if cells := progress_words.cells_words(state):
            console.print(Text(visible(cells), style="dim"), no_wrap=True, crop=True, overflow="ellipsis")
    return [line.rstrip() for line in caught.get().splitlines()]


def _names(work: Work, now_s: float) -> tuple[str, str]:
    """What is left of a work's bar, and what is right of it."""
    words = progress_words
    name = words.name(work)
    step = words.amount(work) if not name else f"{work.step} {words.amount(work)}"
    told = [step, words.pace(work, now_s)] if work.step else [words.elapsed(work, now_s)]
    return name or work.step, "; ".join(filter(None, [", ".join(filter(None, told)), words.trouble(work, now_s)]))


def _bar(work: Work) -> RenderableType:
    from rich.progress_bar import ProgressBar

    if work.step and work.total > work.done:
        return ProgressBar(total=work.total, completed=work.done, width=BAR)
    return ""
