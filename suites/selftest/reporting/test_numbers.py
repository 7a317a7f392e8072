"""Numbers as tables show them, and which flipped clip is the worst."""

from __future__ import annotations

import pytest

from tools.judging.flips import Flip, Guess
from tools.judging.numbers import Numbers
from tools.reporting.gallery import badness
from tools.reporting.numbers import _text

OURS, THEIRS = (Guess(1, 4.0, 0.6), Guess(3, 3.0, 0.3)), (Guess(3, 5.0, 0.9), Guess(1, 1.0, 0.1))


@pytest.mark.parametrize(("numbers", "texts"), [
    (None, ["-", "-"]), (Numbers("share", float("nan")), ["-", "-"]), (Numbers("share", 0.5, float("inf")), ["0.5000", "-"]),
    (Numbers("clips", 3, 5, limit="at most"), ["3", "<= 5"]), (Numbers("cosine", 0.5, 0.9, limit="at least"), ["0.500000", ">= 0.900000"]),
    (Numbers("share", 0.0, 0.0), ["0.0000", "0.0000"]), (Numbers("share", 0.0, 0.001, limit="at most"), ["0.0e+00", "<= 1.0e-03"]),
    (Numbers("share", -0.001, 0.002), ["-1.0e-03", "0.0020"]), (Numbers("ms", 1.5, 2.25), ["1.500", "2.250"])])
def test_an_older_number_is_shown_as_such_numbers_are(numbers: Numbers | None, texts: list[str]) -> None:
    """What is none has a line, and what is no number too."""
    assert texts == [_text(numbers, measured=measured) for measured in (True, False)]


@pytest.mark.parametrize(("label", "ours", "theirs", "found"), [
    (3, OURS, THEIRS, (True, 0.6)), (1, OURS, THEIRS, (False, 0.6)), (7, OURS, THEIRS, (False, 0.6)), (3, OURS, (), (False, 0.0)),
    (3, (), THEIRS, (False, 0.9)), (3, (), (), (False, 0.0)), (3, (Guess(1, 4.0),), (Guess(3, 5.0),), (True, 5.0)),
    (3, THEIRS, THEIRS, (False, 0.0))])
def test_a_lost_clip_is_worse_the_surer_torch_was(
        label: int, ours: tuple[Guess, ...], theirs: tuple[Guess, ...], found: tuple[bool, float]) -> None:
    """By how much surer than the device still is of it; of a score where no probability is known."""
    lost, sure = badness(Flip("v", label, ours, theirs))

    assert found == (lost, pytest.approx(sure))
