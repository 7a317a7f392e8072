"""A reference of which several processes make parts: those are what one process makes of all clips."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.measuring.test_reference import COUNT, SPEC, Made, few_clips
from suites.selftest.measuring.test_reference_kept import CHECKPOINT, CLIPS, SCORES
from tools.datasets.clips import ClipSet
from tools.errors import DataError
from tools.machine import events
from tools.measuring import recogniser, reference, reference_graph
from tools.measuring.adoption import Earlier
from tools.measuring.predictions import FILE, load
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import run
from tools.storage.shards import Ranges, Span
from tools.storage.store import Store


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return few_clips(tmp_path_factory.mktemp("tiny"))


@pytest.mark.torch
def test_parts_are_gathered_to_the_reference_of_all_clips(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit. Once all are there no network is loaded, and nothing is computed."""
    whole, store = made.build(Store(tmp_path / "whole")), Store(tmp_path / "store")
    shards = store.unfinished(reference.key(SPEC, made.checkpoint, made.clips))
    for number, span in enumerate(((4, COUNT), (0, 4))):
        there = tmp_path / f"node-{number}"
        path = reference.score_span(SPEC, made.checkpoint, made.clips, "cpu", span, there)
        assert [path] == [*there.iterdir()]
        Ranges(shards, COUNT).keep(*span, path.read_bytes())
    monkeypatch.setattr(reference, "_scorer", None)
    monkeypatch.setattr(run, "torch_device", None)
    entry = made.build(store)

    assert whole.file(FILE).read_bytes() == entry.file(FILE).read_bytes()
    assert whole.facts == entry.facts


@pytest.fixture
def did(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done in turn, with a stand-in for torch that scores as SCORES says."""
    done: list[str] = []
    monkeypatch.setattr(ClipSet, "require_unchanged", lambda self: done.append(f"looks at {len(self.clips)}"))
    monkeypatch.setattr(run, "torch_device", lambda device: SimpleNamespace(label=f"label of {device}"))
    monkeypatch.setattr(reference, "_scorer", lambda *given: score(done))
    return done


def score(done: list[str]) -> reference.Score:
    def scores(chosen: Sequence[Clip]) -> Iterator[Floats]:
        for clip in chosen:
            done.append(f"scores {clip.id}")
            yield SCORES[clip.label : clip.label + 1]

    return scores


def kept(folder: Path, *given: Span) -> Path:
    for first, end in given:
        Ranges(folder, 4).keep(first, end, {"scores": 2 * SCORES[first:end], "device": np.array([f"device {first}"])})
    return folder


def build(folder: Path, shards: Path, earlier: Earlier | None = None) -> dict[str, object]:
    (folder / "made").mkdir(parents=True)
    return dict(reference.build(SPEC, CHECKPOINT, CLIPS, 0.0, "cpu", shards, folder / "made", earlier=earlier))


def test_a_part_is_of_its_clips_alone(did: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their files are looked at before and after; progress counts them, and no other."""
    told: list[tuple[object, ...]] = []
    monkeypatch.setattr(events, "progress", lambda *what, **more: told.append(what))
    path = recogniser.score_span(SPEC, CHECKPOINT, CLIPS, "cpu", (1, 3), tmp_path)

    assert ["looks at 2", "scores v_1", "scores v_2", "looks at 2"] == did
    with np.load(path) as stored:
        assert (SCORES[1:3].tolist(), ["label of cpu"]) == (stored["scores"].tolist(), stored["device"].tolist())
    assert [("torch reference", 1, 2), ("torch reference", 2, 2)] == told


def test_a_part_whose_clips_change_is_not_kept(did: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def require_unchanged(self: ClipSet) -> None:
        if did:
            raise DataError("clip v_1 has changed")

    monkeypatch.setattr(ClipSet, "require_unchanged", require_unchanged)
    with pytest.raises(DataError, match="v_1 has changed"):
        reference.score_span(SPEC, CHECKPOINT, CLIPS, "cpu", (1, 3), tmp_path)
    assert [] == [*tmp_path.iterdir()]


def test_a_reference_of_parts_is_checked_as_any_other(did: list[str], tmp_path: Path) -> None:
    """Its clips are looked at before and after; it tells every device. Scores of other code are not asked."""
    told = build(tmp_path, kept(tmp_path / "shards", (0, 2), (2, 4)), Earlier(None))  # type: ignore[arg-type]

    assert ["looks at 4", "looks at 4"] == did
    assert {"top1": 1.0, "clips": 4, "torch_device": "device 0, device 2"} == told
    assert (2 * SCORES).tolist() == load(tmp_path / "made" / FILE).scores.tolist()
    assert {clip.id: clip.sha256 for clip in CLIPS.clips} == json.loads((tmp_path / "made" / reference.DIGESTS).read_text())


def test_what_no_part_has_is_computed(did: list[str], tmp_path: Path) -> None:
    """From the first gap on; parts that cannot be read are gaps."""
    shards = kept(tmp_path / "shards", (0, 2), (2, 4))
    Ranges(shards, 4).file(2, 4).write_bytes(b"torn")
    assert "device 0, label of cpu" == build(tmp_path, shards)["torch_device"]
    assert ["looks at 4", "scores v_2", "scores v_3", "looks at 4"] == did


def test_of_a_model_that_is_an_onnx_file_alone_its_own_runtime_makes_the_part(did: list[str], tmp_path: Path,
                                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is as torch's, and says what computed."""
    monkeypatch.setattr(reference_graph, "scorer", lambda *given: score(did))
    graph: Any = SimpleNamespace(**{**vars(CHECKPOINT), "network": replace(SPEC.network, graph="own.onnx")})
    path = recogniser.score_span(SPEC, graph, CLIPS, "auto", (2, 4), tmp_path)

    with np.load(path) as stored:
        assert SCORES[2:].tolist() == stored["scores"].tolist()
        assert stored["device"].tolist()[0].startswith("ONNX Runtime ")
    assert Ranges(tmp_path, 4).file(2, 4) == path
