"""What is wrong with a file that a person has written, gathered so that all of it is told at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import ClipgateError, TruthError

Place = tuple[str | int, ...]  # the keys, and numbers of rows from 0, that lead to a value
LONGEST = 60  # letters of a value that are shown
DIGITS_PER_BIT = 0.30103


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one file, each with its place and a sentence that names things as the file does."""

    found: list[tuple[Place, str]] = field(default_factory=list)

    def add(self, at: Place, sentence: str) -> None:
        self.found.append((at, sentence))

    def settle(self, path: Path, lines: Callable[[], Mapping[Place, int]], remedy: str,
               kind: type[ClipgateError] = TruthError) -> None:
        """Raise all that was found; *lines* is asked where things stand only if there is something.

        Raises:
            ClipgateError: of this *kind*, a line for each fault, in the order of the file.
        """
        if not self.found:
            return
        known = lines()
        numbered = sorted({(_line(at, known), sentence) for at, sentence in self.found})
        told = [f"  {f'line {number}: ' if number else ''}{sentence}" for number, sentence in numbered]
        count = "one thing is" if len(told) == 1 else f"{len(told)} things are"
        raise kind("\n".join([f"{count} wrong in {path.name}:", *told]), where=str(path), remedy=remedy)


def _line(at: Place, lines: Mapping[Place, int]) -> int:
    """The line of a place, or of the nearest thing around it that has one; 0 where nothing has."""
    return next((lines[at[:length]] for length in range(len(at), 0, -1) if at[:length] in lines), 0)


def shown(value: object) -> str:
    """A value as a toml has it, and as a person who wrote it knows it; a long one is cut."""
    return cut(_written(value))


def cut(text: str) -> str:
    """So much of a text as fits into a sentence."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, int) and abs(value) > 10**LONGEST:  # more digits than Python writes, perhaps
        return f"a number of {round(value.bit_length() * DIGITS_PER_BIT)} digits"
    return f'"{value}"' if isinstance(value, str) else str(value)
