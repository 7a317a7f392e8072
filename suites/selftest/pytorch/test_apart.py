"""The reference shares no step with what it judges: what both sides had in common would never be compared."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from inspect import getmembers, isfunction
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.specs import recogniser_spec
from tools.datasets.mini import encode
from tools.datasets.mini.moving_shapes import Recipe, render
from tools.media.decode import Clip
from tools.pytorch import pipeline
from tools.spec.model import ListFormat
from tools.spec.settings import ROOT

TINY = recogniser_spec(TINY_MODELS, "tiny")
FITTING = {"mini_recogniser", "mini_localiser"}  # they make weights, and no reference
SIDE = [*(path for path in sorted((ROOT / "tools" / "pytorch").glob("*.py")) if path.stem not in FITTING),
        *sorted((ROOT / "tools" / "measuring").glob("reference*.py"))]
OURS = ("tools.media", "tools.localisation", "tools.measuring.recogniser", "tools.measuring.localiser", "tools.measuring.measure")
SHARED = {  # types and file names, and how answers are kept to be compared: none of it computes an input or a score
    "tools.media.decode.Clip", "tools.media.decode.FRAME_NAME", "tools.media.preprocess.Frames", "tools.media.preprocess.Floats",
    "tools.localisation.detections.DETECTIONS", "tools.localisation.detections.Detections", "tools.localisation.detections.Doubles",
    "tools.localisation.detections.none_found", "tools.localisation.detections.read_results", "tools.localisation.detections.write_results",
    "tools.localisation.proposals.bins", "tools.localisation.recall.RANKS", "tools.localisation.snippet_features.COLUMNS",
}


def taken(text: str) -> Iterator[str]:
    """Every name that a module imports of our side, whole modules too, wherever in it that is written."""
    for node in ast.walk(ast.parse(text)):
        names = ([alias.name for alias in node.names] if isinstance(node, ast.Import) else
                 [f"{node.module}.{alias.name}" for alias in node.names] if isinstance(node, ast.ImportFrom) else [])
        yield from (name for name in names if any(f"{name}.".startswith(f"{room}.") for room in OURS))


@pytest.mark.parametrize("path", SIDE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_the_reference_imports_none_of_our_steps(path: Path) -> None:
    """No decoding, sampling, preprocessing, proposals, soft-NMS or recall of ours: types and names alone."""
    assert [] == sorted(set(taken(path.read_text())) - SHARED)


def test_the_names_that_are_shared_are_used() -> None:
    """Every name in the table is imported by the reference's side, so that none stays allowed for nothing."""
    assert {name for path in SIDE for name in taken(path.read_text())} >= SHARED


@pytest.mark.parametrize("line", ["import tools.media.preprocess", "from tools.media import preprocess", "from tools import media",
                                  "def f():\n    from tools.media.preprocess import crops", "from tools.measuring.recogniser import fill",
                                  "from tools.localisation.soft_nms import detect"])
def test_a_way_to_our_steps_is_seen(line: str) -> None:
    """Whatever the import looks like, it is one of ours that is not shared."""
    assert set(taken(line)) - SHARED


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["rawframes", "videos"])
def test_the_reference_is_fed_with_our_steps_out_of_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: ListFormat) -> None:
    """With an error in the place of every function that reads or preprocesses for us, torch's input stays."""
    clip = Clip("v", tmp_path / "v.mp4", 0, 12)
    write = encode.write_jpegs if kind == "rawframes" else encode.write_mp4
    write(render(Recipe(1, 12, (5,), noise=2.0, travel=160.0)), clip.path)
    right = pipeline.clip_loader(TINY, kind)(clip)

    def out_of_order(*_: object, **__: object) -> None:
        raise AssertionError("a step of ours")

    for path in (ROOT / "tools" / "media").glob("[!_]*.py"):
        module = importlib.import_module(f"tools.media.{path.stem}")
        for name, _ in getmembers(module, isfunction):
            monkeypatch.setattr(module, name, out_of_order)

    assert right.tobytes() == pipeline.clip_loader(TINY, kind)(clip).tobytes()
