"""The reference of a model that is an ONNX file alone, and cells that are judged beside it.

Where torch is said to be needed only its version is: it stands in the key of every reference.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest import own_graphs
from suites.selftest.conftest import own_locks, python, ran
from suites.selftest.own_graphs import COLOURS, DEVIATION, MEAN, OwnModel, Variant
from suites.selftest.simulated.npu import SimulatedNpu
from tools.datasets.clips import ClipSet
from tools.deployment import own_graph
from tools.deployment.weights import checkpoints
from tools.engines import cpu
from tools.errors import ReferenceRunError, WeightsError
from tools.machine import child
from tools.measuring import recogniser, reference_graph
from tools.measuring.predictions import FILE, load
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import pipeline
from tools.spec.model import ModelSpec
from tools.storage import stages

NAMED = "beside ONNX Runtime float32 on the CPU"
SHAPE = (4, 3, 16, 16)
NETWORK = {"top1", "top5", "difference", "cosine", "flipped"}  # the numbers that are judged beside the reference


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> OwnModel:
    return own_graphs.with_clips(own_graphs.model(tmp_path_factory.mktemp("own")))


@pytest.fixture
def own(shared: OwnModel, monkeypatch: pytest.MonkeyPatch) -> OwnModel:
    """The model and its clips; children's work is done here, and our own pipeline stands for mmaction2's."""
    own_graphs.save(shared.graph)
    monkeypatch.setattr(child, "call", lambda work, *more, **given: work())
    monkeypatch.setattr(pipeline, "clip_loader", loader)
    return shared


def loader(spec: ModelSpec, kind: Any) -> Callable[[Clip], Floats]:
    def load(clip: Clip) -> Floats:
        filled = np.empty(spec.network.input.shape, np.float32)
        recogniser.fill(clip, kind, spec, filled)
        return filled

    return load


def measured(own: OwnModel, *more: str) -> tuple[dict[str, str], dict[str, str]]:
    """The word and the reason of each number of the cell at batch 4."""
    return told(ran("measure", "colours", "--batch=4", *own.arguments(f"--locks={own_locks()}", "--budget-s=0.1", *more)))


def told(done: subprocess.CompletedProcess[str]) -> tuple[dict[str, str], dict[str, str]]:
    found = re.findall(r"^(PASS|FAIL|RECORDED|NO VERDICT)((?: \(.+?\))?) (.+?): (.+)$", done.stdout, re.MULTILINE)
    assert found, done.stderr
    return {metric: word + more for word, more, metric, _ in found}, {metric: reason for _, _, metric, reason in found}


def only(words: dict[str, str]) -> set[str]:
    return {words[metric] for metric in NETWORK}


@pytest.mark.torch
def test_its_own_graph_is_recorded_and_never_passed(own: OwnModel) -> None:
    """Whether it is measured as the model's, or named once more with --graph, as it is or saved anew."""
    import onnx

    again, outside = shutil.copy(own.graph, own.root / "again.onnx"), own_graphs.save(own.root / "outside.onnx", external="outside.bin")
    made = onnx.load(str(outside))
    made.producer_name = "another"
    onnx.save_model(made, str(own.root / "by_another.onnx"))
    for more in ((), (f"--graph={again}",), (f"--graph={outside}",), (f"--graph={own.root / 'by_another.onnx'}",)):
        words, reasons = measured(own, *more)
        assert {"RECORDED"} == only(words)
        assert all(NAMED in reasons[metric] and "compared with itself" in reasons[metric] for metric in NETWORK)
        assert "PASS" == words["inputs"]


@pytest.mark.torch
def test_a_file_of_another_batch_size_is_the_same_network(own: OwnModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its reference is the smallest one's, and the two come from one hand; but a loss is a loss."""
    for batch in (1, 4):
        own_graphs.save(own.models / f"colours_bs{batch}.onnx", batch=batch)
    several = replace(own.spec, network=replace(own.spec.network, graph="colours_bs{batch}.onnx"))
    monkeypatch.setattr(stages, "load_spec", lambda *_: several)
    same = only(measured(own)[0])
    own_graphs.save(own.models / "colours_bs4.onnx", "wrong order", batch=4)

    assert ({"RECORDED"}, "FAIL") == (same, measured(own)[0]["top1"])


@pytest.mark.torch
def test_what_a_person_expects_of_it_is_judged(own: OwnModel) -> None:
    """By their labels, which the graph does not make."""
    assert "PASS" == measured(own, "--expect=top1=0.9")[0]["top1 expected"]


@pytest.mark.torch
@pytest.mark.parametrize(("variant", "top1", "difference"), [
    ("half", "PASS", "RECORDED"), ("one percent", "PASS", "FAIL"), ("wrong order", "FAIL", "FAIL"), ("wrong colours", "FAIL", "FAIL"),
])
def test_another_file_is_judged_beside_the_model_s_own(own: OwnModel, variant: Variant, top1: str, difference: str) -> None:
    """So a graph in half precision is accepted on the CPU, and a broken one is not; the row names both."""
    given = own_graphs.save(own.root / "given.onnx", variant)
    words, reasons = measured(own, f"--graph={given}")

    assert (top1, difference) == (words["top1"], words["difference"])
    assert NAMED in reasons["top1"]
    assert "compared with itself" not in reasons["top1"]
    assert "graph given: given.onnx" in reasons["top1"]


@pytest.mark.torch
def test_on_an_npu_the_compiled_model_is_judged_beside_the_float32_graph(own: OwnModel, tmp_path: Path) -> None:
    """There the network is another than the reference, and what passes has been judged."""
    measured(own)  # which leaves the reference in the store
    npu = SimulatedNpu(tmp_path / "host", rounding=True)
    words, reasons = told(python("-m", "tools.measure", "colours", "--batch=4", "--device=npu:0",
                                 *own.arguments(f"--locks={own_locks()}", "--budget-s=0.1"),
                                 environment=npu.environment()))

    assert ("PASS (simulated)", "RECORDED") == (words["top1"], words["difference"])
    assert all(NAMED in reasons[metric] and "compared with itself" not in reasons[metric] for metric in NETWORK)


@pytest.mark.torch
def test_another_file_makes_another_reference(own: OwnModel) -> None:
    """Else yesterday's scores would judge today's file."""
    before, keys = load_scores(own), {key_of(own)}
    own_graphs.save(own.graph, "one percent")
    after = load_scores(own)
    keys.add(key_of(own))
    own_graphs.save(own.graph, external="colours.bin")
    keys.add(key_of(own))

    assert 3 == len(keys)
    assert np.allclose(before[:, 1] * 1.01, after[:, 1], atol=0.1)
    assert not np.array_equal(before, after)


def test_how_the_graph_is_read_shapes_the_reference(own: OwnModel) -> None:
    """Another layout or scale gives other scores of the same file."""
    [weights] = checkpoints(own.context())
    said = replace(weights, network=replace(weights.network, graph_output="scores=softmax"))

    assert 2 == len({reference_graph.key(own.spec, one, ClipSet("rawframes", ())).digest for one in (weights, said)})


def load_scores(own: OwnModel) -> Floats:
    context = own.context()
    weights = checkpoints(context)
    found = recogniser.torch_reference(context, weights, recogniser.dataset(context, weights))
    assert found is not None
    return found.scores


def key_of(own: OwnModel) -> str:
    [weights] = checkpoints(own.context())
    return reference_graph.key(own.spec, weights, ClipSet("rawframes", ())).digest


def scored(own: OwnModel, inputs: Floats, folder: Path) -> Floats:
    """What the reference gives of these inputs, each of a clip of its own."""
    clips: Any = SimpleNamespace(clips=tuple(Clip(f"v_{number}", folder, 0, 9) for number in range(len(inputs))), format="rawframes",
                                 ids=tuple(f"v_{number}" for number in range(len(inputs))), require_unchanged=lambda: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "clip_loader", lambda *_: lambda clip: inputs[int(clip.id[2:])])
        kept = folder / "kept"
        kept.mkdir()
        context = own.context()
        [weights] = checkpoints(context)
        reference_graph.build(context.spec, weights, clips, folder / "parts", kept)
    return load(kept / FILE).scores


@pytest.mark.parametrize("batch", ["n", 1, 4, 16])
def test_each_clip_has_the_scores_that_the_file_says(own: OwnModel, tmp_path: Path, batch: int | str) -> None:
    """Computed by hand; whatever the batch size of the graph, and what its last batch is filled up with."""
    own_graphs.save(own.graph, batch=batch)
    inputs = np.random.default_rng(1).normal(size=(6, *SHAPE)).astype(np.float32)
    centred = (COLOURS - MEAN) / DEVIATION
    wanted = 2 * inputs.mean((1, 3, 4)) @ centred.T - (centred**2).sum(axis=1)

    assert np.allclose(wanted, scored(own, inputs, tmp_path), atol=1e-5)


def test_scores_that_are_no_numbers_are_no_reference(own: OwnModel, tmp_path: Path) -> None:
    """The clip is named, and what computed it."""
    inputs = np.zeros((3, *SHAPE), np.float32)
    inputs[1] = np.inf

    with pytest.raises(ReferenceRunError, match="ONNX Runtime's own scores of v_1 are not finite"):
        scored(own, inputs, tmp_path)


def test_nothing_is_optimised_and_one_thread_computes(own: OwnModel) -> None:
    """The reference adds up in one order, as the file says, on every machine."""
    import onnxruntime

    context = own.context()
    engine = cpu.plain(own.graph, context.spec.network, own_graph.asked(context.spec, context.spec.network))
    options = engine._session.get_session_options()

    assert onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL == options.graph_optimization_level
    assert (1, 1, True) == (options.intra_op_num_threads, options.inter_op_num_threads, options.use_deterministic_compute)


def test_a_file_that_changes_meanwhile_is_no_reference(own: OwnModel, tmp_path: Path) -> None:
    """What was loaded is what was found."""
    context = own.context()
    [weights] = checkpoints(context)
    own_graphs.save(own.graph, "one percent")
    clips: Any = SimpleNamespace(clips=(), format="rawframes")

    with pytest.raises(WeightsError, match=r"colours\.onnx has changed"):
        reference_graph.scorer(context.spec, weights, clips)
