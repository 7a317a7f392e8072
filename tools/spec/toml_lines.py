"""Where each key of a toml stands, which neither tomllib nor tomlkit says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tools.spec.faults import Place

TOKEN = re.compile(r"""
    (?P<skip> [ \t\r]+ | \#[^\n]*)
  | (?P<text> \"{3} (?:\\.|[^\\])*? \"{3,5} | '{3} .*? '{3,5} | \"(?:\\.|[^\"\\\n])*\" | '[^'\n]*')
  | (?P<mark> [\[\]{}=,.\n])
  | (?P<word> [^\s\[\]{}=,."'\#]+ | .)
""", re.VERBOSE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, a quoted text, or one of `[]{}=,.` and the end of a line."""

    kind: str
    text: str
    line: int


def lines_of(text: str) -> dict[Place, int]:
    """The line of each table, key and row of a *text* that is valid toml, from 1."""
    reader = _Reader(list(_tokens(text)))
    reader.document()
    return reader.lines


def _tokens(text: str) -> Iterator[Token]:
    line = 1
    for match in TOKEN.finditer(text):
        if match.lastgroup != "skip":
            yield Token(str(match.lastgroup), match.group(), line)
        line += match.group().count("\n")


class _Reader:
    """Goes through the tokens once; what cannot be in valid toml is passed over."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.lines: dict[Place, int] = {}
        self.rows: dict[Place, int] = {}  # of each array of tables, how many there were

    def ahead(self, *marks: str) -> bool:
        """Whether the next token is one of *marks*."""
        return self.at < len(self.tokens) and self.tokens[self.at].kind == "mark" and self.tokens[self.at].text in marks

    def document(self) -> None:
        base: Place = ()
        while self.at < len(self.tokens):
            if self.ahead("["):
                base = self.header()
            elif self.tokens[self.at].kind == "mark":
                self.at += 1
            else:
                self.pair(base)

    def header(self) -> Place:
        """`[a.b]`, or `[[a.b]]`, which begins another row."""
        line, opened = self.tokens[self.at].line, self.at
        while self.ahead("["):
            self.at += 1
        several = self.at - opened > 1
        parts = self.key()
        while self.ahead("]"):
            self.at += 1
        place: Place = ()
        for number, part in enumerate(parts, 1):
            place = (*place, part)
            self.lines.setdefault(place, line)
            if several and number == len(parts):
                self.rows[place] = self.rows.get(place, -1) + 1
            if place in self.rows:
                place = (*place, self.rows[place])
            self.lines.setdefault(place, line)
        return place

    def key(self) -> list[str]:
        parts = []
        while self.at < len(self.tokens) and self.tokens[self.at].kind != "mark":
            token = self.tokens[self.at]
            parts.append(token.text if token.kind == "word" else token.text[1:-1])  # an escape in a key costs it its line
            self.at += 1
            if not self.ahead("."):
                break
            self.at += 1
        return parts

    def pair(self, base: Place) -> None:
        """`a.b = value`."""
        line = self.tokens[self.at].line
        for part in self.key():
            base = (*base, part)
            self.lines.setdefault(base, line)
        if self.ahead("="):
            self.at += 1
            self.value(base)

    def value(self, place: Place) -> None:
        if self.ahead("[", "{"):
            self.inside(place, "]" if self.ahead("[") else "}")
            return
        while self.at < len(self.tokens) and not self.ahead(",", "]", "}", "\n"):
            self.at += 1

    def inside(self, place: Place, end: str) -> None:
        """The rows of an array, or the pairs of a table between braces."""
        self.at += 1
        row = 0
        while self.at < len(self.tokens) and not self.ahead(end):
            if self.ahead(",", "\n"):
                self.at += 1
            elif end == "}":
                self.pair(place)
            else:
                self.lines.setdefault((*place, row), self.tokens[self.at].line)
                self.value((*place, row))
                row += 1
        self.at += 1
