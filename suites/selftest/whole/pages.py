"""The pages of this repository, and the commands, anchors and links in them."""

from __future__ import annotations

import itertools
import re
import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.spec.settings import ROOT

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
COMMAND = re.compile(r"(?:(?:\S*/)?python -m tools|pytest|\./tools/\w+)(?![\w-])")
STANDS_FOR = {"MODEL": "tsm", "BATCH": "4", "N": "4", "S": "1", "...": ""}  # what a page leaves to its reader -> what would fit


@dataclass(frozen=True, slots=True)
class Page:
    """A page of this repository, by its path from the root."""

    name: str

    @property
    def path(self) -> Path:
        return ROOT / self.name

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """All but the fenced blocks."""
        return FENCE.sub("", self.text)

    @property
    def code(self) -> list[str]:
        """All blocks, and what stands between backquotes in running text."""
        return [*(block for _, block in FENCE.findall(self.text)), *SPAN.findall(self.prose)]

    @property
    def links(self) -> list[str]:
        return LINK.findall(self.prose)

    @property
    def anchors(self) -> set[str]:
        """The headings as git hosts make anchors of them."""
        return {self.anchor(heading) for heading in HEADING.findall(self.prose)}

    @staticmethod
    def anchor(heading: str) -> str:
        return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")

    def commands(self) -> Iterator[str]:
        """Every command of ours, in a block of sh or in running text."""
        for kind, block in FENCE.findall(self.text):
            if kind == "sh":
                yield from (command for line in block.splitlines() for command in simple_commands(line))
        yield from (command for span in SPAN.findall(self.prose) if COMMAND.match(span) for command in simple_commands(span))


def simple_commands(line: str) -> Iterator[str]:
    """The commands of ours on a line of sh, without the variables set before them."""
    words = shlex.split(line, comments=True)
    for between, group in itertools.groupby(words, lambda word: word in ("&&", ";", "|")):
        command = shlex.join(itertools.dropwhile(lambda word: re.match(r"\w+=", word), group))
        if not between and COMMAND.match(command):
            yield command


def readings(command: str) -> Iterator[list[str]]:
    """The words of a command, once for each choice of its `this

    that`, with something for what is filled in.
    """
    words = [word.strip("[]") for word in shlex.split(command)]
    for chosen in itertools.product(*(word.split("|") for word in words)):
        filled = (STANDS_FOR.get(word, word) for word in chosen)
        yield [word for given, word in zip(words, filled, strict=True) if word or not given]


def columns(line: str) -> int:
    """How many columns a line takes where text is of one width: a Chinese character takes two."""
    return sum(1 + (unicodedata.east_asian_width(letter) in "FW") for letter in line)


PAGES = [Page(str(path.relative_to(ROOT))) for path in (ROOT / "README.md", ROOT / "artifacts" / "README.md", *sorted(
    page for folder in ("suites", "fixtures", "tools") for page in (ROOT / folder).rglob("*.md")), *sorted(
    page for page in ROOT.glob("*.md") if page.name != "README.md"))]
