"""What is made of a part of a graph: an entry of the store, and what the device loads of that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import onnx
import pytest

from suites.selftest.locating.device_bench import BATCH, TINY, Bench, require_same
from tools.deployment import compile as deploy
from tools.deployment import export, specialise
from tools.deployment.compile import Source
from tools.deployment.specialise import Graph
from tools.errors import StoreError
from tools.locating import segment
from tools.locating.cutting import cut, with_outputs
from tools.locating.on_device import OnDevice
from tools.machine.files import sha256
from tools.spec.case import Case, Device, Mode
from tools.spec.model import Atc, Tensor
from tools.spec.settings import Settings
from tools.storage import durations, packing, pruning
from tools.storage.entries import Entry, Facts, Key, manifests

CPU = Device("cpu")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path, CPU)


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


def test_a_part_is_compiled_as_the_network_is_where_it_takes_what_that_takes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the layout of the network's guide; what is fed otherwise has none. Nothing is tuned."""
    asked: list[tuple[str, str, str, str]] = []

    def of_source(context: object, source: Source, case: object, settings: Settings) -> Graph:
        asked.append((source.name, source.input_format, source.input_shape, settings.auto_tune + source.auto_tune))
        return source.graph

    monkeypatch.setattr(deploy, "of_source", of_source)
    network = replace(TINY.networks[0], input=Tensor("video", (2, 3, 4)), atc=Atc("NCDHW", "RL,GA"))
    settings = replace(bench.context.settings, auto_tune="on")
    device = OnDevice(replace(bench.context, settings=settings), bench.case, network, bench.graph, bench.run)
    more = with_outputs(bench.whole, ["flat"])
    tensors = device(more, bench.feeds)
    parts = cut(bench.whole, [bench.whole.node(1), bench.whole.node(0)], {**bench.feeds, **tensors})
    device(parts.model, parts.feeds({**bench.feeds, **tensors}))

    assert [("tiny-part-bs4", "NCDHW", "video:4,2,3,4", "off"), ("tiny-part-bs4", "ND", "fed_0:4,24;fed_1:4,2,3,4", "off")] == asked


@pytest.mark.parametrize(("device", "mode", "kind"), [
    (Device("cuda", 0), Mode(precision="fp16"), "half"), (Device("cuda", 0), Mode("tensorrt"), "engine"), (Device("npu", 0), Mode(), "om")])
def test_it_is_told_beforehand_how_much_is_compiled(bench: Bench, device: Device, mode: Mode, kind: str) -> None:
    """Of a device that loads graphs as they are, nothing; of others by how long the network last took."""
    assert not bench.device.compiles
    assert "0 compilations" == bench.device.estimate(150)
    bench.case = Case("tiny", BATCH, device, mode)
    assert "at most 14 compilations and one for the cause" == bench.device.estimate(150)
    durations.note(bench.folder / "store", Key(kind, "tiny-bs4", ()), 240.0)
    assert "at most 14 compilations and one for the cause, about 14 min" == bench.device.estimate(150)
    assert "at most 48 compilations and one for the cause, about 32 min" == bench.device.estimate(150, most=48)
    assert "at most 3 compilations and one for the cause, about 9 min" == bench.device.estimate(1)
