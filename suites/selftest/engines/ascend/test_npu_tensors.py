"""Any compiled model on a simulated host, in every build of aclruntime, each test in its own process."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from suites.selftest.engines import tensor_graph
from suites.selftest.engines.ascend.engine_host import Host
from suites.selftest.engines.tensor_graph import INPUTS, OUTPUTS, SHAPES, given, require_right
from suites.selftest.simulated.npu import Variant
from tools.engines.ascend import atc, cann
from tools.engines.ascend.atc import Request
from tools.errors import CompileError

VARIANTS: tuple[Variant, ...] = get_args(Variant)
LOAD = """
from suites.selftest.engines.tensor_graph import given
from tools.engines import named
one = named("npu").tensors(Device("npu", 0, simulated=True), folder / "several.om")
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Host:
    host = Host(tmp_path_factory.mktemp("npu"))
    compiled(host, SHAPES)
    return host


@pytest.fixture
def host(machine: Host) -> Host:
    """The host without faults."""
    machine.npu.clear()
    machine.npu.change(variant="2024-05")
    return machine


def compiled(host: Host, shapes: str) -> None:
    graph = tensor_graph.save(host.folder / "several.onnx")
    environment = cann.environment(cann.find(host.shell), environ=host.shell)
    request = Request(graph, graph.with_suffix(""), "ND", shapes, "AscendSim310P3")
    atc.compile_om(request, environment, host.folder / "log", 60, lambda seconds: None)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_gives_all_its_outputs_in_its_order(host: Host, variant: Variant) -> None:
    """Of every type, in every build, and again of other tensors; under the names of the ONNX graph."""
    host.npu.change(variant=variant)
    found, _ = host.run(LOAD + """
video, index = given()
for tensors in ([video, index], [np.asfortranarray(-video), (index + 1).astype(np.longlong)]):
    found.append([[str(out.dtype), list(out.shape), out.tolist()] for out in one(tensors)])
found.append([[port.name for port in ports] for ports in (one.ports.inputs, one.ports.outputs)])
""")
    first, second, names = found
    video, index = given()

    for (one, two), told in (((video, index), first), ((-video, index + 1), second)):
        require_right([np.array(values, kind).reshape(shape) for kind, shape, values in told], one, two)
    assert [[*INPUTS], [*OUTPUTS]] == names


def test_tensors_that_a_model_does_not_take_are_refused(host: Host) -> None:
    """The runtime would compute with any of the same bytes, and die of one too many; the model goes on."""
    found, _ = host.run(LOAD + """
video, index = given()
for tensors in ([video], [video, index, index], [video.T, index], [video.view(np.int32), index], [video, index.view(np.float64)]):
    attempt(lambda: one(tensors))
found.append(len(one([video, index])))
""")
    assert ["EngineError"] * 5 == [error for error, _, _ in found[:-1]]
    assert ["got 1", "got 3", "got float32 [3, 2]", "got int32 [2, 3]", "got float64 [2]"] == [
        what[what.rindex("got") :] for _, what, _ in found[:-1]]
    assert 5 == found[-1]


@pytest.mark.parametrize(("fault", "kind"), [("kernel", "kernel"), ("oom", "memory"), ("copy", "driver")])
def test_what_fails_in_a_run_is_one_error_and_a_known_fault(host: Host, tmp_path: Path, fault: str, kind: str) -> None:
    """As in a cell's engine."""
    host.npu.fault(fault)
    found, said = host.run(LOAD + "attempt(lambda: one(given()) and None)", folder=tmp_path)

    assert ["EngineError", "aclruntime failed: ["] == [found[0][0], found[0][1][:20]]
    assert kind == said.kind


@pytest.mark.parametrize(("shapes", "code"), [("video:2,3;index:2", "E10016"), ("video:2,3 /ids/index:2", "E10016"),
                                              ("video:2,3;/ids/index:2,1", "E10049"), ("video:2,3;/ids/index:3", "E19999"),
                                              ("video:2,3;/ids/index", "E10002"), ("video:2,3;", "E10002")])
def test_the_compiler_looks_at_the_shape_of_each_input(host: Host, shapes: str, code: str) -> None:
    with pytest.raises(CompileError, match=code):
        compiled(host, shapes)
