"""The selftests' store holds only what this code has made: no broken builder can hide behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from suites.selftest.own_code import forget_other_code, others
from tools.measuring.adoption import KEPT_FROM
from tools.spec.settings import ROOT
from tools.storage import code
from tools.storage.entries import Facts, Key, manifest_path
from tools.storage.store import Store


def build(name: str, facts: Facts, folder: Path) -> Facts:
    """A builder of a module: guests lie beside their host's file."""
    (folder / name).write_text(name)
    return facts


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Key]:
    """An entry made by the code *by*, with these facts."""

    def make(name: str, by: str, host: Key | None = None, **facts: str) -> Key:
        monkeypatch.setattr(code, "current", lambda place: by)
        return Store(tmp_path).build(Key("onnx", name, ((code.CODE, by),), host), partial(build, name, facts)).key

    return make


def test_what_other_code_made_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: Callable[..., Key]) -> None:
    """Alone, as a guest in another's folder or with its guests; what it passed on; and what has no maker."""
    ours, theirs = made("ours", "a"), made("theirs", "b")
    kept = [ours, made("guest", "a", ours)]
    gone = [theirs, made("guest", "a", theirs), made("their-guest", "b", ours), made("taken", "a", **{KEPT_FROM: "theirs"})]
    unknown = manifest_path(tmp_path, made("unknown", "a"))
    told = {name: value for name, value in json.loads(unknown.read_text()).items() if name not in ("made_by", "sha256")}
    unknown.write_text(json.dumps(told))  # as they were before they were noted
    monkeypatch.setattr(code, "current", lambda place: "a")
    forget_other_code(tmp_path)

    assert [] == others(tmp_path)
    assert all(Store(tmp_path).find(key) for key in kept)
    assert not any(manifest_path(tmp_path, key).exists() for key in gone)
    assert not unknown.exists()


def test_a_store_that_is_not_there_is_nothing_to_forget(tmp_path: Path) -> None:
    """As in a fresh checkout."""
    forget_other_code(tmp_path / "store")


def test_the_shared_store_is_all_of_this_code(tiny_store: Path) -> None:
    """What a test finds in it was made by the code that is tested."""
    assert [] == others(tiny_store / "store")


def test_the_selftests_store_is_reached_by_its_fixtures_only() -> None:
    """Who asks for `own_store`, `tiny_store` or `acceptance` gets it without other code's entries."""
    naming = {path.name for path in (ROOT / "suites" / "selftest").rglob("*.py") if "TINY_ARTIFACTS" in path.read_text()}
    assert {"conftest.py", Path(__file__).name} == naming


def test_a_run_starts_without_other_codes_entries(request: pytest.FixtureRequest, acceptance: object) -> None:
    """A run of the whole suite builds into the same store."""
    assert "own_store" in request.fixturenames
