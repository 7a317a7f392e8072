"""A row or a table is put into a toml however that is laid out, and every other byte stays."""

from __future__ import annotations

import tomllib

import pytest

from tools.errors import RecordError
from tools.exchange.toml_edit import Limits, NewFigure, with_figure, with_limits
from tools.spec.truth import FidelityGate

FIGURE = NewFigure(device="T4", network="", batch=8, metric="throughput", value=1e-05, unit="samples/s", section='a "log"', note="ü \x7f")
LIMITS = Limits("fp16-310P3", FidelityGate(0.25, 0.5, 0.125), "of three runs")
TOML = '''# About this model.
[sources]
guide = """
[figures]
[gates.fidelity.fp16-310P3]
"""

# Judged by:
[gates.fidelity.fp32] # the CPU's
max_relative_difference = 1e-3 # of the range
min_cosine = 0.9
max_flipped_share = 0.01

# Speed:
[gates.throughput]
max_variation = 0.1

[figures]
guide = [{id = "a", value = 1}] # of the guide
'''
RECORDED = ("", "recorded = []\n", 'recorded = [{id = "b"}]\n', 'recorded = [\n  {id="b"}]\n', 'recorded = [ # ours\n    {id = "b"}\n]\n',
            'recorded = [\n    {id = "b"}, # one\n    # two\n]\n')


@pytest.mark.parametrize("end", ["", "\n# After.\n[[known_issues]]\nbatch = 1\n"])
@pytest.mark.parametrize("recorded", RECORDED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_figure_is_added_and_nothing_else_changes(newline: str, recorded: str, end: str) -> None:
    """Whatever surrounds it: the old values stay and the new row comes; only the array's lines change."""
    before = (TOML + recorded + end).replace("\n", newline)

    after = with_figure(before, FIGURE)
    found, expected = tomllib.loads(after), tomllib.loads(before)
    rows = found["figures"].pop("recorded")
    there = expected["figures"].pop("recorded", [])
    assert "stored by python -m tools.record" in found["sources"].pop("recorded")

    assert (expected, [*there, FIGURE.row]) == (found, rows)
    assert after.count("\n") == after.count(newline)
    assert [line for line in after.splitlines() if line in (TOML + end).splitlines()] == (TOML + end).splitlines()
    assert after == with_figure(after, FIGURE)


def test_mixed_line_ends_stay_as_they_are() -> None:
    """A file that somebody edited on two systems is not made uniform by recording a number."""
    before = TOML.replace("max_variation = 0.1\n", "max_variation = 0.1\r\n")

    after = with_figure(before, FIGURE)

    lines = before.splitlines(keepends=True)
    assert [line for line in after.splitlines(keepends=True) if line in lines] == lines


ADDED = """[gates.fidelity.fp16-310P3] # of three runs
max_relative_difference = 0.25
min_cosine = 0.5
max_flipped_share = 0.125
"""
LAST = "\n[gates.fidelity.bf16]\nmin_cosine = 0.5\n"


@pytest.mark.parametrize(("before", "after"), [
    (TOML, TOML.replace("# Speed:", f"{ADDED}\n# Speed:")), (TOML + LAST, f"{TOML}{LAST}\n{ADDED}"),
], ids=["together", "apart"])
def test_limits_come_after_the_last(before: str, after: str) -> None:
    """What follows them keeps the comment that announces it."""
    assert after == with_limits(before, LIMITS)


def test_limits_are_renewed_where_they_stand() -> None:
    """The comment of each of their numbers stays."""
    after = with_limits(TOML, Limits("fp32", LIMITS.gate, "again"))

    assert TOML.replace("# the CPU's", "# again").replace("1e-3", "0.25").replace("0.9", "0.5").replace("0.01", "0.125") == after


@pytest.mark.parametrize("header", ["[gates]\nfidelity.fp32 = {", "[gates.fidelity]\nfp32 = {"])
def test_limits_that_are_no_table_of_their_own_are_refused(header: str) -> None:
    """Written in one line they cannot be renewed as a table."""
    with pytest.raises(RecordError, match=r"there is no table \[gates.fidelity.fp32\]"):
        with_limits(header + "min_cosine = 0.5}\n", Limits("fp32", LIMITS.gate, "again"))


@pytest.mark.parametrize("inline", ["figures = {guide = []}\n[sources]\n", "sources = {guide = ''}\n[figures]\n"],
                         ids=["figures", "sources"])
def test_a_figure_needs_a_table_to_stand_in(inline: str) -> None:
    """In a table that is written in one line there is no place for it, and the error names that table."""
    missing = inline.partition(" ")[0]
    with pytest.raises(RecordError, match=rf"there is no table \[{missing}\]"):
        with_figure(inline, FIGURE)
