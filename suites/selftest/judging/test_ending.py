"""Which verdicts end a run badly, by day and by night, and the line that says why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.errors import OptionError
from tools.judging.ending import is_red, reason
from tools.judging.rows import Row
from tools.spec.allowed import Allowed, allowed

ROW = Row("tsm-bs1-npu0", "throughput", "full", "published", "clips/s", "80/s", "-", "", "")
MINI = replace(ROW, data="mini", weights="mini")


def row(word: str, learning: str = "", case: str = "tsm-bs1-npu0") -> Row:
    return replace(ROW, case=case, verdict=word, learning=learning)


@pytest.mark.parametrize(("word", "learning", "day", "night", "with_word"), [
    ("PASS (mini)", "", 0, 0, ""), ("SUSPECT", "", 0, 0, ""), ("RECORDED", "3 of 8", 0, 0, ""), ("RECORDED", "", 0, 1, "recorded"),
    ("NO VERDICT", "", 1, 1, "no-verdict"), ("FAIL", "", 1, 1, ""), ("ERROR", "", 1, 1, "")])
def test_each_word_has_its_status(word: str, learning: str, day: int, night: int, with_word: Allowed) -> None:
    """By night what nothing judges is red as well, unless that is allowed. What failed is always red."""
    found = row(word, learning)
    everything, mini = allowed("mini,recorded,no-verdict"), allowed("mini")

    assert bool(day) == is_red(found, nightly=False, allowed=()) == is_red(found, nightly=False, allowed=everything)
    assert bool(night) == is_red(found, nightly=True, allowed=mini)
    assert (night and not with_word) == is_red(found, nightly=True, allowed=everything)
    assert not is_red(replace(found, verdict="RECORDED", within="clips/s"), nightly=True, allowed=())
    if with_word:
        assert not is_red(found, nightly=True, allowed=(with_word,))


def test_the_line_counts_failures_apart_from_what_could_not_be_judged() -> None:
    """It names some of each, and what is suspect."""
    rows = [row("FAIL"), *(row("NO VERDICT", case=f"tsm-bs{batch}-npu0") for batch in (1, 4, 8, 16)), row("SUSPECT"), row("PASS"),
            replace(row("FAIL"), superseded=True)]

    assert ("exit status 1: 1 FAIL (tsm-bs1-npu0 clips/s); 4 NO VERDICT (tsm-bs1-npu0 clips/s, tsm-bs4-npu0 clips/s, "
            "tsm-bs8-npu0 clips/s, and 1 more); 1 SUSPECT (tsm-bs1-npu0 clips/s)") == reason(rows, 1, nightly=True, allowed=())


def test_the_line_tells_what_was_allowed_and_used() -> None:
    """What was allowed and has not come to pass is not told."""
    rows = [replace(MINI, verdict="PASS (mini)"), row("RECORDED"), row("RECORDED", "3 of 8")]

    assert ("exit status 0: nothing is red; 1 learning; --allow mini: on data or weights that the harness made itself, so nothing "
            "here is an acceptance; --allow recorded: 1 RECORDED (tsm-bs1-npu0 clips/s)"
            ) == reason(rows, 0, nightly=True, allowed=allowed("no-verdict,recorded,mini"))
    assert "exit status 0: nothing is red" == reason([row("PASS")], 0, nightly=True, allowed=allowed("mini,recorded"))


def test_what_is_wrong_beside_the_rows_is_told() -> None:
    assert "exit status 1: not run: 3 selected" == reason([row("PASS")], 1, nightly=True, allowed=(), others=["not run: 3 selected"])
    assert "exit status 2: see above what ended it" == reason([], 2, nightly=True, allowed=())


def test_what_cannot_be_allowed_is_refused() -> None:
    """A typing error in --allow would else let nothing through, or be taken for a permission."""
    assert frozenset() == allowed("")
    assert {"mini", "recorded"} == allowed("recorded, mini")
    with pytest.raises(OptionError, match="cannot allow fail") as refused:
        allowed("mini,fail")
    assert "choose of mini, recorded, no-verdict" in str(refused.value)
