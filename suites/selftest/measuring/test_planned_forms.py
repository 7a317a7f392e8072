"""What devices load instead of the graph itself is a step of a plan, until the store has it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.deployment import half
from tools.deployment.compile import Form
from tools.deployment.specialise import Graph
from tools.measuring import planned, readiness, room, unbuilt
from tools.measuring.planned import Planned
from tools.spec.case import Case, Device, Mode
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage import store
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.index import Index
from tools.storage.store import Store

TINY = load_spec(TINY_MODELS, "tiny")
GRAPH = Graph(Path("bs4.onnx"), "g" * 64, "w" * 64, (), 1000, 1)


def leave(folder: Path) -> Facts:
    (folder / "a").write_text("made")
    return {}


def steps(root: Path, graphs: dict[tuple[str, int], Graph], *forms: tuple[int, Form]) -> list[tuple[str, int, int]]:
    context = Context(Settings.parse({"artifacts": str(root)}), TINY)
    return [(one.doing, one.size, one.batch) for one in planned._converting(context, Index(context.settings.store), graphs, forms)]


def test_a_graph_in_half_precision_is_planned_until_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its key where its graph is there; it takes half of what the graph takes."""
    monkeypatch.setattr(store, "_require_same_code", lambda key, builder: None)
    monkeypatch.setattr(room, "weights", lambda network: 600)
    graphs = {("tiny", 4): GRAPH}
    to_half = "converting tiny at batch {} to half precision"
    found = steps(tmp_path, graphs, (4, "half"), (1, "half"), (8, "onnx"), (8, "om"))
    assert [(to_half.format(1), 300, 1), (to_half.format(4), 500, 4)] == found

    Store(tmp_path / "store").build(half.stage(GRAPH, "tiny-bs4").key, leave)
    assert [(to_half.format(1), 300, 1)] == steps(tmp_path, graphs, (4, "half"), (1, "half"))
    another = replace(GRAPH, digest="h" * 64)
    assert [(to_half.format(4), 500, 4)] == steps(tmp_path, {("tiny", 4): another}, (4, "half"))


def test_an_engine_is_planned_until_one_of_its_name_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its key holds what only its GPU tells."""
    monkeypatch.setattr(store, "_require_same_code", lambda key, builder: None)
    assert [("building tiny at batch 4 with TensorRT", 500, 4)] == steps(tmp_path, {("tiny", 4): GRAPH}, (4, "tensorrt"))

    Store(tmp_path / "store").build(Key("engine", "tiny-bs4", ()), leave)
    assert [] == steps(tmp_path, {("tiny", 4): GRAPH}, (4, "tensorrt"))


def test_the_forms_of_a_selection_are_those_of_its_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch size with each form that some cell of it needs."""
    asked: list[object] = []
    monkeypatch.setattr(unbuilt, "absent_packages", frozenset)
    monkeypatch.setattr(readiness, "plan", lambda context, batches, forms: asked.append(forms) or Planned((), {}))
    monkeypatch.setattr(readiness, "_of_devices", lambda settings, cases: [])
    monkeypatch.setattr(readiness, "form", lambda device, mode: "half" if mode.precision == "fp16" else "onnx")
    (tmp_path / "locks").mkdir(mode=0o700)
    settings = Settings.parse({"artifacts": str(tmp_path / "artifacts"), "locks": str(tmp_path / "locks"), "models": str(TINY_MODELS)})
    cases = [Case("tiny", batch, Device("cpu"), mode) for batch in (1, 4) for mode in (Mode(), Mode(precision="fp16"))]
    readiness.of_cases(settings, {"tiny": Context(settings, TINY)}, cases[:3])

    assert [{(1, "onnx"), (1, "half"), (4, "onnx")}] == asked
