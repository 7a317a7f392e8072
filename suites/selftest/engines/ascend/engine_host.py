"""A simulated host on which each question to the NPU's engine is asked by a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from suites.selftest import tiny_graph
from suites.selftest.conftest import clean_environment
from suites.selftest.simulated.npu import SimulatedNpu
from tools.engines.ascend import atc, cann
from tools.engines.ascend.atc import Request
from tools.engines.ascend.faults import diagnose
from tools.engines.faults import Fault
from tools.spec.settings import ROOT

BEGIN = """
import json, sys, time
from pathlib import Path
import numpy as np
from suites.selftest.tiny_graph import NETWORK, batch_of
from tools.spec.case import Device
from tools.engines.ascend.engine import load
from tools.errors import ClipgateError

folder, found = Path(sys.argv[1]), []

def attempt(call):
    try:
        found.append(call())
    except ClipgateError as error:
        found.append([type(error).__name__, error.what, error.where])

def engine(batch=4, name=None, network=NETWORK):
    return load(Device("npu", 0, simulated=True), folder / f"{name or batch}.om", network, batch)

"""
END = "\nprint(); print(json.dumps(found))\n"


class Host:
    """A simulated host with models compiled for its chip, and processes on it."""

    def __init__(self, root: Path) -> None:
        self.npu, self.folder = SimulatedNpu(root / "host"), root / "models"
        self.folder.mkdir()
        self.shell = clean_environment() | self.npu.environment() | {"PYTHONUNBUFFERED": ""}  # which would flush what C prints
        self.sourced = self.shell | cann.of_runtime(self.shell)
        self.compile(4)

    def compile(self, batch: int, classes: int = 5, name: str = "") -> None:
        graph = tiny_graph.save(self.folder / f"{name or batch}.onnx", batch, classes=classes)
        request = Request(graph, graph.with_suffix(""), "ND", f"video:{batch},2,3,4", "AscendSim310P3")
        toolkit = cann.find(self.shell)
        atc.compile_om(request, cann.environment(toolkit, environ=self.shell), self.folder / "log", 60, lambda seconds: None)

    def run(self, code: str, **how: Any) -> tuple[list[Any], Fault]:
        """What *code* found and what the runtime's last words mean; how: its folder and environment."""
        done = self.process(code, **how)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1]), diagnose(done.stdout)

    def process(self, code: str, **how: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", BEGIN + code + END, str(self.folder)], cwd=how.get("folder", self.folder), text=True,
                              env=how.get("environment", self.sourced) | {"PYTHONPATH": f"{ROOT}:{self.shell['PYTHONPATH']}"},
                              capture_output=True, timeout=60, check=False)
