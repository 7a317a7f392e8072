"""A page in Chinese says what its English one says: the same parts, links and numbers in the same order."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from suites.selftest.whole.pages import FENCE, HEADING, LINK, PAGES, SPAN, Page
from tools.spec.settings import ROOT

CHINESE = ".zh-CN.md"
TRANSLATED = [page for page in PAGES if page.name.endswith(CHINESE)]
CUT = re.compile(r"^(?=#+ )", re.MULTILINE)
COMMENT = re.compile(r"(?:^|(?<=\s))# .*$", re.MULTILINE)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
LETTER = re.compile("[\N{CJK UNIFIED IDEOGRAPH-4E00}-\N{CJK UNIFIED IDEOGRAPH-9FFF}]")


@dataclass(frozen=True, slots=True)
class Part:
    """What both languages have in common below one heading."""

    level: int
    blocks: tuple[tuple[str, str], ...]
    tables: tuple[tuple[int, int], ...]
    items: int
    paragraphs: int
    spans: frozenset[str]
    links: Counter[str]
    numbers: Counter[str]


def english(page: Page) -> Page:
    return Page(page.name.replace(CHINESE, ".md"))


def meant(page: Page, link: str) -> str:
    """Where a link leads, as the English pages name it: a heading by its place on its page."""
    if link.startswith("https://"):
        return link
    path, _, anchor = link.partition("#")
    target = Page(os.path.relpath((page.path.parent / path).resolve() if path else page.path, ROOT))
    if not anchor:
        return english(target).name
    return f"{english(target).name}#{[Page.anchor(heading) for heading in HEADING.findall(target.prose)].index(anchor)}"


def tables(text: str) -> tuple[tuple[int, int], ...]:
    """The rows and columns of each table."""
    found = re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE)
    return tuple((len(lines), lines[0].count("|")) for lines in map(str.splitlines, found))


def parts(page: Page) -> list[Part]:
    """A page, heading by heading; `#` in a block is no heading."""
    blocks = FENCE.findall(page.text)
    told = FENCE.sub("```\n", page.text)
    found = []
    for text in CUT.split(told)[1:]:
        own = [blocks.pop(0) for _ in range(text.count("```\n"))]
        prose = SPAN.sub("", LINK.sub("", text))
        found.append(Part(
            len(text) - len(text.lstrip("#")),
            tuple((kind, COMMENT.sub("#", block) if kind == "sh" else block) for kind, block in own),
            tables(text), len(re.findall(r"^(?:\* |\d+\. )", text, re.MULTILINE)), len(re.split(r"\n\n+", text.strip())),
            frozenset(SPAN.findall(text)), Counter(meant(page, link) for link in LINK.findall(text)), Counter(NUMBER.findall(prose))))
    return found


def test_the_first_page_and_ascends_are_there_in_chinese() -> None:
    """Who reads Chinese only gets from the first page to a verdict on a device."""
    assert {"README.zh-CN.md", "tools/engines/ascend/README.zh-CN.md"} <= {page.name for page in TRANSLATED}


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_both_languages_say_the_same(page: Page) -> None:
    """Headings, blocks, tables, lists, paragraphs, what is in backquotes, links, and numbers."""
    for theirs, ours in zip(parts(english(page)), parts(page), strict=True):
        assert theirs == ours


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_both_languages_lead_to_each_other(page: Page) -> None:
    """On their first lines, so that nobody reads on in a language that is not theirs."""

    def first_links(one: Page) -> list[Path]:
        return [(one.path.parent / link).resolve() for link in LINK.findall("\n".join(one.text.splitlines()[:5]))]

    assert page.path in first_links(english(page))
    assert english(page).path in first_links(page)


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: page.name)
def test_every_paragraph_is_translated(page: Page) -> None:
    """None was left as it was; a line of a table may hold nothing but names."""
    paragraphs = [text for text in re.split(r"\n\n+", page.prose.strip()) if not re.fullmatch(r"#+ [\w.-]+", text)]

    assert [] == [text for text in paragraphs if not LETTER.search(text)]
