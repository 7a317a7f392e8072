"""The CUDA engine: where batches lie, what they give, how it is asked for, and what it tells of itself."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest import tiny_graph
from suites.selftest.engines.cuda import stand_ins
from suites.selftest.engines.cuda.stand_ins import Card
from tools import engines
from tools.engines.cuda import placement, runtime
from tools.engines.cuda.engine import ALGORITHM, CudaEngine
from tools.errors import DeviceError, EngineError
from tools.spec.case import USUAL, Device, Mode

BATCH = 4
SIMULATED = Device("cuda", 1, simulated=True)


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return stand_ins.two_gpus(tmp_path, monkeypatch)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return tiny_graph.save(tmp_path / "tiny.onnx", BATCH)


def opened(graph: Path, mode: Mode = USUAL) -> Any:
    found = engines.open_engine(SIMULATED, graph, tiny_graph.NETWORK, BATCH, None, mode)
    assert isinstance(found, CudaEngine)
    return found


def answer(library: Any, graph: Path, batch: Any) -> Any:
    return library.real.InferenceSession(str(graph), providers=["CPUExecutionProvider"]).run(None, {"video": batch})[0]


def test_two_batches_lie_on_the_gpu_side_by_side(library: Any, graph: Path) -> None:
    """Each gives its own scores, whichever was put or run last; a place stays, and takes the next batch."""
    engine, batches = opened(graph), [tiny_graph.batch_of(BATCH) * factor for factor in (1, 2, 3)]
    first, second, third = (answer(library, graph, batch) for batch in batches)
    one, two = engine.bind(batches[0]), engine.bind(batches[1])
    ran_one, ran_two = one(), two()

    assert 2 == engine.lanes
    assert np.array_equal(first, one.scores(ran_one))
    assert np.array_equal(second, two.scores(ran_two))
    one.put(batches[2])
    assert np.array_equal(second, two.scores(two()))
    assert np.array_equal(third, one.scores(one()))
    nothings: tuple[object, ...] = (None, [], ran_two)
    assert [None] * 3 == [one.scores(nothing) for nothing in nothings]
    assert np.array_equal(first, engine.infer(batches[0]))
    assert np.array_equal(second, engine.infer(batches[1]))
    rooms = [place for place in library.made if len(place) == 4]
    assert [([BATCH, 2, 3, 4], np.float32, "cuda", 0)] * 3 == rooms
    assert ([], None) == (engine.device_times(), engine.close())


@pytest.mark.parametrize(("mode", "precision", "tf32"), [
    (USUAL, "fp32", "0"), (Mode("", "tf32"), "tf32", "1"), (Mode("", "fp16"), "fp16", "0")], ids=["usual", "tf32", "fp16"])
def test_the_provider_is_asked_for_as_the_mode_says(library: Any, graph: Path, mode: Mode, precision: str, tf32: str) -> None:
    """On the GPU that CUDA counts there, with one algorithm, and TF32 only where it is asked for."""
    engine = opened(graph, mode)
    [[session]] = [made for made in library.made if hasattr(made[0], "asked")]
    name, options = session.asked[0]

    assert (runtime.CUDA, "0", ALGORITHM, tf32) == (name, options["device_id"], options["cudnn_conv_algo_search"], options["use_tf32"])
    assert "1" == session.options.get_session_config_entry(placement.ASKED_BY)
    assert precision == engine.precision
    assert engine.told == {"provider": runtime.CUDA, "conv_algorithm": ALGORITHM, "tf32": "on" if tf32 == "1" else "off",
                           "nodes_on_cpu": "2: Shape_1, Shape", "cuda": "13.0"}


def test_tensorrts_provider_comes_before_cudas(library: Any, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for with CUDA's number of the GPU and the mode, once the process is prepared for that."""
    stand_ins.tensorrt(monkeypatch)
    engine = opened(graph, Mode("tensorrt", "fp16"))
    [[session]] = [made for made in library.made if hasattr(made[0], "asked")]

    assert (runtime.TENSORRT, {"number": "0", "mode": "tensorrt-fp16", "prepared": "2"}) == session.asked[0]
    assert (runtime.CUDA, runtime.CPU) == (session.asked[1][0], session.asked[2])
    assert ("fp16", runtime.TENSORRT) == (engine.precision, engine.told["provider"])


def test_a_batch_is_put_while_another_is_computed(library: Any, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends only when the other place has its batch does end, with the scores of its own."""
    engine, batch = opened(graph), tiny_graph.batch_of(BATCH)
    one, two = engine.bind(batch), engine.bind(batch)
    running, put = threading.Event(), threading.Event()
    compute = library.InferenceSession.run_with_iobinding

    def run(session: Any, binding: Any) -> None:
        running.set()
        assert put.wait(10)
        compute(session, binding)

    def put_the_next() -> None:
        assert running.wait(10)
        two.put(batch * 2)
        put.set()

    monkeypatch.setattr(library.InferenceSession, "run_with_iobinding", run)
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(put_the_next)
        ran = one()
        done.result(10)

    assert np.array_equal(answer(library, graph, batch), one.scores(ran))
    assert np.array_equal(answer(library, graph, batch * 2), two.scores(two()))


def test_many_nodes_on_the_cpu_are_counted_and_some_are_named(library: Any, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None is 0; a runtime that does not tell is unknown, and never 0."""
    def silent(session: object) -> None:
        raise AttributeError("this build has no such call")

    def told(names: list[str] | None) -> str:
        if names is None:
            monkeypatch.setattr(library.InferenceSession, "get_provider_graph_assignment_info", property(silent))
        else:
            parts = [stand_ins.part(runtime.CPU, *names)] if names else []
            monkeypatch.setattr(library.InferenceSession, "get_provider_graph_assignment_info", lambda session: parts)
        return str(opened(graph).told["nodes_on_cpu"])

    assert ["8: a, b, c, d, e, f and 2 more", "0", "unknown"] == [told(list("abcdefgh")), told([]), told(None)]


def test_errors_of_a_run_are_ours(library: Any, graph: Path) -> None:
    """In a bound call as in one that feeds; a batch of another shape is refused before it is copied."""
    engine, batch = opened(graph), tiny_graph.batch_of(BATCH)
    bound = engine.bind(batch)
    engine._session.wrong = "/x/cuda_call.cc:129 bool CudaCall(T) CUDA failure 2: out of memory ; GPU=0 ; hostname=h\nmore"
    for call in (bound, lambda: engine.infer(batch)):
        with pytest.raises(EngineError, match=r"^ONNX Runtime failed: CUDA failure 2: out of memory$"):
            call()
    with pytest.raises(EngineError, match=r"the network takes float32 \[4, 2, 3, 4\], got float32 \[3, 2, 3, 4\]"):
        bound.put(batch[:3])


def test_memory_that_cannot_be_had_is_our_error(library: Any, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise RuntimeError("Failed to allocate memory for requested buffer of size 1024")

    engine = opened(graph)
    monkeypatch.setattr(library.OrtValue, "ortvalue_from_shape_and_type", full)
    with pytest.raises(EngineError, match="ONNX Runtime failed: Failed to allocate memory"):
        engine.bind(tiny_graph.batch_of(BATCH))


def test_a_graph_or_gpu_that_does_not_fit_is_refused(library: Any, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match=r"the graph's input is video float32 \[4, 2, 3, 4\], not video \[8, 2, 3, 4\]"):
        engines.open_engine(SIMULATED, graph, tiny_graph.NETWORK, 8)
    monkeypatch.setitem(sys.modules, "pynvml", stand_ins.nvml(Card(0)))
    with pytest.raises(DeviceError, match="NVML does not show cuda1sim"):
        opened(graph)
