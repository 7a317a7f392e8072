"""However a user or an editor points pytest here, every test is found and no file is in another's way."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from suites.selftest.conftest import TORCH, clean_environment
from tools.spec.settings import ROOT


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project as it is, copied to a place of its own without what runs and tools leave behind."""

    def left(folder: str, names: list[str]) -> list[str]:
        made = Path(folder) == ROOT / "artifacts"
        return [name for name in names if name.startswith(".") or name == "__pycache__" or (made and name != "README.md")]

    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("elsewhere") / "clipgate", ignore=left))


def collected(folder: Path, *arguments: str | Path) -> set[str]:
    """The names of the files whose tests pytest collects in *folder*; it must find fault with none."""
    done = subprocess.run([sys.executable, "-m", "pytest", "--collect-only", "-q", "--assert=plain", *map(str, arguments)], cwd=folder,
                          env=clean_environment(), text=True, capture_output=True, timeout=300, check=False)
    assert 0 == done.returncode, done.stdout + done.stderr
    return {Path(line.partition("::")[0]).name for line in done.stdout.splitlines() if "::" in line}


@pytest.mark.parametrize("home", [pytest.param(True, marks=pytest.mark.slow), False], ids=["at home, without xdist", "from elsewhere"])
def test_every_file_is_collected(checkout: Path, tmp_path: Path, *, home: bool) -> None:
    """By `pytest .` at home, without pytest-xdist too, and by the project's path from any other folder."""
    found = collected(checkout, "-p", "no:xdist", ".") if home else collected(tmp_path, checkout)

    assert {path.name for path in checkout.glob("suites/**/test_*.py")} == found


@pytest.mark.parametrize("root", ["", "suites/selftest", ".."], ids=["the project", "its tests", "a folder around it"])
def test_a_file_is_collected_alone_whatever_the_root(checkout: Path, tmp_path: Path, root: str) -> None:
    """As editors do: one file, with the folder they have open as pytest's root."""
    assert {"test_chips.py"} == collected(tmp_path, f"--rootdir={checkout / root}", checkout / "suites/selftest/spec/test_chips.py")


@pytest.mark.parametrize("name", TORCH)
def test_a_test_that_is_not_marked_torch_has_none(name: str) -> None:
    """What needs more than a host without torch has says so by its marker, or it fails everywhere."""
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


@pytest.mark.torch
def test_a_test_that_is_marked_torch_has_it() -> None:
    """And what was imported for another test is not hidden from it."""
    assert importlib.util.find_spec("torch")
