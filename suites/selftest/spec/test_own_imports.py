"""Whatever a person's module imports is in a key by its content or its version, or is refused."""

from __future__ import annotations

from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from suites.selftest.spec.test_own import FILES, MODULE, models, network
from tools.errors import TruthError
from tools.spec import sources


def changes(folder: Path, *paths: Path) -> list[bool]:
    """Whether the network is another one when a file has one more line, for each."""
    before, changed = network(folder).own, []
    for path in paths:
        text = path.read_text()
        path.write_text(f"{text}# changed\n")
        changed.append(network(folder).own != before)
        path.write_text(text)
    return changed


@pytest.mark.parametrize("name", ["helpers.py", "helpers/__init__.py"])
def test_what_python_finds_elsewhere_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As in a folder of PYTHONPATH, with all that it imports from there; no version tells what it is."""
    files = {name: "import further\n", "further.py": "", "another.py": ""}
    path = models(tmp_path / "path", MODULE, files)
    monkeypatch.syspath_prepend(path)
    folder = models(tmp_path / "models", 'module="net:build"', {"net.py": "def build():\n    import helpers\n"})

    assert [True, True, False] == changes(folder, *(path / one for one in files))
    assert () == network(folder).packages


@pytest.mark.parametrize(("site", "distribution", "hashed"), [
    ("site-packages", True, False), ("site-packages", False, True), ("source", True, True)])
def test_an_installed_package_is_told_by_its_version(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: str, distribution: bool, hashed: bool) -> None:
    """Unless it has none, or lies where it can be edited."""
    metadata = {"helpers-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: helpers\nVersion: 1.0\n"} if distribution else {}
    path = models(tmp_path / site, MODULE, {"helpers.py": "", **metadata})
    monkeypatch.syspath_prepend(path)
    folder = models(tmp_path / "models", 'module="net:build"', {"net.py": "import helpers\n"})

    assert [hashed] == changes(folder, path / "helpers.py")
    assert (("helpers",) if distribution else ()) == network(folder).packages


def test_a_package_is_asked_for_by_the_name_it_is_installed_under(tmp_path: Path) -> None:
    """cv2 has no version; what brings it has."""
    packages = network(models(tmp_path, 'module="net:build"', {"net.py": "import cv2\n"})).packages

    assert tuple(sorted(set(packages_distributions()["cv2"]))) == packages
    assert "cv2" not in packages


@pytest.mark.parametrize("text", [
    "import helpers", "def build():\n    from helpers.deep import layer", 'import importlib\nimportlib.import_module("helpers")',
    "import sys\nsys.path.insert(0, 'far')\nimport helpers", '__import__("helpers")',
    "try:\n    import helpers\nexcept KeyError:\n    pass", "import shared\nfrom lazy import helpers"])
def test_an_import_that_is_nowhere_is_refused(tmp_path: Path, text: str) -> None:
    """What it is would be in no key. The import, its line and the way out are named."""
    folder = models(tmp_path, 'module="net:build"', {**FILES, "net.py": text})
    with pytest.raises(TruthError, match=r"imports (lazy\.)?helpers\S*, which is neither beside") as caught:
        network(folder)

    line = next(number for number, row in enumerate(text.splitlines(), 1) if "helpers" in row)
    assert f"{folder / 'net.py'}:{line}" == caught.value.where
    assert "put it beside the model's file, or install it" in str(caught.value.remedy)


@pytest.mark.parametrize(("text", "told"), [
    ("x = 1\ny = = 2\n", "invalid syntax"), ("x = 1\0\n", "source code string cannot contain null bytes"),
    (f"x = {'-' * 100_000}1\n", f"({sources.NO_ROOM}|Parser stack overflowed)"),  # which is said from Python 3.12 on
    (f"x = y{'.z' * 50_000}\n", "maximum recursion depth exceeded")],
    ids=["no Python", "a null byte", "nested too deep", "a chain too long"])
def test_a_module_that_is_no_python_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """In one sentence, with the line where Python tells one."""
    folder = models(tmp_path, 'module="net:build"', {**FILES, "net.py": text})
    with pytest.raises(TruthError, match=f"the file is no Python: {told}") as caught:
        network(folder)

    assert f"{folder / 'net.py'}{':2' if '= =' in text else ''}" == caught.value.where


def test_an_import_that_may_fail_is_said_to_be_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And its files are hashed once it is there."""
    text = "try:\n    import nobody_has_this\nexcept ImportError:\n    nobody_has_this = None\n"
    folder = models(tmp_path / "models", 'module="net:build"', {"net.py": text})
    assert ("nobody_has_this",) == network(folder).packages

    path = models(tmp_path / "path", MODULE, {"nobody_has_this.py": ""})
    monkeypatch.syspath_prepend(path)
    assert [True] == changes(folder, path / "nobody_has_this.py")


def test_a_package_comes_before_a_file_of_its_name(tmp_path: Path) -> None:
    """As Python takes them."""
    folder = models(tmp_path, 'module="net:build"', {"net.py": "import helpers\n", "helpers.py": "", "helpers/__init__.py": ""})

    assert [False, True] == changes(folder, folder / "helpers.py", folder / "helpers/__init__.py")


@pytest.mark.parametrize("text", ["from helpers import *", "from .helpers import *"])
def test_a_star_takes_every_file_of_a_package(tmp_path: Path, text: str) -> None:
    """Its __all__ may name any of them."""
    files = {"helpers/__init__.py": "__all__ = ['deep']\n", "helpers/deep/__init__.py": "", "helpers/deep/layer.py": "import shared\n"}
    folder = models(tmp_path, 'module="net:build"', {**FILES, **files, "net.py": text})

    assert [True] * 4 == changes(folder, *(folder / name for name in (*files, "shared.py")))


@pytest.mark.parametrize("text", [
    'import importlib\nimportlib.import_module("helpers.deep")', 'from importlib import import_module\nimport_module(name="helpers.deep")',
    '__import__("helpers.deep")', 'from importlib import import_module\nimport_module(".helpers.deep", __package__)'])
def test_a_call_that_imports_a_plain_name_is_an_import(tmp_path: Path, text: str) -> None:
    """By its name, from the model's folder or relatively."""
    folder = models(tmp_path, 'module="net:build"', {"net.py": text, "helpers/__init__.py": "", "helpers/deep.py": ""})

    assert [True, True] == changes(folder, folder / "helpers/__init__.py", folder / "helpers/deep.py")


def test_an_installed_module_may_lack_what_it_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody can correct its file; that it is absent is in the key."""
    monkeypatch.syspath_prepend(models(tmp_path / "site-packages", MODULE, {"net.py": "def draw():\n    import nobody_has_this\n"}))

    assert ("nobody_has_this",) == network(models(tmp_path / "models", 'module="net:build"', {})).packages


def test_a_folder_without_a_file_of_its_own_can_be_imported(tmp_path: Path) -> None:
    """It runs nothing, and is neither refused nor a package."""
    assert () == network(models(tmp_path, 'module="net:build"', {**FILES, "net.py": "import lazy\n"})).packages
