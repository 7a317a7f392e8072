"""Where a child process works, and what its environment is."""

from __future__ import annotations

import json
import os
import runpy
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tools.machine import child
from tools.spec.settings import ROOT

MODULE = """
import json, os, sys, tools
print(json.dumps({"environment": dict(os.environ), "folder": os.getcwd(), "path": sys.path, "tools": tools.__file__}))
"""
REPORT = partial(runpy.run_module, "reporting")


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the user's on PYTHONPATH, with a module to run and another package called tools."""
    folder = tmp_path / "mine"
    (folder / "tools").mkdir(parents=True)
    (folder / "tools" / "__init__.py").touch()
    (folder / "reporting.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def run(tmp_path: Path, work: child.Work = REPORT, **how: Any) -> dict[str, Any]:
    """What the module says of the process it runs in."""
    log = tmp_path / "logs" / "child.log"
    child.call(work, "reporting", log=log, on_event=lambda event: None, **how)
    found: dict[str, Any] = json.loads(log.read_text().splitlines()[-1])
    return found


def test_the_users_path_is_kept_behind_the_projects(mine: Path, tmp_path: Path) -> None:
    """Their modules are found, and none of them in the place of ours."""
    found = run(tmp_path)

    assert f"{ROOT}{os.pathsep}{mine}" == found["environment"]["PYTHONPATH"]
    assert str(ROOT / "tools" / "__init__.py") == found["tools"]
    assert str(mine) in found["path"]


def test_a_path_of_the_devices_is_kept_behind_the_projects_too(mine: Path, tmp_path: Path) -> None:
    """It takes the place of the user's, as each of its variables does."""
    (tmp_path / "theirs").mkdir()
    (mine / "reporting.py").rename(tmp_path / "theirs" / "reporting.py")
    found = run(tmp_path, environment={"PYTHONPATH": str(tmp_path / "theirs")})

    assert f"{ROOT}{os.pathsep}{tmp_path / 'theirs'}" == found["environment"]["PYTHONPATH"]


def test_without_a_users_path_there_is_the_projects_alone(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No empty entry stands for the working folder."""
    monkeypatch.delenv("PYTHONPATH")
    found = run(tmp_path, partial(runpy.run_path, str(mine / "reporting.py")))

    assert str(ROOT) == found["environment"]["PYTHONPATH"]


def test_what_a_device_needs_is_laid_over_our_environment(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of ours stays, and ours is not changed."""
    monkeypatch.setenv("KEPT", "ours")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/ours")
    found = run(tmp_path, environment={"LD_LIBRARY_PATH": "/theirs", "ASCEND_OPP_PATH": "/opp"})["environment"]

    assert ["ours", "/theirs", "/opp"] == [found[name] for name in ("KEPT", "LD_LIBRARY_PATH", "ASCEND_OPP_PATH")]
    assert os.environ["LD_LIBRARY_PATH"] == "/ours"
    assert "ASCEND_OPP_PATH" not in os.environ


def test_a_child_works_beside_its_log_or_where_it_is_told(mine: Path, tmp_path: Path) -> None:
    """So that what a runtime dumps lands there."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    assert str(tmp_path / "logs") == run(tmp_path)["folder"]
    assert str(scratch) == run(tmp_path, folder=scratch)["folder"]
