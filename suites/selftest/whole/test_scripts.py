"""The scripts for contributors start what their page says, and end badly where one of it does."""

from __future__ import annotations

import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from tools.spec.settings import ROOT

STUB = """#!/bin/sh
echo "$*" >>{called}
case "$*" in *"-m $RED"*) exit 1 ;; esac
"""


def ran(tmp_path: Path, script: str, *arguments: str, red: str = "nothing") -> tuple[int, list[str]]:
    """A script in a copy of the project whose set-up and Python are stubs: its status, and what it ran."""
    called = tmp_path / "called"
    for name in ("tools/setup", ".venv/bin/python"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STUB.format(called=called))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    (tmp_path / ".venv" / "requirements.lock").write_text("torch==2.13.0\n")
    shutil.copy(ROOT / "tools" / script, tmp_path / "tools" / script)
    done = subprocess.run([tmp_path / "tools" / script, *arguments], env={"PATH": "/usr/bin:/bin", "RED": red}, check=False)
    return done.returncode, called.read_text().splitlines()


def modules(lines: list[str]) -> list[str]:
    """The modules that python was started with."""
    return [line.split()[1] for line in lines if line.startswith("-m ")]


@pytest.mark.parametrize("red", ["nothing", "ruff", "mypy", "pytest"])
def test_check_asks_all_three_and_is_red_if_one_is(tmp_path: Path, red: str) -> None:
    """It goes on after a complaint, so that whoever commits sees all of them at once."""
    status, lines = ran(tmp_path, "check", red=red)

    assert ("--tests", ["ruff", "mypy", "pytest"], int(red != "nothing")) == (lines[0], modules(lines), status)


def test_checks_tests_are_there_and_what_is_given_comes_last(tmp_path: Path) -> None:
    """Those of rooms that only compute, and of the pages; none that needs torch or minutes."""
    words = ran(tmp_path, "check", "-x")[1][-1].split()
    paths = [word for word in words if word.startswith("suites/")]

    assert [] == [path for path in paths if not (ROOT / path).exists()]
    assert {"suites/selftest/judging", "suites/selftest/whole/test_arrow.py", "suites/selftest/whole/test_pages.py"} <= set(paths)
    assert "-m not torch and not slow" in " ".join(words)
    assert "-x" == words[-1]


def test_the_tests_run_with_ray(tmp_path: Path) -> None:
    """So that those of clusters, which skip by name without it, run wherever the others do."""
    assert "--tests --ray" == ran(tmp_path, "test")[1][0]


@pytest.mark.parametrize(("given", "of"), [(["suites/selftest/media"], "tools/media/*"), ([], "tools/*,fixtures/*")])
def test_coverage_tells_of_a_room_what_its_own_tests_run(tmp_path: Path, given: list[str], of: str) -> None:
    """Without a room, of all; what an earlier run left does not count."""
    status, lines = ran(tmp_path, "coverage", *given)

    assert (0, ["coverage"] * 4) == (status, modules(lines))
    assert ["erase", "run", "combine", "report"] == [line.split()[2] for line in lines[1:]]
    assert f"--include={of}" == lines[-1].split()[-1]
    assert " ".join(given or ["suites/selftest -m not slow"]) in lines[2]


def test_coverage_of_red_tests_is_told_and_red(tmp_path: Path) -> None:
    status, lines = ran(tmp_path, "coverage", "suites/selftest/media", red="coverage run")

    assert (1, "report") == (status, lines[-1].split()[2])


def test_branches_and_child_processes_are_covered() -> None:
    """Most of what runs is run by workers, stages and commands of their own."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["coverage"]["run"]

    assert settings["branch"]
    assert {"subprocess", "_exit"} <= set(settings["patch"])
    assert ["tools", "fixtures"] == settings["source"]


def test_hooks_run_what_is_in_the_environment() -> None:
    """So that nothing is fetched, and versions are the pinned ones."""
    yaml = pytest.importorskip("yaml")
    repos = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = {hook["id"]: hook["entry"] for repo in repos for hook in repo["hooks"]}

    assert ["local"] == [repo["repo"] for repo in repos]
    assert {"ruff", "mypy"} <= set(hooks)
    assert [] == [entry for entry in hooks.values() if not entry.startswith(".venv/bin/python -m ")]
    assert [] == [word for entry in hooks.values() for word in entry.split() if word.startswith("suites/") and not (ROOT / word).exists()]
