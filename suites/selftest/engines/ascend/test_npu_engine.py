"""The NPU's engine on a simulated host, in every build of aclruntime; a process of its own does each test."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from suites.selftest import tiny_graph
from suites.selftest.engines.ascend.engine_host import Host
from suites.selftest.simulated.npu import Variant
from tools.engines.ascend.faults import diagnose

VARIANTS: tuple[Variant, ...] = get_args(Variant)
FIRST = VARIANTS[0]  # keeps no list of times


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Host:
    return Host(tmp_path_factory.mktemp("npu"))


@pytest.fixture
def host(machine: Host) -> Host:
    """The host without faults, as it was laid out."""
    machine.npu.clear()
    machine.npu.change(variant="2024-05", chip="Sim310P3", rounding=False)
    return machine


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_device_gives_what_onnx_runtime_gives(host: Host, variant: Variant) -> None:
    """For every batch, whatever its strides, in every build; as float32."""
    host.npu.change(variant=variant)
    found, _ = host.run("""
run, batch = engine().infer, batch_of(4)
wide, reverse = np.repeat(batch, 2, axis=3)[..., ::2], batch[:, ::-1].copy()[:, ::-1]
for given in (batch, batch + 1, np.asfortranarray(batch), wide, reverse, batch):
    scores = run(given)
    found.append([scores.dtype.str, scores.tolist()])
batch.setflags(write=False)
found.append(["<f4", run(batch).tolist()])
""")
    graph, batch = host.folder / "4.onnx", tiny_graph.batch_of(4)

    assert ["<f4"] * 7 == [dtype for dtype, _ in found]
    for number, (_, scores) in enumerate(found):
        np.testing.assert_allclose(np.float32(scores), tiny_graph.answer(graph, batch + (number == 1)), rtol=1e-6, atol=0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_devices_own_times_are_of_each_run_since_bind(host: Host, variant: Variant) -> None:
    """As many, positive, and shorter than ours around them; the first build keeps no list."""
    host.npu.change(variant=variant)
    host.npu.fault("slow", ms=20)
    found, _ = host.run("""
one, batch, ours = engine(), batch_of(4), []
one.infer(batch)
for count in (3, 5):
    run = one.bind(batch)
    for _ in range(count):
        start = time.perf_counter()
        run()
        ours.append(time.perf_counter() - start)
    found.append([one.device_times(), ours[-count:]])
found.append(one.device_times())
""")
    (first, _), (theirs, ours), again = found

    assert ([0, 0] if variant == FIRST else [3, 5]) == [len(first), len(theirs)]
    assert theirs == again
    assert all(0.0199 < own < around for own, around in zip(theirs, ours, strict=variant != FIRST))


@pytest.mark.parametrize("variant", VARIANTS)
def test_timed_runs_are_seen_to_run_their_batch(host: Host, variant: Variant) -> None:
    """In every build what timed runs leave on the device is read; an old output is found out."""
    host.npu.change(variant=variant)
    found, _ = host.run("""
from tools.engines.ascend.engine import NpuBound
from tools.measuring import measure
from tools.measuring.answers import Kept
one, batch = engine(), batch_of(4)

def doubt():
    return measure.timed(one, Kept(batch.copy(), 4, one.infer(batch)), 0.0).doubt

found.append(doubt())
right, given = NpuBound.scores, []

def stale(self, answer):
    given.append(right(self, answer))
    return given[0]

NpuBound.scores = stale
found.append(doubt())
""")

    assert ["", "the timed call gives the same scores for another batch"] == found


def test_a_batch_that_does_not_fit_is_refused(host: Host) -> None:
    """Bytes are all that the runtime would look at; a refusal leaves the engine as it was."""
    found, _ = host.run("""
one, batch = engine(), batch_of(4)
for given in (batch[:3], batch.reshape(4, 4, 3, 2), batch.transpose(0, 3, 2, 1), batch.astype(np.float64), batch.astype(np.int32),
              batch.astype(np.float16), batch.astype(">f4"), np.float32(1)):
    attempt(lambda: one.infer(given))
    attempt(lambda: one.bind(given))
found.append(one.infer(batch).shape)
""")
    given = [f"float32 {shape}" for shape in ("[3, 2, 3, 4]", "[4, 4, 3, 2]", "[4, 4, 3, 2]")]
    given += [f"{dtype} [4, 2, 3, 4]" for dtype in ("float64", "int32", "float16", ">f4")] + ["float32 []"]

    assert [["EngineError", f"the network takes float32 [4, 2, 3, 4], got {text}", None] for text in given for _ in (1, 2)] == found[:-1]
    assert [4, 5] == found[-1]


def test_a_model_of_another_network_is_refused(host: Host) -> None:
    """By its batch, its input's name, its input's shape, or its output's."""
    host.compile(8)
    host.compile(4, classes=6, name="six")
    found, _ = host.run("""
from dataclasses import replace
from tools.spec import Tensor
attempt(lambda: engine(4, name=8))
attempt(lambda: engine(network=replace(NETWORK, input=Tensor("image", (2, 3, 4)))))
attempt(lambda: engine(network=replace(NETWORK, input=Tensor("video", (2, 4, 3)))))
attempt(lambda: engine(name="six"))
attempt(lambda: engine(network=replace(NETWORK, rows=2)))
""")

    assert ["EngineError"] * 5 == [error for error, _, _ in found]
    assert ["video [4, 2, 3, 4]", "image [4, 2, 3, 4]", "video [4, 2, 4, 3]", "[4, 5]", "[8, 5]"] == [
        what.split(", not ")[1] for _, what, _ in found]
    assert ["input"] * 3 + ["output"] * 2 == [what.removeprefix("the graph's ").split()[0] for _, what, _ in found]


@pytest.mark.parametrize(("fault", "conditions", "kind"), [
    ("kernel", {"code": 507015}, "kernel"), ("lost", {"at": "run"}, "lost"), ("oom", {"at": "run"}, "memory"),
    ("oom", {"at": "input"}, "memory"), ("copy", {}, "driver")])
def test_what_fails_in_a_run_is_one_error_and_a_known_fault(host: Host, tmp_path: Path, fault: str, conditions: dict[str, Any],
                                                            kind: str) -> None:
    """The exception flattens every code; what the runtime printed tells."""
    host.npu.fault(fault, **conditions)
    found, said = host.run("one = engine()\nattempt(lambda: one.infer(batch_of(4)).tolist())", folder=tmp_path)

    assert ["EngineError", "aclruntime failed: ["] == [found[0][0], found[0][1][:20]]
    assert kind == said.kind


def test_what_the_runtime_said_outlives_a_kill(host: Host, tmp_path: Path) -> None:
    """A process that hangs is killed, and its codes were printed to a pipe."""
    host.npu.fault("kernel")
    done = host.process("import os\none = engine()\nattempt(lambda: one.infer(batch_of(4)))\nos.kill(os.getpid(), 9)", folder=tmp_path)

    assert (-9, "kernel") == (done.returncode, diagnose(done.stdout).kind)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_fails_while_timed_is_one_error(host: Host, tmp_path: Path, variant: Variant) -> None:
    """In the third run as well as in the first."""
    host.npu.change(variant=variant)
    host.npu.fault("kernel", nth=3)
    found, said = host.run("run = engine().bind(batch_of(4))\nfor _ in range(3): attempt(lambda: run() and None)", folder=tmp_path)

    assert [None, None, ["EngineError", "aclruntime failed: [-1][ACL: general failure]", None]] == found
    assert "kernel" == said.kind


def test_a_model_of_another_chip_is_one_error_and_a_known_fault(host: Host) -> None:
    """It names the file."""
    host.npu.change(chip="Sim310")
    found, said = host.run("attempt(engine)")

    assert [["EngineError", "aclruntime failed: [1][ACL: invalid parameter]", str(host.folder / "4.om")]] == found
    assert ("mismatch", ("507008",)) == (said.kind, said.codes)


@pytest.mark.parametrize("variant", ["2025-12", "2026-08"])
def test_a_failed_start_is_not_the_models_fault(host: Host, variant: Variant) -> None:
    """Though the exception is that of a model that cannot be loaded; either letter case is shown."""
    host.npu.change(variant=variant)
    host.npu.fault("init")
    found, said = host.run("attempt(engine)")

    assert ["EngineError", "aclruntime failed: [1][ACL: invalid parameter]"] == found[0][:2]
    assert ("start", True) == (said.kind, any("oad model from file failed" in line for line in said.said))


def test_a_process_that_was_not_prepared_is_told_how(host: Host) -> None:
    """The loader reads its variables when the process starts."""
    found, _ = host.run("attempt(engine)", environment=host.shell)

    assert "aclruntime cannot be imported: libascendcl.so: cannot open shared object file: No such file or directory" == found[0][1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_engine_that_is_closed_holds_the_device_no_more(host: Host, variant: Variant) -> None:
    """In the builds that can unload a model; in the others the end of the process does."""
    host.npu.change(variant=variant)
    found, _ = host.run("""
import os
held = lambda: len(list((folder.parent / "host" / "sessions").glob(f"{os.getpid()}-*")))
one = engine()
one.bind(batch_of(4))()
found.append(held())
one.close()
found.append(held())
""")

    assert [1, 0 if variant in ("2024-05", "2025-12", "2026-08") else 1] == found
