"""A machine that lets others measure needs what graphs are made of, and no device."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools import engines
from tools.measuring import readiness, unbuilt
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage.context import Context


def lacks(folder: Path, **options: str) -> list[str]:
    """What a driver lacks for a case on some NPU."""
    settings = Settings.parse({"artifacts": str(folder), "models": str(TINY_MODELS), **options})
    contexts = {"tiny": Context(settings, load_spec(TINY_MODELS, "tiny"))}
    return [lack.error.what for lack in readiness.of_graphs(settings, contexts, [Case("tiny", 4, Device("npu"))])]


@pytest.fixture(autouse=True)
def no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose devices nobody may ask, with all packages."""
    monkeypatch.setattr(unbuilt, "absent_packages", frozenset)
    for name in ("family", "named", "devices"):
        monkeypatch.setattr(engines, name, lambda *given: pytest.fail("a device is asked"))


def test_nothing_of_its_own_devices_is_asked(tmp_path: Path) -> None:
    """A case of an NPU lacks nothing on a machine without one."""
    assert [] == lacks(tmp_path / "artifacts")


def test_what_a_graph_is_made_of_is_lacking_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package, a place for the store, or weights that go with the clips."""
    (tmp_path / "file").touch()
    assert ["cannot write the artifact store"] == [what[:31] for what in lacks(tmp_path / "file")]
    assert "do not belong together" in lacks(tmp_path / "artifacts", weights="published", data="mini")[0]
    monkeypatch.setattr(unbuilt, "absent_packages", lambda: frozenset({"onnxsim"}))
    assert "needs onnxsim" in lacks(tmp_path / "artifacts")[0]
