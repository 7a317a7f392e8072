"""A simulated NPU that runs parts of any graph, through its compiler and in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from suites.selftest.locating.device_bench import Bench
from suites.selftest.simulated.npu import SimulatedNpu
from tools.locating.values import Runs
from tools.spec.case import Device


@contextmanager
def simulated_npu(folder: Path) -> Iterator[Runs]:
    """What runs a graph on a host in *folder*, and rounds to half precision what comes in and goes out."""
    folder.mkdir()
    host = SimulatedNpu(folder / "host", rounding=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in host.environment().items():
            patch.setenv(name, value)
        yield Bench(patch, folder, Device("npu", 0, simulated=True), here=False).device
