"""Which commit a result is of, and which packages."""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tools.machine import versions

AS_ANYBODY = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_the_commit_is_this_checkouts_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown where there is none yet or it is that of a folder around; with `+` where files differ."""
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *AS_ANYBODY, *arguments], check=True, capture_output=True)

    told, inside = [], tmp_path / "inside"
    inside.mkdir()
    for root, steps in ((tmp_path, []), (tmp_path, [("init",)]), (tmp_path, [("add", "."), ("commit", "-m", "one", "--allow-empty")]),
                        (inside, [])):
        for step in steps:
            git(*step)
        monkeypatch.setattr(versions, "ROOT", root)
        told.append(versions.commit.__wrapped__())
    (tmp_path / "a.py").write_text("a = 1\n")
    git("add", ".")
    monkeypatch.setattr(versions, "ROOT", tmp_path)
    changed = versions.commit.__wrapped__()

    assert [versions.UNKNOWN, versions.UNKNOWN, versions.UNKNOWN] == [told[0], told[1], told[3]]
    assert re.fullmatch("[0-9a-f]{12}", told[2])
    assert f"{told[2]}+" == changed


@pytest.mark.parametrize(("there", "told", "public"), [
    ({"onnxruntime": "1.31.1"}, "1.31.1", "1.31.1"), ({"onnxruntime-gpu": "1.31.1"}, "1.31.1+gpu", "1.31.1"), ({}, "absent", "absent"),
    ({"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.30.0"}, "1.31.1", "1.31.1"),
])
def test_the_gpu_package_is_a_build_of_the_package_whose_place_it_takes(
        monkeypatch: pytest.MonkeyPatch, there: dict[str, str], told: str, public: str) -> None:
    """A record tells it from the CPU's; what was made with either is one and the same."""
    def version(package: str) -> str:
        if package not in there:
            raise PackageNotFoundError(package)
        return there[package]

    monkeypatch.setattr(versions, "version", version)

    assert (("onnxruntime", told), ("numpy", "absent")) == versions.of("onnxruntime", "numpy")
    assert (("onnxruntime", public),) == versions.public("onnxruntime")
