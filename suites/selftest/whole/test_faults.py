"""The page of faults: each row names a test that is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tools.spec.settings import ROOT

PAGE = ROOT / "tools" / "machine" / "README.md"
SELFTEST = ROOT / "suites" / "selftest"
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in PAGE.read_text().splitlines() if "::test_" in line]
FEWEST = 40


@cache
def names_in(path: Path) -> set[str]:
    """The names of the functions in a file of tests."""
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}


def test_there_are_rows_for_many_faults() -> None:
    """Each fault stands once."""
    assert len(ROWS) >= FEWEST
    assert len(ROWS) == len({row[0] for row in ROWS})


@pytest.mark.parametrize("row", ROWS, ids=[re.sub(r"\W+", " ", row[0])[:60] for row in ROWS])
def test_a_fault_names_a_test_that_is_there(row: list[str]) -> None:
    """A fault, what happens, and the test that lets it happen."""
    assert len(row) == 3
    path, _, name = row[2].partition("::")
    assert name in names_in(SELFTEST / path)
