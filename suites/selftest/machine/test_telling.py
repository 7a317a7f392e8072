"""What a command shows of its work: live lines on a terminal, plain ones elsewhere, and what is said."""

from __future__ import annotations

import io
import os
import re
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import pytest

from tools.machine import child, events, progress_words, telling
from tools.machine.progress import Progress
from tools.machine.screen import Screen
from tools.machine.telling import Teller


class Terminal(io.StringIO):
    """A text that passes for a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CI", "NO_COLOR", events.EVENTS_FD):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def command(stream: io.StringIO, *said: str) -> str:
    """What a command writes to standard error that counts, says and prints."""

    def main(_: object) -> int:
        events.progress("writing inputs", 1, 3, unit="files")
        for text in said:
            events.say(text)
        print("a result")
        events.progress("writing inputs", 2, 3, unit="files")
        return 0

    with redirect_stderr(stream), redirect_stdout(stream):
        assert 0 == events.run_command(main, [])
    return stream.getvalue()


def test_a_command_shows_live_lines_on_a_terminal_and_clears_them(plain: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it prints anything, and when it ends; then nobody shows anything any more."""
    monkeypatch.setattr(telling, "PAINT_S", 0.0)
    shown = command(Terminal(), "a word")

    assert re.search(r"writing inputs\S* .* 1 of 3 files", shown)
    assert "\x1b[Ja word\na result\n" in shown
    assert shown.endswith("\r\x1b[J")
    assert ([], []) == (events.SHOWING, events.TICKS)


@pytest.mark.parametrize(("every_s", "told"), [(0.0, 2), (30.0, 0)])
def test_a_command_writes_plain_lines_elsewhere(plain: None, monkeypatch: pytest.MonkeyPatch, every_s: float, told: int) -> None:
    monkeypatch.setattr(progress_words, "EVERY_S", every_s)
    shown = command(io.StringIO(), "a word")

    assert "\x1b" not in shown
    assert told == shown.count("clipgate: writing inputs ")
    assert 1 == shown.count("a word\n") == shown.count("a result\n")


def test_a_process_that_is_forked_shows_nothing_of_its_own(plain: None) -> None:
    """Its words come plainly; it neither waits for its parent's lock nor paints over it."""
    stream = io.StringIO()
    lines: list[str] = []
    teller = Teller(Progress(), lines.append, lines.append)
    teller._process = os.getpid() + 1

    assert not teller.is_mine
    with redirect_stderr(stream):
        events.SHOWING.append(teller)
        try:
            events.say("a word")
        finally:
            events.SHOWING.remove(teller)
    assert ("a word\n", []) == (stream.getvalue(), lines)


def test_time_that_passes_without_a_word_of_a_child_ticks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that its silence can be told."""
    monkeypatch.setattr(child, "TICK_S", 0.05)
    ticks: list[int] = []
    monkeypatch.setattr(events, "TICKS", [lambda: ticks.append(1)])
    child.call(partial(exec, "import time; time.sleep(0.5)"), "sleeping", log=tmp_path / "log", on_event=lambda event: None)

    assert len(ticks) > 4


def test_nothing_is_painted_often_while_a_device_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Painting takes time on a core."""
    now, painted = [0.0], list[float]()
    screen = Screen(io.StringIO(), begun="")
    monkeypatch.setattr(screen, "show", lambda state: painted.append(state.now_s))
    teller = Teller(Progress(), print, print, screen, lambda: now[0])
    for step in ("scoring", telling.TIMING):
        for _ in range(40):
            now[0] += 0.125
            teller.hear({"kind": "progress", "text": step, "done": 1, "total": 2})

    assert (20, 2) == (sum(at <= 5 for at in painted), sum(at > 5 for at in painted))


def test_who_reads_no_more_ends_no_work(plain: None) -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    telling.of_command(Closed()).hear({"kind": "say", "text": "a word"})


