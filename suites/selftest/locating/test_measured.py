"""A run is looked at only where it has measured the weights and the graph that are looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import record
from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet
from tools.deployment import compile as compiling
from tools.deployment.specialise import Given, Graph
from tools.deployment.weights import Weights
from tools.engines.fit import Asked
from tools.errors import OptionError
from tools.locating import measured
from tools.measuring.cell import Part
from tools.measuring.launch import Found
from tools.measuring.predictions import Predictions
from tools.spec.case import Case, Device

SPEC = recogniser_spec(TINY_MODELS, "tiny")
WEIGHTS = Weights(Path("w.pth"), "e" * 64, SPEC.network, "mini")
MADE = Graph(Path("tiny-bs4.onnx"), "a" * 64, "", (), 0, 0)
NAME = "spoiled.onnx (sha256 bbbbbbbbbbbb)"
GIVEN = Graph(Path("spoiled.onnx"), "b" * 64, "", (), 0, 0, Given(NAME, (), Asked("TCHW"), "fp32"))
TOLD = f"graph given: {NAME}, input video NTCHW float32"
CPU, NPU = Device("cpu"), Device("npu", 0)


def compared(source: Graph, *, device: Device = CPU, loads: Graph | None = None, given: str = "", **digests: str) -> tuple[str, ...]:
    """What is unknown of a cell with these *digests*, where the graph *source* is looked at."""
    noted = replace(record(Case("tiny", 4, device), "tiny", 1), digests={"weights": WEIGHTS.sha256, **digests}, given=given)
    found = Found((WEIGHTS,), ClipSet("rawframes", ()), (loads or source,))
    context: Any = None
    part = Part(Path(), noted, Predictions((), np.zeros((0, 20), np.float32)), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "source_graph", lambda *rest: source)
        return measured.require(context, Case("tiny", 4, device), found, [part], Path("run/case"))


@pytest.mark.parametrize(("source", "given", "digest", "said", "remedy"), [
    (MADE, TOLD, GIVEN.digest, (NAME, "tiny-bs4.onnx", "aaaaaaaaaaaa"), "give --graph FILE as that cell had it"),
    (GIVEN, "", MADE.digest, (NAME, "made of the weights (sha256 aaaaaaaaaaaa)"), "leave --graph out"),
    (GIVEN, TOLD.replace("spoiled", "other").replace("b" * 12, "c" * 12), "c" * 64, (NAME, "cccccccccccc"), "give --graph FILE"),
    (MADE, "", "c" * 64, ("cccccccccccc", "aaaaaaaaaaaa"), "measure the case again"),
], ids=["given there", "given here", "both given", "both made"])
@pytest.mark.parametrize("device", [CPU, NPU], ids=str)
def test_another_graph_is_one_error_that_names_both(source: Graph, given: str, digest: str, said: tuple[str, ...], remedy: str,
                                                    device: Device) -> None:
    """Of a compiled one the graph before compilation counts, as far as it is known."""
    loads = replace(source, path=Path("model.om"), digest="f" * 64) if device == NPU else source
    if device == NPU and not given and not source.given:
        assert ("that run loaded another compiled file, and does not tell of which graph",) == compared(
            source, device=device, loads=loads, graph=digest)
        return
    with pytest.raises(OptionError, match="the run measured another graph than this one") as caught:
        compared(source, device=device, loads=loads, given=given, graph=digest)

    assert all(word in caught.value.what for word in said)
    assert remedy in str(caught.value.remedy)
    assert str(caught.value.remedy).endswith("name clips with --clip and no --run")


@pytest.mark.parametrize(("source", "loaded", "noted", "given", "device"), [
    (MADE, "a", "a", "", CPU), (GIVEN, "b", "b", TOLD, CPU), (MADE, "f", "f", "", NPU), (GIVEN, "f", "d", TOLD, NPU),
    (GIVEN, "f", "d", TOLD.replace("spoiled", "renamed"), NPU),
], ids=["made", "given", "compiled", "compiled again", "renamed"])
def test_the_same_graph_is_taken(source: Graph, loaded: str, noted: str, given: str, device: Device) -> None:
    """Whatever it is called, and however often it was compiled."""
    assert () == compared(source, device=device, loads=replace(source, digest=loaded * 64), given=given, graph=noted * 64)


def test_other_weights_are_one_error_that_names_both() -> None:
    with pytest.raises(OptionError, match=r"mini \(sha256 dddddddddddd\); here are mini w\.pth \(sha256 eeeeeeeeeeee\)"):
        compared(MADE, graph=MADE.digest, weights="d" * 64)


def test_what_a_run_does_not_tell_is_said() -> None:
    assert ("that run does not tell which graph it measured",) == compared(MADE)


def test_of_several_networks_it_says_which_was_another() -> None:
    """The second one here; the first is the same."""
    case, graphs = Case("tiny", 4, CPU), (MADE, replace(MADE, digest="c" * 64))
    noted = {"weights": WEIGHTS.sha256, "graph": MADE.digest}
    parts = [Part(Path(), replace(record(case, name, 1), digests=noted), Predictions((), np.zeros((0, 20), np.float32)), None)
             for name in ("tem", "pem")]
    context: Any = None
    with pytest.raises(OptionError, match="another graph of pem than this one"):
        measured.require(context, case, Found((WEIGHTS, WEIGHTS), ClipSet("rawframes", ()), graphs), parts, Path("run/case"))
