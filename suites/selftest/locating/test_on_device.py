"""Parts of a graph on a device: what they give, and what is left when they fail."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from suites.selftest import tiny_graph
from suites.selftest.locating.device_bench import BATCH, Bench, given, require_same
from tools import engines
from tools.engines.ports import Port
from tools.errors import DeviceError, EngineError, MeasureError
from tools.locating import on_device
from tools.locating.cutting import cut, with_outputs
from tools.locating.on_device import in_order
from tools.measuring import quarantine
from tools.spec.case import Device

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


def test_what_the_cell_loads_is_run_as_it_is(bench: Bench) -> None:
    """Nothing is compiled, and the answer is that of the file, whatever its graph says."""
    other = onnx.load(str(bench.graph.path))
    other.graph.node.add(op_type="Neg", input=["turned"], output=["scores"], name="Neg_3")
    [last] = [node for node in other.graph.node if node.name == "Softmax_2"]
    last.output[0] = "turned"
    onnx.save_model(other, str(bench.folder / "loaded.onnx"))
    loaded = given(bench.folder / "loaded.onnx")
    found = bench.device.as_loaded(loaded, bench.whole.model, bench.feeds)

    [scores] = bench.whole.outputs
    assert (found[scores] < 0).all()
    assert ([], []) == (bench.parts, bench.left())


def test_a_process_of_its_own_does_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a folder of the run, where it leaves its log."""
    bench = Bench(monkeypatch, tmp_path, CPU, here=False)
    require_same(bench.whole.model, bench.feeds, bench.device(bench.whole.model, bench.feeds), rtol=1e-6)

    assert [] == bench.left()
    assert (bench.run / "tiny-bs4-cpu" / "locate" / "tiny" / "child.log").is_file()


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
    from tools.machine import memory

    with monkeypatch.context() as patch:
        patch.setattr(memory, "available_bytes", lambda: 1000)
        with pytest.raises(MeasureError, match=r"Softmax_2 needs about .* GiB of memory"):
            bench.device(bench.whole.model, bench.feeds)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=100))
    with pytest.raises(MeasureError, match="what goes to the device and comes back needs"):
        bench.device(bench.whole.model, bench.feeds)
    assert [] == bench.left()


def test_the_device_is_held_and_the_cpu_takes_turns(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is loaded before the lock is held; others that time on this host have it quiet."""
    did: list[str] = []

    @contextmanager
    def block(name: str) -> Iterator[None]:
        did.append(f"{name} begins")
        yield
        did.append(f"{name} ends")

    real = type(engines.family(CPU)).tensors
    hold = SimpleNamespace(hold=lambda locks, name, waiting: block(f"lock of {name} in {Path(locks).name}"))
    monkeypatch.setattr(on_device, "device_locks", hold)
    monkeypatch.setattr(type(engines.family(CPU)), "tensors", lambda *given: did.append("loaded") or real(*given))
    for on_host in (True, False):
        turns = SimpleNamespace(unit=block("turn"), on_host=on_host, seen=lambda: block("seen"))
        monkeypatch.setattr(on_device, "Turns", SimpleNamespace(of=lambda locks, device, turns=turns: turns))
        bench.device(bench.whole.model, bench.feeds)

    held, let_go = ["lock of cpu in locks begins", "seen begins", "loaded"], ["seen ends", "lock of cpu in locks ends"]
    assert [*held, "turn begins", "turn ends", *let_go, *held, *let_go] == did


@pytest.mark.parametrize(("told", "names", "order"), [
    (["b", "a"], ("a", "b"), ["b", "a"]), (["a", "b"], ("a", "b"), ["a", "b"]), (["Cast_1", "b"], ("a", "b"), ["a", "b"])])
def test_tensors_go_by_name_where_the_device_has_the_names(told: list[str], names: tuple[str, ...], order: list[str]) -> None:
    """A compiler may have another order of inputs and outputs than the graph."""
    assert order == in_order([Port(name, "float32", ()) for name in told], names)


@pytest.mark.parametrize("told", [["b", "Cast_1"], ["Cast_1", "c", "b"]], ids=["two", "three"])
def test_tensors_whose_order_is_not_known_are_refused(told: list[str]) -> None:
    """Where some have other names and the others stand in other places."""
    with pytest.raises(EngineError, match=r"what was loaded has (b|Cast_1) float32"):
        in_order([Port(name, "float32", ()) for name in told], ("a", "b", "c")[: len(told)])


def test_as_many_tensors_come_back_as_the_graph_gives() -> None:
    with pytest.raises(EngineError, match=r"what was loaded has a float32 \[\], and the graph a, b"):
        in_order([Port("a", "float32", ())], ("a", "b"))
