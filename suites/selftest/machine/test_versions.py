"""Which commit a result is of."""

from __future__ import annotations

import re
import shutil
import subprocess
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
