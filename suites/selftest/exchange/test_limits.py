"""Limits of a precision: how they follow from what was measured, and of which runs there are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import record
from tools.datasets.clips import ClipSet
from tools.errors import OptionError, RecordError
from tools.exchange import limits, runs
from tools.exchange.toml_edit import Limits, checked, with_limits
from tools.judging.floors import header
from tools.measuring import metrics
from tools.measuring.cell import Cell, Part
from tools.measuring.metrics import Distance
from tools.measuring.predictions import Predictions
from tools.media.decode import Clip
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.model import recogniser
from tools.spec.truth import FidelityGate

SPEC = recogniser(load_spec(TINY_MODELS, "tiny"), "has scores", remedy="none")
TRUTH = load_truth(TINY_MODELS, "tiny")
CASE = Case("tiny", 4, Device("npu", 0))
COUNT = 100
CLIPS = ClipSet("videos", tuple(Clip(f"v_{number}", Path(), number % SPEC.classes, 9, sha256="0") for number in range(COUNT)))
RIGHT = np.eye(SPEC.classes, dtype=np.float32)[[clip.label for clip in CLIPS.clips]] * 0.9 + np.float32(0.1 / SPEC.classes)
TORCH: Any = SimpleNamespace(predictions=Predictions(CLIPS.ids, RIGHT), clips=CLIPS, checkpoint=SimpleNamespace(sha256="w"))


def cell(batch: int = 4, scores: np.ndarray = RIGHT, **more: Any) -> Cell:
    """A case as it was measured."""
    case = replace(CASE, batch=batch)
    told = replace(record(case, "tiny", COUNT), **{"precision": "fp16", "chip": "310P3", "data": "full", "weights": "own",
                                                   "digests": {"clips": CLIPS.digest, "weights": "w"}, **more})
    return Cell(case, Path("run") / str(case), (Part(Path(), told, Predictions(CLIPS.ids, scores), None),))


def found(patch: pytest.MonkeyPatch, *cells: Cell, margin: float = 2.0, reference: Any = TORCH) -> list[Limits]:
    patch.setattr(runs, "cells", lambda folder, spec: cells)
    return limits.of_runs([Path("run")], SPEC, TRUTH, reference, margin)


@pytest.mark.parametrize(("value", "up"), [(0.0, 0.0), (-1.0, 0.0), (0.0101, 0.011), (0.011, 0.011), (123.0, 130.0),
                                           (120.0, 120.0), (1.0, 1.0),
                                           (0.00999, 0.01), (9.91e-7, 1e-6)])
def test_a_limit_is_rounded_up_to_two_digits(value: float, up: float) -> None:
    assert up == pytest.approx(limits._up(value), rel=1e-12)


@pytest.mark.parametrize(("apart", "margin", "gate"), [
    (Distance(0.004, 0.99995, 1, 0), 2, FidelityGate(0.008, 0.9999, 0.02)),
    (Distance(0.004, 0.999, 0, 0), 3, FidelityGate(0.012, 0.997, 0.01)),
    (Distance(0.0, 1.0, 0, 0), 2, FidelityGate(0.001, 0.9999, 0.01)),
    (Distance(0.001, 0.9999, 1, 0), 1, FidelityGate(0.001, 0.9999, 0.01)),
], ids=["twice", "thrice", "float32's own", "as measured"])
def test_limits_are_what_was_measured_times_the_margin(monkeypatch: pytest.MonkeyPatch, apart: Distance, margin: float,
                                                       gate: FidelityGate) -> None:
    """Never tighter than those of float32."""
    monkeypatch.setattr(metrics, "distance", lambda *given, **how: apart)
    [one] = found(monkeypatch, cell(), margin=margin)

    assert ("fp16-310P3", gate) == (one.name, one.gate)


def test_the_precisions_of_a_gpu_have_limits_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """TF32 and half precision, each with the kind of GPU; a toml takes the name though it has a space."""
    left = [Distance(0.0048, 0.99995, 0, 0), Distance(0.002, 0.99999, 0, 0)]
    monkeypatch.setattr(metrics, "distance", lambda *given, **how: left.pop(0))
    both = found(monkeypatch, cell(4, precision="tf32", chip="NVIDIA T4"), cell(8, chip="NVIDIA T4"))
    assert ["tf32-NVIDIA T4", "fp16-NVIDIA T4"] == [one.name for one in both]

    text = TRUTH.path.read_text()
    for one in both:
        text = with_limits(text, one)
    read = checked(TRUTH.path, text, limits=[one.name for one in both]).fidelity
    assert {one.name: one.gate for one in both} == {name: gate for name, gate in read.items() if "NVIDIA" in name}
    assert all(f"{header(one.name)} # 2 times what " in text for one in both)


def test_the_case_that_is_farthest_from_torch_sets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """In each of the three; each precision and kind of chip has its own, and a note of what it comes from."""
    far = {4: Distance(0.004, 0.9999, 1, 0), 8: Distance(0.002, 0.9996, 0, 0), 16: Distance(0.02, 0.999, 2, 0)}
    left = [far[batch] for batch in (4, 8, 16)]
    monkeypatch.setattr(metrics, "distance", lambda *given, **how: left.pop(0))
    both, other = found(monkeypatch, cell(4), cell(8), cell(16, chip="910B"))

    assert ("fp16-310P3", FidelityGate(0.008, 0.9992, 0.02)) == (both.name, both.gate)
    assert ("fp16-910B", FidelityGate(0.04, 0.998, 0.04)) == (other.name, other.gate)
    assert ("2 times what tiny-bs4-npu0, tiny-bs8-npu0 measured, or float32's: 0.004, 1 - 0.0004, 1 of 100 clips; "
            "data full, weights own") == both.note


def test_scores_are_compared_as_far_as_the_precision_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What half precision cannot hold is no difference."""
    asked: list[Any] = []
    monkeypatch.setattr(metrics, "distance", lambda *given, **how: asked.append((given, how)) or Distance(0.0, 1.0, 0, 0))
    found(monkeypatch, cell())
    [(given, how)] = asked

    assert ({"softmax": SPEC.network.softmax, "smallest": 2.0**-24}, True) == (how, given[0] is RIGHT and given[1] is RIGHT)


@pytest.mark.parametrize(("margin", "fits"), [(1.0, True), (0.99, False), (float("inf"), False), (float("nan"), False)])
def test_a_margin_is_one_at_least(monkeypatch: pytest.MonkeyPatch, margin: float, fits: bool) -> None:
    if fits:
        assert 1 == len(found(monkeypatch, cell(), margin=margin))
        return
    with pytest.raises(OptionError, match="would fail what was measured, or nothing") as caught:
        found(monkeypatch, cell(), margin=margin)
    assert ("--margin", "for example --margin 2") == (caught.value.where, caught.value.remedy)


def test_without_torchs_scores_there_are_no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecordError, match="no torch reference of these clips and weights is in the store") as caught:
        found(monkeypatch, cell(), reference=None)
    assert ("--data, --weights", "give those of the run; python -m tools.reference tiny makes it") == (
        caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("one", "words", "remedy"), [
    (cell(simulated=True), "tiny-bs4-npu0 was measured on a simulation, and is no fact", "measure on a device"),
    (cell(simulated=True, precision="tf32", chip="SimNVIDIA T4"), "tiny-bs4-npu0 was measured on a simulation, and is no fact",
     "measure on a device"),
    (cell(precision="fp32"), "tiny-bs4-npu0 is fp32, whose limits are not measured but required", "record those of a device that"),
    (cell(digests={"clips": "x", "weights": "w"}), "tiny-bs4-npu0 was measured with other clips$", "give the --data and --weights"),
    (cell(digests={"clips": CLIPS.digest}), "tiny-bs4-npu0 was measured with other weights$", "give the --data and --weights of the run"),
    (cell(digests={}), "tiny-bs4-npu0 was measured with other clips and weights", "give the --data and --weights of the run"),
    (cell(scores=np.ascontiguousarray(RIGHT[:, ::-1])), "tiny-bs4-npu0 is FAIL in top1: ", "limits come from a device that is right"),
], ids=["simulated", "simulated GPU", "float32", "clips", "weights", "both", "wrong"])
def test_of_what_is_no_fact_or_wrong_there_are_no_limits(monkeypatch: pytest.MonkeyPatch, one: Cell, words: str, remedy: str) -> None:
    with pytest.raises(RecordError) as caught:
        found(monkeypatch, one)
    assert words.rstrip("$") in caught.value.what
    assert not words.endswith("$") or caught.value.what.endswith(words.rstrip("$"))
    assert "run/tiny-bs4-npu0" == caught.value.where
    assert str(caught.value.remedy).startswith(remedy)


@pytest.mark.parametrize(("apart", "fits"), [
    (Distance(0.025, 1.0, 0, 0), True), (Distance(0.026, 1.0, 0, 0), False), (Distance(0.0, 0.995, 0, 0), True),
    (Distance(0.0, 0.9949, 0, 0), False), (Distance(0.0, 1.0, 2, 0), True), (Distance(0.0, 1.0, 3, 0), False),
], ids=range(6))
def test_limits_beyond_the_floor_are_refused(monkeypatch: pytest.MonkeyPatch, apart: Distance, fits: bool) -> None:
    """Only a broken deployment needs them."""
    monkeypatch.setattr(metrics, "distance", lambda *given, **how: apart)
    if fits:
        assert 1 == len(found(monkeypatch, cell(), cell(8)))
        return
    with pytest.raises(RecordError, match=r"for fp16-310P3 are beyond the floor of every device: difference <= 0\.05") as caught:
        found(monkeypatch, cell(), cell(8))
    assert "run/tiny-bs4-npu0, run/tiny-bs8-npu0" == caught.value.where
    assert str(caught.value.remedy).endswith("if it measured well, give a --margin below 2")
    assert caught.value.what.startswith("limits of difference <= ")
