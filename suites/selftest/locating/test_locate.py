"""A case is looked along in its order: clips, host, stages, device; what is found is kept at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from suites.selftest.locating.found_ones import apart
from suites.selftest.locating.looking import CASE, SPOILED, WIDTH, Parts, Spoiled, graph, network
from tools.errors import GraphError, MeasureError, OptionError
from tools.locating import dumps, kept, locate, told
from tools.locating.alone import alone, part_of
from tools.locating.kept import Kept
from tools.locating.locate import Wanted
from tools.locating.values import Span, StageSeen, Step
from tools.spec.case import Case, Device, Mode
from tools.storage import runs

DIFFERS = StageSeen("surgery against onnxsim", apart(0.1), 1e-4)


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


def once(did: list[str]) -> list[str]:
    return list(dict.fromkeys(did))


def test_a_fault_on_the_device_is_named_by_its_node(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order: clips, host, stages, device, why; the command that looks again names the part."""
    parts.node = SPOILED
    folder, [found] = parts.look(monkeypatch)

    assert ["find", "chosen", "batches", "steps", "stages", "loaded", "device", "causes"] == once(parts.did)
    scores, sentence = found.sentences
    assert scores.startswith("device against its graph: the scores differ by ")
    assert sentence.startswith("layer2.5 (MatMul_26): own error 1.0e-02 where its neighbours have ")
    assert sentence.endswith("; so it is; since here the scores differ")
    assert found.located.repeat.startswith("python -m tools.locate tiny --batch 4 --device cpu --part layer2.5 --artifacts ")
    assert (found,) == kept.read(folder.parent)
    assert "at most 10 compilations among 32 nodes" in parts.said
    assert any(line.startswith("Ctrl-C loses nothing that was compiled; to go on: python -m tools.locate") for line in parts.said)


def test_nothing_is_named_where_nothing_differs(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    _, [found] = parts.look(monkeypatch)

    assert not told.named_any(found.located)
    assert found.sentences[0].startswith("the device computes what its graph says")


def test_what_ctrl_c_loses_is_said_where_something_is_compiled(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is, there is nothing to lose."""
    monkeypatch.setattr(Spoiled, "compiles", False)
    parts.look(monkeypatch)

    assert [] == [line for line in parts.said if "compil" in line or "Ctrl-C" in line]


def test_an_error_that_goes_where_tensors_are_asked_for_is_told_all_the_same(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a compiler makes of the graph with more outputs may be right where the graph itself errs."""
    parts.node, parts.only_whole = SPOILED, True
    _, [found] = parts.look(monkeypatch)

    assert told.named_any(found.located)
    scores, sentence = found.sentences
    assert "it errs only where nothing else is asked of it" in scores
    assert sentence.startswith("no part errs by itself: none has an own error beyond 2e-05")
    assert "yet the scores differ by 1.0e-02. " in sentence
    assert sentence.endswith("or a compiler makes something else of all of them")


def test_the_graph_that_the_cell_loads_is_run(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was compiled before, and tuned perhaps: what is compiled anew may be right where it errs."""
    parts.node, parts.only_loaded = SPOILED, True
    _, [found] = parts.look(monkeypatch)

    assert told.named_any(found.located)
    assert found.sentences[0].startswith("device against its graph: the scores differ by ")
    assert found.located.found is not None
    assert found.located.found.scores is not None
    assert found.located.found.scores.rms > 1e-3


def test_where_the_input_differs_nothing_behind_it_is_looked_at(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that is fed something else has not been tried."""
    parts.steps = (*parts.steps, Step("crop", "a", apart(0.1), "moved by a pixel", feeds="tiny"))
    _, [found] = parts.look(monkeypatch)

    assert ["find", "chosen", "batches", "steps"] == parts.did
    assert ("crop of a: moved by a pixel",) == found.sentences
    assert (None, True) == (found.located.found, found.complete)


@pytest.mark.parametrize("step", [Step("frames", "a", apart(0.1), "seen"), Step("input", "a", apart(0.01), "seen", feeds="tiny"),
                                  Step("input", "a", apart(0.1), "seen", feeds="other")], ids=["before", "rounding", "another"])
def test_any_other_step_that_differs_is_told_and_the_device_searched(parts: Parts, monkeypatch: pytest.MonkeyPatch, step: Step) -> None:
    """One before the input, rounding in the input, or the input of another network."""
    parts.steps, parts.node = (step,), SPOILED
    _, [found] = parts.look(monkeypatch)

    assert f"{step.name} of a: seen" == found.sentences[0]
    assert found.sentences[-1].startswith("layer2.5 (MatMul_26): own error")


def test_a_step_behind_both_networks_ends_the_look_at_neither(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.networks, parts.steps = ("tem", "pem"), (Step("detections", "a", apart(0.1), "other ones"),)
    _, both = parts.look(monkeypatch)

    assert ["tem", "pem"] == [one.located.network for one in both]
    assert all(one.located.found is not None for one in both)


def test_a_stage_is_named_before_a_node_and_the_device_is_searched_all_the_same(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    parts.stages, parts.node = (DIFFERS,), SPOILED
    _, [found] = parts.look(monkeypatch)

    assert ["surgery against onnxsim", "layer2.5 (MatMul_26)"] == [one.partition(":")[0] for one in found.sentences]


def test_of_several_networks_the_first_that_differs_is_the_last(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the one that is asked for."""
    parts.networks = ("tem", "pem")
    folder, both = parts.look(monkeypatch)
    assert ["tem", "pem"] == [one.located.network for one in both]
    assert {"tem.json", "tem.svg", "pem.json", "pem.svg"} == {path.name for path in folder.iterdir()}
    assert "--network pem" in both[1].located.repeat
    _, [one] = parts.look(monkeypatch, Wanted(network="pem"))
    assert "pem" == one.located.network

    parts.stages = (DIFFERS,)
    _, [first] = parts.look(monkeypatch)
    assert "tem" == first.located.network


def test_what_is_known_before_the_device_is_searched_is_kept_by_then(parts: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that a search that is ended leaves it, marked as not done."""
    parts.stages = (DIFFERS,)
    run = tmp_path / "runs" / "one"

    def ended(*words: object) -> str:
        raise GraphError("ended")

    monkeypatch.setattr(Spoiled, "estimate", ended)
    with pytest.raises(GraphError, match="ended"):
        parts.look(monkeypatch, Wanted(run=run))
    [one] = kept.read(run / str(CASE))

    assert (False, "surgery against onnxsim") == (one.complete, one.sentences[0].partition(":")[0])


def test_what_cannot_be_written_is_said(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search may have taken an hour: its result is not lost with the disk."""
    parts.node, keep = SPOILED, kept.keep
    def full(found: Kept, run: Path) -> Path:
        if found.complete:
            raise MeasureError("cannot write what was located: No space left on device")
        return keep(found, run)

    monkeypatch.setattr(kept, "keep", full)
    with pytest.raises(MeasureError, match="No space left"):
        parts.look(monkeypatch)

    assert any(text.startswith("layer2.5 (MatMul_26): own error 1.0e-02") for text in parts.said)


def test_a_part_is_searched_alone_with_its_numbers_in_the_whole(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is fed the reference's tensors; no stage is looked at again."""
    parts.node = SPOILED
    _, [found] = parts.look(monkeypatch, Wanted(part="layer2.5"))

    assert "stages" not in parts.did
    assert "layer2.5 (MatMul_26): own error 1.0e-02 where its neighbours have none; so it is" == found.sentences[0]
    assert found.located.found is not None
    assert found.located.found.span == Span(SPOILED, 26, 27)
    assert "layer2.5" == found.located.part
    assert "--part layer2.5 " in found.located.repeat
    whole = locate.opened(network(), graph(parts.folder), np.ones((4, WIDTH), np.float32)).fed
    inside = alone(whole, part_of(whole.whole, "layer2.5"))
    assert ["t12"] == [*inside.feeds] == list(inside.whole.inputs)
    _, [other] = parts.look(monkeypatch, Wanted(part="layer1.3"))
    assert not told.named_any(other.located)
    assert "--part layer1.3 " in other.located.repeat


def test_a_part_that_is_not_there_is_one_error_that_names_near_ones(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match=r"the network has no part 'layer2\.9'") as caught:
        parts.look(monkeypatch, Wanted(part="layer2.9"))

    assert "layer2.5" in str(caught.value.remedy)


@pytest.mark.parametrize(("wanted", "chosen", "place", "named"), [
    (None, None, "runs", False), ("mine", None, "mine", True), (None, "failed", "failed", True)])
def test_what_is_found_lies_in_the_run_that_it_is_about(parts: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: str | None,
                                                        chosen: str | None, place: str, *, named: bool) -> None:
    """In a new one without such; then the command that looks again names none, for it has no scores."""
    parts.chosen = replace(parts.chosen, run=tmp_path / chosen if chosen else None)
    folder, [found] = parts.look(monkeypatch, Wanted(run=tmp_path / wanted if wanted else None))

    assert folder.is_relative_to(tmp_path / place)
    assert (str(CASE), kept.FOLDER) == folder.parts[-2:]
    assert named == (f"--run {tmp_path / place}" in found.located.repeat)
    assert named == ("--run" in found.located.repeat)


def test_one_process_at_a_time_works_on_a_run(parts: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two would remove each other's tensors; what has ended stands in nobody's way."""
    run = tmp_path / "mine"
    with runs.claimed(run, ""), pytest.raises(OptionError, match="still going on in another process") as caught:
        parts.look(monkeypatch, Wanted(run=run))
    assert "leave --run out" in str(caught.value.remedy)
    for _ in (1, 2):
        parts.look(monkeypatch, Wanted(run=run))


def test_dumps_stand_for_a_device(parts: Parts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No device is asked for, and no stage is gone through again."""
    asked: list[object] = []
    dumped = SimpleNamespace(files={"a": 1}, lacking=("b", "c"), unknown=("x.npy",))
    parts.node = SPOILED
    one = parts.look(monkeypatch)[1][0].located.found
    parts.did.clear()
    monkeypatch.setattr(locate, "_inputs_of", lambda context, case: SimpleNamespace(
        checkpoints=(SimpleNamespace(network=network()),), graphs=(graph(tmp_path),)))
    monkeypatch.setattr(dumps, "read", lambda folder, whole: asked.append(folder) or dumped)
    monkeypatch.setattr(dumps, "from_dumps", lambda whole, feeds, reference, said, precision, scores: asked.append((said, scores)) or one)
    _, [found] = parts.look(monkeypatch, Wanted(dumps=tmp_path))

    assert ["chosen", "batches", "steps"] == parts.did
    assert [tmp_path, (dumped, "scores")] == asked
    assert "the scores, scores, are not among the dumps: nothing is said of them" in parts.said
    assert "tensors of the graph with a file: 1, without one: 2; files that name none of it: x.npy" in parts.said
    assert (one, f"--device-output {tmp_path}" in found.located.repeat) == (found.located.found, True)
    assert "--part" not in found.located.repeat


@pytest.mark.parametrize(("device", "mode", "precision"), [
    (Device("cpu"), Mode(), "fp32"), (Device("npu", 0), Mode(), "fp16"), (Device("npu", 0), Mode(precision="fp32"), "fp32"),
    (Device("cuda", 0), Mode(), "fp32"), (Device("cuda", 0), Mode(precision="tf32"), "tf32"),
    (Device("cuda", 0), Mode("tensorrt", "fp16"), "fp16"),
])
def test_a_device_computes_in_what_is_asked_or_as_it_does_by_itself(tmp_path: Path, device: Device, mode: Mode, precision: str) -> None:
    assert precision == locate.precision_of(Case("tiny", 4, device, mode), graph(tmp_path))
