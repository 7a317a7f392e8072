"""Parts of a graph on a device: what they give, what is made for them, and what is left when they fail."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from suites.selftest import tiny_graph
from suites.selftest.locating.device_bench import BATCH, TINY, Bench, require_same
from tools import engines
from tools.deployment import export, specialise
from tools.deployment.specialise import Graph
from tools.engines.ports import Port
from tools.errors import DeviceError, EngineError, MeasureError, StoreError
from tools.locating import segment
from tools.locating.cutting import cut, with_outputs
from tools.locating.on_device import in_order
from tools.machine.files import sha256
from tools.measuring import quarantine
from tools.spec.case import Case, Device, Mode
from tools.storage import durations, packing, pruning
from tools.storage.entries import Entry, Facts, Key, manifests

CPU = Device("cpu")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path, CPU)


def cuts(bench: Bench) -> tuple[onnx.ModelProto, Any]:
    """Two nodes of the graph, each by itself, and what they are fed."""
    device, whole = bench.device, bench.whole
    tensors = {**bench.feeds, **device(with_outputs(whole, ["flat", "logits"]), bench.feeds)}
    parts = cut(whole, [whole.node(0), whole.node(2)], tensors)
    return parts.model, parts.feeds(tensors)


def test_a_part_gives_what_the_reference_gives(bench: Bench) -> None:
    """The whole with more outputs, and several parts that are each fed; nothing is left in the run."""
    more = with_outputs(bench.whole, ["flat", "logits"])
    require_same(more, bench.feeds, bench.device(more, bench.feeds), rtol=1e-6)
    model, feeds = cuts(bench)
    require_same(model, feeds, bench.device(model, feeds), rtol=1e-6)

    assert [] == bench.left()
    assert bench.titles[-1] == "measuring tiny-bs4-cpu tiny, 2 nodes, Flatten_0 to Softmax_2"


def test_a_process_of_its_own_does_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder of the run, where it leaves its log."""
    bench = Bench(monkeypatch, tmp_path, CPU, here=False)
    require_same(bench.whole.model, bench.feeds, bench.device(bench.whole.model, bench.feeds), rtol=1e-6)

    assert [] == bench.left()
    assert (bench.run / "tiny-bs4-cpu" / "locate" / "tiny" / "child.log").is_file()


def test_a_part_is_made_once(bench: Bench) -> None:
    """Whoever asks for it again finds it; a part of other numbers is another one."""
    bench.device(bench.whole.model, bench.feeds)
    there = [(path, path.stat().st_mtime_ns) for path in bench.parts]
    bench.device(bench.whole.model, bench.feeds)
    assert there == [(path, path.stat().st_mtime_ns) for path in bench.parts]
    assert 1 == len(there)

    spoiled = bench.whole.model
    spoiled.graph.initializer[0].raw_data = bytes(len(spoiled.graph.initializer[0].raw_data))
    found = bench.device(spoiled, bench.feeds)
    assert 2 == len(bench.parts)
    assert (found["scores"] == found["scores"][0, 0]).all()


@pytest.fixture
def ours(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The graph as it is made from weights: beside the exported one, with its weights in that one's file."""
    def exported(folder: Path) -> Facts:
        onnx.save_model(onnx.load(str(bench.graph.path)), str(folder / export.GRAPH), save_as_external_data=True,
                        all_tensors_to_one_file=True, location=export.WEIGHTS, size_threshold=export.BIG)
        return {}

    host = bench.context.store.build(Key("onnx", "tiny", (("weights", "w"),)), exported)
    checkpoint = SimpleNamespace(network=TINY.networks[0])
    monkeypatch.setattr(segment, "checkpoints", lambda context: (SimpleNamespace(network=SimpleNamespace(name="other")), checkpoint))
    monkeypatch.setattr(export, "stage", lambda one: SimpleNamespace(find_or_run=lambda context: found(host, one is checkpoint)))
    model = onnx.load(str(bench.graph.path))
    specialise.share(model, specialise.shared_tensors(host.file(export.GRAPH)))
    path = host.file("bs4.onnx")
    onnx.save_model(model, str(path))
    bench.graph = Graph(path, sha256(path), host.files[export.WEIGHTS], (), 10_000, 1000)
    return bench


def found(host: Entry, right: bool) -> Entry:
    assert right, "the checkpoint of the network whose graph it is"
    return host


def test_a_part_of_our_graph_shares_its_weights(ours: Bench) -> None:
    """It is smaller than they are, lies beside them and gives the same; changed weights are its own."""
    require_same(ours.whole.model, ours.feeds, ours.device(ours.whole.model, ours.feeds), rtol=1e-6)
    [part] = ours.parts
    weights = ours.graph.path.with_name(export.WEIGHTS)
    assert (weights.parent, True) == (part.parent, part.stat().st_size < weights.stat().st_size / 10)

    spoiled = ours.whole.model
    spoiled.graph.initializer[0].raw_data = bytes(len(spoiled.graph.initializer[0].raw_data))
    scores = ours.device(spoiled, ours.feeds)["scores"]
    assert (scores == scores[0, 0]).all()
    weights.write_bytes(bytes(weights.stat().st_size))
    with pytest.raises(StoreError, match=r"3 nodes, Flatten_0 to Softmax_2: weights\.bin has changed since this run found it"):
        ours.device(ours.whole.model, ours.feeds)


def test_a_part_stays_on_its_machine_and_is_pruned(ours: Bench) -> None:
    """Its graph travels without it. Nothing of the store is damaged or half-built."""
    ours.graph.path.unlink()  # which no manifest of this test's lists
    ours.device(onnx.load(str(ours.folder / "mine.onnx")), ours.feeds)
    root, said = ours.folder / "store", list[str]()

    assert 2 == len(manifests(root))
    assert [f"{path.parent.name}/entry.json" for path in manifests(root) if path.name == "entry.json"] == [
        f"{path.parent.name}/{path.name}" for path in packing.choose(root, None, [])]
    assert (0, []) == (pruning.prune(root, None, said.append), said)
    assert 1 <= pruning.prune(root, -1.0, said.append)
    assert [] == ours.parts


def test_a_process_that_is_ended_leaves_nothing_in_the_way(bench: Bench) -> None:
    """Neither one that could clean up, nor one that was killed; what was made is found again."""
    def interrupt(title: str) -> None:
        raise KeyboardInterrupt

    bench.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        bench.device(bench.whole.model, bench.feeds)
    assert ([], 1) == (bench.left(), len(bench.parts))
    assert [] == [*(bench.folder / "store" / ".partial").glob("*")]

    bench.before = lambda title: None
    killed = bench.run / "tiny-bs4-cpu" / "locate" / "tiny" / "tensors"
    killed.mkdir(parents=True)
    (killed / "out-7.npy").write_bytes(b"half")
    require_same(bench.whole.model, bench.feeds, bench.device(bench.whole.model, bench.feeds), rtol=1e-6)
    assert [] == bench.left()


def test_what_fails_names_the_part(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """And leaves no tensors; a device that the run has given up is not asked at all."""
    def fails(*given: object) -> None:
        raise EngineError("the device fails", remedy="see to it")

    model, feeds = cuts(bench)
    with monkeypatch.context() as patch:
        patch.setattr(type(engines.family(CPU)), "tensors", fails)
        with pytest.raises(EngineError) as caught:
            bench.device(model, feeds)
    assert "2 nodes, Flatten_0 to Softmax_2: the device fails" == caught.value.what
    assert ([], "see to it") == (bench.left(), caught.value.remedy)

    quarantine.give_up(bench.run, CPU, "it is lost")
    started = len(bench.titles)
    with pytest.raises(DeviceError, match=r"^cpu is not used again in this run: it is lost"):
        bench.device(model, feeds)
    assert started == len(bench.titles)


def test_tensors_of_others_are_refused(bench: Bench) -> None:
    """By what the graph takes, before the device computes."""
    with pytest.raises(EngineError, match=r"^3 nodes, Flatten_0 to Softmax_2: the graph takes video float32 \[4, 2, 3, 4\], got float64"):
        bench.device(bench.whole.model, {"video": tiny_graph.batch_of(BATCH).astype(np.float64)})


def test_too_little_memory_or_room_is_said_before_it_fails(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tools.machine import files, memory

    with monkeypatch.context() as patch:
        patch.setattr(memory, "available_bytes", lambda: 1000)
        with pytest.raises(MeasureError, match=r"Softmax_2 needs about .* GiB of memory"):
            bench.device(bench.whole.model, bench.feeds)
    monkeypatch.setattr(files.shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    with pytest.raises(MeasureError, match="what goes to the device and comes back needs"):
        bench.device(bench.whole.model, bench.feeds)
    assert [] == bench.left()


@pytest.mark.parametrize(("told", "names", "order"), [
    (["b", "a"], ("a", "b"), ["b", "a"]), (["a", "b"], ("a", "b"), ["a", "b"]), (["Cast_1", "b"], ("a", "b"), ["a", "b"])])
def test_tensors_go_by_name_where_the_device_has_the_names(told: list[str], names: tuple[str, ...], order: list[str]) -> None:
    """A compiler may have another order of inputs and outputs than the graph."""
    assert order == in_order([Port(name, "float32", ()) for name in told], names)


def test_as_many_tensors_come_back_as_the_graph_gives() -> None:
    with pytest.raises(EngineError, match=r"what was loaded has a float32 \[\], and the graph a, b"):
        in_order([Port("a", "float32", ())], ("a", "b"))


@pytest.mark.parametrize(("device", "mode", "kind"), [
    (Device("cuda", 0), Mode(precision="fp16"), "half"), (Device("cuda", 0), Mode("tensorrt"), "engine"), (Device("npu", 0), Mode(), "om")])
def test_it_is_told_beforehand_how_much_is_compiled(bench: Bench, device: Device, mode: Mode, kind: str) -> None:
    """Of a device that loads graphs as they are, nothing; of others by how long the network last took."""
    assert "0 compilations" == bench.device.estimate(150)
    bench.case = Case("tiny", BATCH, device, mode)
    assert "at most 16 compilations" == bench.device.estimate(150)
    durations.note(bench.folder / "store", Key(kind, "tiny-bs4", ()), 240.0)
    assert "at most 16 compilations, about 15 min" == bench.device.estimate(150)
    assert "at most 2 compilations, about 8 min" == bench.device.estimate(1)
