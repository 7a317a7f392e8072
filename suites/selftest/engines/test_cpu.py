"""The CPU engine asks for memory back once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from suites.selftest import tiny_graph
from tools.engines.cpu import CpuEngine
from tools.engines.fit import exact
from tools.engines.ports import Port, Ports

PORTS = Ports((Port("video", "float32", (2, 2, 3, 4)),), (Port("scores", "float32", (2, 5)),))


class Session:
    """ONNX Runtime's session, as far as an engine uses it; *asked*: the options of each run."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="scores")]

    def run(self, _outputs: object, _inputs: object, options: Any) -> list[Any]:
        self.asked.append(options)
        return [np.full((2, 5), 0.5, np.float32)]


def test_the_first_run_gives_its_memory_back_and_no_later_one() -> None:
    """What the first run took before its needs were known goes; to shrink after each run costs time."""
    session: Any = Session()
    engine = CpuEngine(session, exact(PORTS, tiny_graph.NETWORK, 2))
    for _ in range(3):
        engine.infer(tiny_graph.batch_of(2))
    first, *later = session.asked

    assert "cpu:0" == first.get_run_config_entry("memory.enable_memory_arena_shrinkage")
    assert [None, None] == later
