"""How long a stage took last time here, which is what the next one is told to take."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.machine import child
from tools.machine.event import Event
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage import durations
from tools.storage.context import Context
from tools.storage.entries import Key
from tools.storage.stages import Stage

KEY = Key("onnx", "a", (("batch", "1"),))


def test_a_time_is_that_of_the_last_of_its_kind_and_name(tmp_path: Path) -> None:
    """Whatever else shaped it; one too short to wait for is none."""
    assert durations.last(tmp_path, KEY) is None
    durations.note(tmp_path, KEY, 20.04)
    durations.note(tmp_path, KEY, 90.04)
    durations.note(tmp_path, Key("onnx", "b", ()), 4.0)

    assert 90.0 == durations.last(tmp_path, Key("onnx", "a", (("batch", "2"),)))
    assert [None, None] == [durations.last(tmp_path, key) for key in (Key("onnx", "b", ()), Key("om", "a", ()))]


@pytest.mark.parametrize("text", ["", "x", "[1]", '"90"', "true", "NaN", "Infinity", "-5.0"])
def test_what_is_no_time_is_none(tmp_path: Path, text: str) -> None:
    durations.note(tmp_path, KEY, 90.0)
    [path] = tmp_path.rglob("*.seconds")
    path.write_text(text)

    assert durations.last(tmp_path, KEY) is None


def test_a_link_in_its_place_is_not_followed_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("mine")
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "onnx-a.seconds").symlink_to(tmp_path / "theirs")
    durations.note(tmp_path, KEY, 90.0)

    assert "mine" == (tmp_path / "theirs").read_text()


@pytest.mark.parametrize("how", ["make", "find_or_run"])
def test_a_stage_begins_with_the_time_that_it_took_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """In words for people, and as a number for whoever shows how far it is; its own time takes the place."""
    heard: list[Event] = []
    context = Context(Settings.parse({"artifacts": str(tmp_path)}), load_spec(TINY_MODELS, "tiny"), heard.append)
    monkeypatch.setattr(child, "call", lambda work, title, **more: work())
    durations.note(context.settings.store, KEY, 1080.0)
    getattr(Stage(KEY, "making a", lambda folder: {"number": 1}, takes="minutes"), how)(context)

    assert [{"kind": "say", "text": "making a (about 18 min, as last time) ..."},
            {"kind": "stage", "text": "making a", "takes": "minutes", "usual_s": 1080.0}] == heard[:2]
    assert durations.last(context.settings.store, KEY) is None
