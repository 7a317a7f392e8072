"""What an NPU computes in is what its model was compiled for."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from suites.selftest import tiny_graph
from tools.engines.ascend import engine, om, precision
from tools.engines.ascend.family import FAMILY
from tools.engines.ports import Port, Ports
from tools.spec.case import Device, Mode, Precision

NPU = Device("npu", 0)


@pytest.mark.parametrize(("asked", "told"), [("", "fp16"), ("fp16", "fp16"), ("fp32", "fp32")])
def test_an_engine_says_in_what_it_computes(monkeypatch: pytest.MonkeyPatch, asked: Precision, told: str) -> None:
    """As its case asked when it was compiled; half precision where nobody asked."""
    ends = Ports((Port("video", "float32", (4, 2, 3, 4)),), (Port("scores", "float32", (4, 5)),))
    session = SimpleNamespace(get_inputs=lambda: [SimpleNamespace(size=4)], get_outputs=lambda: [SimpleNamespace(name="scores")])
    runtime = SimpleNamespace(session_options=SimpleNamespace, InferenceSession=lambda *given: session)
    for module, name, value in ((om, "refusal", lambda path: ""), (engine, "import_runtime", lambda: runtime),
                                (engine, "ports", lambda session: ends), (engine, "runner", lambda session, outputs: None)):
        monkeypatch.setattr(module, name, value)

    assert told == FAMILY.load(NPU, Path("model.om"), tiny_graph.NETWORK, 4, mode=Mode(precision=asked)).precision


def test_every_precision_of_an_npu_has_its_flag() -> None:
    """But for the one that it has by itself; float32 is never what only adds up in it."""
    assert {*FAMILY.COMPUTES[""]} - {""} == precision.FLAGS.keys()
    assert ("--precision_mode=must_keep_origin_dtype",) == precision.flags("fp32")
    assert () == precision.flags("")
