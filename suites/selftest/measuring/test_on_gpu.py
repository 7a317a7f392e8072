"""The prepared measurement on a device: what it plans, and that it keeps what it has however it ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suites.selftest import tiny_graph
from suites.speed import gpu_loops, on_gpu
from suites.speed.gpu_bench import HEADER, Asked, Sheet
from suites.speed.gpu_loops import Blocks, Fed
from tools import engines
from tools.errors import EngineError
from tools.measuring.job import Job
from tools.spec.case import BATCHES, Case, Device

GPU = Device("cuda", 0)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = {"": ("fp32", "tf32", "fp16"), "tensorrt": ("fp32", "fp16")}
    monkeypatch.setattr(engines, "family", lambda device: SimpleNamespace(COMPUTES=offered))


@pytest.mark.usefixtures("gpu")
def test_every_batch_size_precision_and_engine_is_planned_once() -> None:
    """What matters most first, and last what may take minutes to be built; a rehearsal has one batch size."""
    found, quick = on_gpu.cells(GPU, quick=False), on_gpu.cells(GPU, quick=True)

    assert len(found) == len(set(found)) == 6 + 1 + 2 + 2
    assert set(BATCHES) == {one.batch for one in found if one.model == "tsm" and not one.precision}
    assert Asked("tsm", 16) == found[0]
    assert [Asked("tsm", 16, "tf32"), Asked("tsm", 16, "fp16")] == found[1:3]
    assert [Asked("tsm", 16, "fp16", "tensorrt"), Asked("tsm", 16, "fp32", "tensorrt")] == found[-2:]
    assert 1 == len({one.batch for one in quick}) < len({one.model for one in quick})


def test_the_cpu_rehearses_with_what_it_offers() -> None:
    assert [Asked("tsm", 1), Asked("bsn", 1)] == on_gpu.cells(Device("cpu"), quick=True)


def fail(what: str) -> Callable[[], None]:
    def step() -> None:
        raise EngineError(what, remedy="install it")

    return step


def worked(steps: Mapping[str, Callable[[], object]], budget_s: float = 0.0) -> tuple[bool, list[str], list[str]]:
    """Whether all went well, the lines below the table, and the text at each time when it was kept."""
    sheet, kept = Sheet("On a GPU"), list[str]()
    todo: list[tuple[str, Callable[[], None]]] = [(name, lambda step=step: step() and None) for name, step in steps.items()]  # type: ignore[misc]
    good = on_gpu.work(todo, sheet, lambda: kept.append(sheet.text), budget_s)
    assert sheet.text == kept[-1]
    return good, sheet.lines, kept


def test_what_cannot_be_measured_is_a_line_and_ends_nothing() -> None:
    did: list[str] = []
    good, lines, kept = worked({"a": lambda: did.append("a"), "b": fail("TensorRT is missing"), "c": lambda: did.append("c")})

    assert (False, ["a", "c"]) == (good, did)
    assert ["b: could not be measured: TensorRT is missing; install it"] == lines
    assert 4 == len(kept), "after each step and at the end"
    assert worked({"a": lambda: None}, 60.0)[0]
    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_REAL), "nothing is stopped afterwards"


def sleep() -> None:
    time.sleep(60)


def interrupt() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(("budget_s", "why"), [(0.2, "the budget was spent"), (0.0, "it was stopped")])
def test_the_end_of_the_budget_and_ctrl_c_leave_what_is_measured(budget_s: float, why: str) -> None:
    """At once, and it is told what is left out."""
    began = time.monotonic()
    steps = {"a": fail("no"), "b": sleep if budget_s else interrupt, "c": sleep}
    good, lines, kept = worked(steps, budget_s)

    assert time.monotonic() - began < 10
    assert (False, "a: could not be measured: no; install it", f"left out, since {why} after 0 s: b, c") == (good, *lines)
    assert (0.0, 0.0) == signal.getitimer(signal.ITIMER_REAL)
    assert "could not be measured: no" in kept[0]


def test_a_table_keeps_its_columns() -> None:
    """Whatever a cell or an error says."""
    sheet = Sheet("On a GPU")
    sheet.add(["a|b", "two\nlines", *["-"] * (len(HEADER) - 2)])
    sheet.lines.append("one\nline")
    rows = [line for line in sheet.text.splitlines() if line.startswith("|")]

    assert {len(HEADER) + 1} == {row.count("|") for row in rows}
    assert 3 == len(rows)
    assert sheet.text.endswith("* one\\nline\n")


def test_what_is_found_beside_cells_is_a_sentence() -> None:
    """The ratio of blocks that were taken one after the other; scoring over the device's own rate."""
    assert Blocks((100.0, 50.0, 99.0), (100.0, 49.0, 100.0)).sentence.startswith("1.0000 (0.9900 to 1.0204 in 3 pairs of blocks)")
    assert Fed(2016, 380.0, 400.0, 0.95, 0.125, 0.25).sentence == (
        "0.950: 380.0 of 400.0 clips/s over 2,016 clips; the device computed 95% of the pass, "
        "waited 0.12 s for decoding and 0.25 s for copying")


def test_a_device_that_is_not_here_can_be_filled_for() -> None:
    assert (Device("cuda", 3), Device("cpu")) == (on_gpu._named("cuda:3"), on_gpu._named("cpu"))


def test_what_is_found_beside_cells_is_left_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many blocks of ours as of a bare loop's, and a pass over whole batches."""
    monkeypatch.setattr(gpu_loops, "BLOCK_S", 0.01)
    graph: Any = SimpleNamespace(path=tiny_graph.save(tmp_path / "g.onnx", 4))
    weights: Any = SimpleNamespace(network=tiny_graph.NETWORK)
    nothing: Any = None
    job = Job(Case("tiny", 4, Device("cpu")), nothing, weights, graph, nothing, "mini", 0.05, tmp_path, locks=str(tmp_path))
    tmp_path.chmod(0o700)
    gpu_loops.bare_beside(job)
    blocks = gpu_loops.read_blocks(tmp_path)
    gpu_loops.at_hand(job)
    fed = gpu_loops.read_fed(tmp_path)

    assert gpu_loops.LEAST_BLOCKS <= len(blocks.reported) == len(blocks.bare)
    assert min(*blocks.reported, *blocks.bare) > 0
    assert fed.clips % 4 == 0 < fed.clips
    assert 0 < fed.share <= 1
    assert 0 < fed.scored
