"""`python -m tools` tells which commands there are, and is no command itself."""

from __future__ import annotations

import ast
import re

import pytest

from suites.selftest.conftest import python
from tools.__main__ import commands
from tools.spec.settings import ROOT

BESIDE = {"errors", "pytest_paths"}  # files of tools/ that nobody runs


def test_every_file_of_tools_is_listed_with_a_line() -> None:
    """Files at the top of tools are commands: each has one line there, and the line says what it does."""
    done = python("-m", "tools")
    listed = dict(re.findall(r"^python -m tools\.(\w+) +(\S.*)$", done.stdout, re.MULTILINE))

    assert (0, "") == (done.returncode, done.stderr)
    assert {path.stem for path in (ROOT / "tools").glob("[!_]*.py")} - BESIDE == set(listed)
    assert commands() == listed
    assert [] == [line for line in done.stdout.splitlines() if len(line) > 110]


@pytest.mark.parametrize("name", commands())
def test_a_command_is_its_main_whichever_way_it_is_called(name: str) -> None:
    """`python -m tools.<name>` does what a call of its `main` does. Doctor minds a closed pipe first."""
    last = ast.unparse(ast.parse((ROOT / "tools" / f"{name}.py").read_text()).body[-1]).splitlines()

    assert "if __name__ == '__main__':" == last[0]
    assert "raise SystemExit(events.run_command(main))" == last[-1].strip()
    assert name == "doctor" or len(last) == 2


def test_no_command_is_imported_for_its_line() -> None:
    """The list costs no more than reading the files: of ours only the package itself is loaded."""
    done = python("-X", "importtime", "-m", "tools")

    assert {"tools"} == set(re.findall(r"\b((?:tools|fixtures|suites)\b[\w.]*)$", done.stderr, re.MULTILINE))


@pytest.mark.parametrize(("word", "remedy"), [("nonsense", "python -m tools lists the commands"), ("measure", "python -m tools.measure")])
def test_a_word_behind_it_is_one_clear_error(word: str, remedy: str) -> None:
    """Status 2, what was asked for, and what to say instead."""
    done = python("-m", "tools", word, "tsm")

    assert (2, "") == (done.returncode, done.stdout)
    assert [f"no such command: python -m tools {word}", f"  remedy  {remedy}"] == done.stderr.splitlines()
