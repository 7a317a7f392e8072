"""The numbers that the guides give are those that the code keeps to."""

from __future__ import annotations

import re

from tools.measuring import adoption, inputs
from tools.measuring.timing import MIN_ITERATIONS, MIN_SECONDS
from tools.spec.settings import ROOT


def said(guide: str, sentence: str) -> list[tuple[str, ...]]:
    """The numbers at the places of *sentence*, wherever the guide has it; a line ends where it likes."""
    text = " ".join((ROOT / guide).read_text().split())
    found = [match.groups() for match in re.finditer(sentence, text)]
    assert found, f"{guide} no longer says {sentence!r}"
    return found


def test_how_long_is_long_enough_is_what_the_guides_say() -> None:
    short = r"(?:fewer|less) than (\d+) iterations,? or (?:less than )?(\d+) s\b"
    for guide in ("README.md", "suites/README.md"):
        assert {(MIN_ITERATIONS, MIN_SECONDS)} == {(int(count), float(seconds)) for count, seconds in said(guide, short)}


def test_how_many_inputs_are_compared_is_what_the_guide_says() -> None:
    assert [(str(inputs.MOST),)] == said("suites/README.md", r"what (\d+) clips of the list become")
    assert [(str(inputs.MOST),)] == said("README.md", r"how many of (\d+) clips become another input")


def test_how_many_clips_torch_answers_again_is_what_the_guide_says() -> None:
    assert [(str(adoption.SAMPLE),)] == said("tools/storage/README.md", r"Torch runs on (\d+) clips or videos spread")
