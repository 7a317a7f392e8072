"""What an examination of a machine finds: a line for each thing, and the step to take if it is not right."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from tools.errors import ClipgateError
from tools.spec.settings import Settings

Word = Literal["ok", "missing", "wrong", "note"]
OK: Word = "ok"
MISSING: Word = "missing"
WRONG: Word = "wrong"
NOTE: Word = "note"
SETUP = "./tools/setup, then . .venv/bin/activate"
THING_WIDTH = 24


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked for.

    remedy: the step to take, empty where none is needed. device: the name for `--device`, if it is one.
    """

    word: Word
    thing: str
    found: str
    remedy: str = ""
    device: str = ""

    @classmethod
    def of(cls, word: Word, thing: str, error: ClipgateError, remedy: str = "") -> Self:
        """The finding that a stage's error tells of, in the words of that stage."""
        place = f" ({error.where})" if error.where else ""
        return cls(word, thing, f"{error.what}{place}", remedy or error.remedy or "")

    @property
    def good(self) -> bool:
        """Whether one can work with it as it is."""
        return self.word in (OK, NOTE)

    def lines(self) -> list[str]:
        """The finding on one line, its remedy indented below."""
        steps = [f"{'':9}{line.strip()}" for line in self.remedy.splitlines() if line.strip()]
        return [f"{self.word:<7}  {self.thing:<{THING_WIDTH}}  {' '.join(self.found.split())}".rstrip(), *steps]


Look = Callable[[Settings], list[Finding]]
Show = Callable[[str, Mapping[str, Look]], list[Finding]]  # a group's title, and its looks by the thing each looks for


@dataclass(frozen=True, slots=True)
class Examination:
    """What this machine has of a family of devices.

    parts: what the family consists of, its devices among them. rules: what it asks whether it is here or not.
    beside: the parts that measuring can do without, such as the compiler where models are compiled already.
    without: what can be measured while one of these is missing, in words.
    """

    family: str
    parts: tuple[Finding, ...]
    rules: tuple[Finding, ...] = ()
    beside: tuple[str, ...] = ()
    without: str = "only what is compiled already"

    @property
    def present(self) -> bool:
        """Whether any part is here, even a broken one."""
        return any(one.word != MISSING for one in self.parts)

    @property
    def good(self) -> bool:
        """Whether all parts are right, or none is here."""
        return all(one.good for one in (*self.rules, *(self.parts if self.present else ())))

    def usable(self, host: Sequence[Finding]) -> list[Finding]:
        """The devices that can be measured on; *host* is what every family needs."""
        chips = [one for one in self.parts if one.device]
        needed = [one for one in (*host, *self.parts, *self.rules) if one not in chips and one.thing not in self.beside]
        return [one for one in chips if one.good] if all(one.good for one in needed) else []


def attempt(thing: str, look: Callable[[], list[Finding]], refused: Word = WRONG) -> list[Finding]:
    """What *look* finds. Its failure is a finding too, so that others follow; *refused* for our errors."""
    try:
        return look()
    except ClipgateError as error:
        return [Finding.of(refused, thing, error)]
    except ImportError as error:
        return [Finding(MISSING, thing, f"cannot be looked at: {error}", SETUP)]
    except subprocess.TimeoutExpired as error:
        return [Finding(WRONG, thing, f"no answer within {error.timeout:.0f} s", f"run it by hand: {error.cmd}")]
    except (OSError, subprocess.SubprocessError) as error:
        return [Finding(WRONG, thing, f"cannot be looked at: {error}", "see to what the message names, and run this again")]


def run(command: Sequence[str], timeout_s: float, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Let *command* end within *timeout_s*; what it prints is kept as text."""
    return subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          timeout=timeout_s, check=False)


def last_line(text: str) -> str:
    """The last words of a program that failed."""
    return ([line.strip() for line in text.splitlines() if line.strip()] or ["it said nothing"])[-1]
