"""A case that is measured in this process; some files have benches of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.measuring.resumed import Bench, whole


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A case, whose measurement may be ended anywhere."""
    return Bench(monkeypatch, tmp_path)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Bench:
    """The same case, measured without an interruption."""
    return whole(tmp_path / "undisturbed")
