"""What an examination of a machine finds: one line a finding, and below it what to do where something is not as it must be."""

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

    remedy: the step to take where it is missing or wrong, empty where none is needed. device: as `--device` names it,
    where the thing is a device.
    """

    word: Word
    thing: str
    found: str
    remedy: str = ""
    device: str = ""

    @classmethod
    def of(cls, word: Word, thing: str, error: ClipgateError, remedy: str = "") -> Self:
        """What a stage would have refused to work with, in its own words."""
        place = f" ({error.where})" if error.where else ""
        return cls(word, thing, f"{error.what}{place}", remedy or error.remedy or "")

    @property
    def good(self) -> bool:
        """Whether one can work with it as it is."""
        return self.word in (OK, NOTE)

    def lines(self) -> list[str]:
        """The finding on one line, its remedy indented below."""
        told = " ".join(self.found.split())
        steps = [f"{'':9}{line.strip()}" for line in self.remedy.splitlines() if line.strip()]
        return [f"{self.word:<7}  {self.thing:<{THING_WIDTH}}  {told}".rstrip(), *steps]


Look = Callable[[Settings], list[Finding]]
Show = Callable[[str, Mapping[str, Look]], list[Finding]]  # a group's title and its looks by what each looks for


@dataclass(frozen=True, slots=True)
class Examination:
    """What there is of a family of devices on this machine.

    parts: what it consists of, its devices among them; rules: what holds for it whether it is there or not.
    beside: the things that a device is measured without, as its compiler is where models are compiled already.
    """

    family: str
    parts: tuple[Finding, ...]
    rules: tuple[Finding, ...] = ()
    beside: tuple[str, ...] = ()

    @property
    def present(self) -> bool:
        """Whether anything of it is here, be it broken."""
        return any(one.word != MISSING for one in self.parts)

    @property
    def good(self) -> bool:
        """Whether all of it is right, or nothing of it is here."""
        return all(one.good for one in (*self.rules, *(self.parts if self.present else ())))

    def usable(self, host: Sequence[Finding]) -> list[Finding]:
        """The devices that can be measured on, *host* being what every family needs."""
        chips = [one for one in self.parts if one.device]
        needed = [one for one in (*host, *self.parts, *self.rules) if one not in chips and one.thing not in self.beside]
        return [one for one in chips if one.good] if all(one.good for one in needed) else []


def attempt(thing: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What *look* finds; where it fails, that is the finding, so that the others are still made."""
    try:
        return look()
    except ClipgateError as error:
        return [Finding.of(WRONG, thing, error)]
    except ImportError as error:
        return [Finding(MISSING, thing, f"cannot be looked at: {error}", SETUP)]
    except subprocess.TimeoutExpired as error:
        return [Finding(WRONG, thing, f"no answer within {error.timeout:.0f} s", f"run it by hand: {error.cmd}")]
    except (OSError, subprocess.SubprocessError) as error:
        return [Finding(WRONG, thing, f"cannot be looked at: {error}", "see to what the message names, and run this again")]


def last_line(text: str) -> str:
    """What a program that failed said at the end."""
    return ([line.strip() for line in text.splitlines() if line.strip()] or ["it said nothing"])[-1]
