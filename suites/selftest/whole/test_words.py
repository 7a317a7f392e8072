"""What pages list once and for all: the words we use, and the chips we know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suites.selftest.whole.pages import PAGES, Page
from tools.judging.verdict import Verdict
from tools.spec import chips
from tools.spec.chips import CPU, DEVICES, ChipKind, kind

WORDS, CHIPS = Page("suites/README.md"), Page("tools/engines/ascend/README.md")
ASKED = {"batch", "device", "card", "chip", "cell", "case", "verdict", "gate", "spread", "reference", "mini", "clip", "run", "figure"}
TRIED = {"cpu"}  # the chips on which somebody has run clipgate; a simulation is none
MOST_COLUMNS = 110


def table(page: Page, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without that of the names of its columns."""
    _, _, below = page.text.partition(f"\n{heading}\n")
    lines = [line for line in below.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def listed() -> dict[str, list[str]]:
    """Each chip of the page, with what the page says of it."""
    return {name.strip("`"): rest for name, *rest in table(CHIPS, "## Chips")}


def test_every_word_has_one_line_in_the_order_of_the_alphabet() -> None:
    """A reader looks a word up, and reads one line that is not wide."""
    rows = table(WORDS, "## Words")
    words = [row[0] for row in rows]

    assert words == sorted(words, key=str.casefold)
    assert len(words) == len(set(words))
    assert {*ASKED, ", ".join(sorted(verdict.value for verdict in Verdict))} <= set(words)
    assert [] == [row for row in rows if len(row) != 2 or not row[1] or len(" | ".join(row)) > MOST_COLUMNS]


def test_words_are_explained_in_one_place() -> None:
    """One page has a list of words, and the first page leads to it."""
    assert [WORDS.name] == [page.name for page in PAGES if "words" in page.anchors]
    assert f"{WORDS.name}#words" in Page("README.md").links
    assert f"{CHIPS.name}#chips" in Page("README.md").links


@pytest.mark.parametrize("name", listed())
def test_what_the_page_says_of_a_chip_is_so(name: str) -> None:
    """How many a card has, which figures judge it, what an idle one has in use, and whether it was tried."""
    _, per_card, stored, idle, tried = listed()[name]
    chip = kind(name)
    memory = "not known" if chip.idle_memory_mb is None else f"up to {chip.idle_memory_mb} MB"

    assert ("yes" if name in TRIED else "no") == tried
    assert stored == ", ".join(device.name for device in chip.stored_under)
    assert (per_card, idle) == (("-", "-") if chip is CPU else (str(chip.chips_per_card), memory))
    assert (chip.soc_version is None and chip is not CPU) == ("--soc-version" in listed()[name][0])


def test_every_kind_of_chip_that_is_known_is_on_the_page() -> None:
    """Those with figures of their own, and a chip of each line whose idle memory is known."""

    def facts(chip: ChipKind) -> ChipKind:
        return replace(chip, name="", soc_version=None, stored_under=())

    own = {chip for device in DEVICES if device.maker != "GPU" for chip in device.stands_for}

    assert own <= set(listed())
    assert {facts(kind(line)) for line in chips._IDLE_MB} <= {facts(kind(name)) for name in listed()}
    assert [] == [line for line in chips._IDLE_MB if not any(name.startswith(line) for name in listed())]
