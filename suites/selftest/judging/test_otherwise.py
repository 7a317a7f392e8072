"""Which red numbers are worth looking into: those that say that a device computes otherwise than torch."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.gates import _red_line
from suites.selftest.reporting.runs import PAIRS, row
from tools.judging.numbers import Numbers
from tools.judging.otherwise import command, otherwise
from tools.judging.verdict import Judgement, Verdict
from tools.spec.case import Case, Device
from tools.spec.settings import Settings

PAIRED, STORED = Numbers("share", 0.9, 0.95, pairs=PAIRS), Numbers("share", 0.9, 0.95)


@pytest.mark.parametrize(("question", "metric", "numbers", "is_one"), [
    ("fidelity", "difference", None, True), ("fidelity", "cosine", STORED, True), ("fidelity", "flipped", None, True),
    ("fidelity", "pem difference", None, True), ("fidelity", "inputs", None, True), ("fidelity", "finite", None, True),
    ("fidelity", "clips", None, False), ("accuracy", "top1", PAIRED, True), ("accuracy", "AR@100", PAIRED, True),
    ("accuracy", "top1", STORED, False), ("accuracy", "top1 expected", STORED, False), ("accuracy", "finite", None, True),
    ("accuracy", "repeatable", None, False), ("throughput", "clips/s", STORED, False),
])
def test_only_what_torch_does_not_show_too_is_worth_looking_into(question: str, metric: str, numbers: Numbers | None, *,
                                                                 is_one: bool) -> None:
    """A loss beside a stored figure may be the weights', and a speed is none; what is not red never is."""
    red = [verdict for verdict in Verdict if otherwise(question, Judgement(metric, "-", "-", verdict, "so", numbers=numbers))]

    assert ([Verdict.FAIL] if is_one else []) == red
    assert is_one == otherwise(question, row(question=question, metric=metric, verdict="FAIL", numbers=numbers))
    assert not otherwise(question, row(question=question, metric=metric, numbers=numbers))


def test_the_command_names_the_run_and_only_the_options_that_matter(tmp_path: Path) -> None:
    """What a run was told that is not the default; how its speed is judged is of no interest."""
    settings = Settings.parse({"clips": "24", "budget_s": "3", "expect": "top1=0.5", "artifacts": str(tmp_path)})
    cell: Any = SimpleNamespace(case=Case("tiny", 4, Device("cpu")), folder=tmp_path / "run" / "tiny-bs4-cpu")

    assert (f"python -m tools.locate tiny --batch 4 --device cpu --run {tmp_path}/run --clips 24 --artifacts {tmp_path}"
            == command(settings, cell))


@pytest.mark.parametrize(("question", "metric", "is_told"), [("fidelity", "difference", True), ("accuracy", "top1 expected", False)])
def test_a_red_line_ends_with_it(tmp_path: Path, question: str, metric: str, *, is_told: bool) -> None:
    """Once, however many numbers of the question are red; and only where there is something to look for."""
    settings = Settings.parse({})
    cell: Any = SimpleNamespace(case=Case("tiny", 4, Device("cpu")), folder=tmp_path / "run" / "tiny-bs4-cpu", notes=(), parts=(),
                                record=SimpleNamespace(data="mini", weights="mini"))
    lines = _red_line(settings, cell, question, [Judgement(metric, "1", "0", Verdict.FAIL, "so")] * 2).splitlines()

    assert is_told == (lines[-1] == f"  locate       {command(settings, cell)}")
    assert int(is_told) == sum(line.startswith("  locate") for line in lines)
    assert [lines[-1 - is_told]] == [line for line in lines if line.startswith("  again        python -m tools.measure tiny")]
