"""Inputs are judged by their digests: equal ones pass, another or none fails and names its clip."""

from __future__ import annotations

from tools.judging.numbers import Numbers
from tools.judging.same_inputs import same_inputs
from tools.judging.verdict import Verdict
from tools.measuring.inputs import TorchInputs


def test_equal_digests_pass() -> None:
    """Every digest of torch's is among the cell's; what the cell noted beside is nobody's concern."""
    judged = same_inputs({"a": "x", "b": "y", "c": "z"}, TorchInputs({"a": "x", "b": "y"}), "clips", "x")

    assert (Verdict.PASS, "0", "<= 0") == (judged.verdict, judged.measured, judged.reference)
    assert Numbers("inputs", 0, 0, limit="at most") == judged.numbers


def test_another_digest_fails_and_both_are_told() -> None:
    """The first clip that differs is named with what it became on either side."""
    judged = same_inputs({"a": "x", "b": "q"}, TorchInputs({"a": "x", "b": "y"}), "clips", "x")

    assert (Verdict.FAIL, "1") == (judged.verdict, judged.measured)
    assert "the first is b: q here, y of torch's pipeline" in judged.reason


def test_an_input_that_was_not_noted_fails() -> None:
    """A cell that kept no digest of a compared clip is not taken for one whose input is right."""
    judged = same_inputs({"a": "x"}, TorchInputs({"a": "x", "b": "y"}), "clips", "x")

    assert (Verdict.FAIL, "1") == (judged.verdict, judged.measured)
    assert "the first is b: none here" in judged.reason
