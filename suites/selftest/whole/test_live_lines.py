"""Live lines on a terminal: a run is played on a made-up screen, where pytest's own lines stay whole."""

from __future__ import annotations

import io
import os
import pty
import re
import shutil
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import progress
from suites.selftest.conftest import TINY_MODELS, clean_environment
from suites.selftest.simulated.npu import SimulatedNpu
from tools.machine.progress import State, Work
from tools.machine.screen import Screen
from tools.spec.settings import ROOT

COLUMNS = 200
STAND_IN = '''
import time
from tools.machine import events

def test_accuracy(case, on_event):
    print("what a test prints")
    for done in range(1, 4):
        on_event({"kind": "progress", "text": "scoring", "done": done, "total": 9, "unit": "clips"})
        events.tick()
        time.sleep(0.26)
    on_event({"kind": "say", "text": f"said of {case}"})

def test_fidelity(case):
    time.sleep(0.3)
'''
CODE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b")
UNENDED = re.compile(r"collecting [.]{3} |bringing up nodes[.]{3}")  # which a terminal writes over
TIMES = re.compile(r"in \d+\.\d+s|\d{8}-\d{6}-\d+|\bgw\d\b")


class Glass:
    """What a terminal shows: it knows lines, returns, and the few codes that are used here."""

    def __init__(self) -> None:
        self.rows, self.row, self.column = [""], 0, 0

    def play(self, text: str) -> None:
        at = 0
        for code in CODE.finditer(text):
            self._write(text[at : code.start()])
            assert code[2], f"an unknown code before {text[code.start() + 1:][:9]!r}"
            self._do(code[2], code[1])
            at = code.end()
        self._write(text[at:])

    def _do(self, letter: str, number: str) -> None:
        if letter == "A":
            self.row -= int(number)
            assert self.row >= 0
        elif letter == "C":
            self.column += int(number)
        elif letter in "JK":
            assert number in ("", "0")
            self.rows[self.row] = self.rows[self.row][: self.column]
            if letter == "J":
                del self.rows[self.row + 1 :]
        else:
            assert letter == "m", f"what does {number}{letter}?"

    def _write(self, text: str) -> None:
        for letter in text:
            if letter == "\n":
                self.row += 1
                self.rows += [""] * (self.row == len(self.rows))
            elif letter == "\r":
                self.column = 0
            else:
                assert self.column < COLUMNS, "it writes over the edge"
                line = self.rows[self.row].ljust(self.column)
                self.rows[self.row] = line[: self.column] + letter + line[self.column + 1 :]
                self.column += 1

    @property
    def text(self) -> str:
        return "\n".join(row.rstrip() for row in self.rows).strip()


Start = Callable[..., str]


@pytest.fixture
def arguments(own_store: Path, tmp_path: Path) -> Iterator[list[str]]:
    """A run of stand-ins of a cell on each of two simulated devices."""
    folder = own_store / "stand-ins" / tmp_path.name  # below the project, whose conftest it is to have
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_stand_in.py").write_text(STAND_IN)
    yield ["-p", "no:cacheprovider", f"--models={TINY_MODELS}", f"--artifacts={tmp_path}", "--history=off", "--device=npu:0,npu:1",
           "-k", "bs1-", str(folder / "test_stand_in.py")]
    shutil.rmtree(folder)


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    plain = {name: value for name, value in clean_environment().items() if name not in ("CI", "NO_COLOR")}
    return {**plain, **SimulatedNpu(tmp_path, devices=2).environment(), "TERM": "xterm", "COLUMNS": str(COLUMNS), "LINES": "30", **more}


def on_terminal(arguments: Sequence[str], given: dict[str, str]) -> str:
    """All that a run writes on a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=given, stdin=theirs, stdout=theirs, stderr=theirs):
        os.close(theirs)
        found = b""
        while chunk := read(ours):
            found += chunk
    os.close(ours)
    return found.decode().replace("\r\n", "\n\r")


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the kernel's word for the end of a terminal
        return b""


def on_pipe(arguments: Sequence[str], given: dict[str, str]) -> str:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, env=given, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout


def lines(text: str) -> list[str]:
    """What a run says, without times and what depends on who was first."""
    return [TIMES.sub("", line).rstrip("= ").lstrip("= ") for line in UNENDED.sub("", text).splitlines() if line.strip()]


def in_any_order(text: str) -> list[str]:
    """Lines, in which the dots of all tests count as one."""
    found = [line for line in lines(text) if not re.search(r"worker|item|^[.]+( +\[|$)", line)]
    dots = sum(len(line.split()[0]) for line in lines(text) if re.match(r"[.]+( +\[|$)", line))
    return sorted([*found, "." * dots])


@pytest.mark.parametrize("more", [["-v"], ["-q", "-n", "2"]])
def test_live_lines_leave_the_others_as_a_pipe_has_them(arguments: list[str], tmp_path: Path, more: list[str]) -> None:
    """At the end the screen shows what a pipe gets, line by line; in between how far the run is."""
    given = environment(tmp_path)
    shown, glass = on_terminal([*arguments, *more], given), Glass()
    glass.play(shown)
    piped = on_pipe([*arguments, *more], given)

    assert "scoring 3 of 9 clips" in shown, shown
    assert "cells 0 of 2 done" in shown
    assert "\x1b" not in piped
    if "-n" in more:  # whose worker is first is chance, and pytest-xdist counts its workers on a terminal only
        assert in_any_order(piped) == in_any_order(glass.text)
    else:
        assert lines(piped) == lines(glass.text)


@pytest.mark.parametrize(("more", "plain"), [(["-s"], {}), ([], {"NO_COLOR": "1"}), ([], {"TERM": "dumb"}), (["-qq"], {}),
                                             ([], {"CI": "true"})])
def test_where_lines_could_not_stay_whole_there_are_none(more: list[str], plain: dict[str, str]) -> None:
    """What a test prints goes to the terminal by itself under -s; the others ask for plain text."""
    asked = SimpleNamespace(capture="no" if "-s" in more else "fd", usepdb=False)
    writer: Any = SimpleNamespace(_file=SimpleNamespace(isatty=lambda: True))
    config: Any = SimpleNamespace(option=asked, get_terminal_writer=lambda: writer, get_verbosity=lambda: -2 * ("-qq" in more))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CI", "NO_COLOR"):
            patch.delenv(name, raising=False)
        for name, value in {"TERM": "xterm", **plain}.items():
            patch.setenv(name, value)

        assert (None, None) == progress.screen_of(config, threading.RLock())


def played(stream: io.StringIO) -> Glass:
    """As a terminal does it, which returns at the end of a line."""
    glass = Glass()
    glass.play(stream.getvalue().replace("\n", "\n\r"))
    return glass


def state(*steps: str) -> State:
    return State(0.0, 0, 2, {}, tuple(Work(0.0, 0.0, step=step, done=1, total=3) for step in steps), None)


def test_whatever_is_written_finds_its_line_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a line that is not ended, one with colours, and one that is as wide as the screen."""
    monkeypatch.setenv("COLUMNS", "60")
    stream = io.StringIO()
    screen = Screen(stream, begun="")
    alone = io.StringIO()
    for text in ("a line\n", "dots \x1b[32m.", ".\x1b[0m", "F [ 50%]\n", "x" * 60, "\n", "collecting\rcollected!", " 3", "\nend"):
        screen.write(text)
        alone.write(text)
        assert played(alone).text == played(stream).text
        screen.show(state("one", "two"))
    below = played(stream).rows[played(stream).row + 1 :]
    screen.clear()

    assert ["one", "two", "cells"] == [row.split()[0] for row in below]
    assert f"a line\ndots ..F [ 50%]\n{'x' * 60}\ncollected! 3\nend" == played(stream).text


def test_live_lines_are_no_wider_or_higher_than_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names may be long and may hold what a terminal obeys; many things may go on at once."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "6")
    stream = io.StringIO()
    Screen(stream, begun="").show(state(*[f"step {number} \x1b[2J{'long ' * 50}" for number in range(20)]))
    rows = played(stream).rows

    assert 4 == len(rows)
    assert all(len(row) < 40 for row in rows)
    assert "\x1b[2J" not in stream.getvalue()


def test_live_lines_fit_the_terminal_that_they_are_written_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the one that standard output is, which pytest's capture replaces, nor what the environment says."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "30")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (10, 40))
    with os.fdopen(theirs, "w") as stream:
        Screen(stream, begun="").show(state(*[f"step {number} {'long ' * 50}" for number in range(20)]))
        shown = Glass()
        shown.play(os.read(ours, 65536).decode().replace("\r\n", "\n\r"))
    os.close(ours)

    assert 8 == len(shown.rows)
    assert all(len(row) < 40 for row in shown.rows)
