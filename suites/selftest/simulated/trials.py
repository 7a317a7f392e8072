"""Small trials of a simulated host: a model of one layer, and Python and the host's programs run on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from suites.selftest.simulated.npu import SimulatedNpu

WEIGHTS = np.arange(12, dtype=np.float32).reshape(3, 4) / 7
BATCH = np.arange(6, dtype=np.float32).reshape(2, 3) / 3
PARAMETER, GENERAL = "[1][ACL: invalid parameter] ", "[-1][ACL: general failure] "
MEMORY, COPY = "[2][ACL: memory allocation fail] ", "[26][ACL: memory copy fail] "
UNKNOWN = "[{}][Error code unknown] "
PRELUDE = """
import json, os, signal, sys, threading, time
import numpy as np
import aclruntime as acl

MODEL, RESULT = sys.argv[1:3]
BATCH = np.arange(6, dtype=np.float32).reshape(2, 3) / 3
options = acl.session_options()

def opened(device=0, model=MODEL):
    return acl.InferenceSession(model, device, options)

def fed(array=BATCH, device=0):
    tensor = acl.Tensor(array)
    tensor.to_device(device)
    return tensor

def run(session, feeds):
    return session.run([desc.name for desc in session.get_outputs()], feeds)

def fetched(outputs):
    outputs[0].to_host()
    return np.array(outputs[0]).tolist()

def error(call, *arguments):
    try:
        call(*arguments)
    except (RuntimeError, TypeError) as failure:
        return str(failure)

def report(value):
    with open(RESULT, "w") as stream:
        json.dump(value, stream)

"""


@dataclass(frozen=True)
class Trial:
    """What a Python process on the host came to: its status, its fd 1 and 2, and what it reported."""

    status: int
    output: str
    errors: str
    value: Any


def save_model(path: Path, inputs: Sequence[str] = ("video",), rows: int | str = 2, opset: int = 11) -> Path:
    """An ONNX file: Gemm of the sum of its inputs, [rows, 3] -> logits [rows, 4]."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    total = [helper.make_node("Sum", list(inputs), ["total"], name="Sum_0"), helper.make_node("Gemm", ["total", "weights"], ["logits"])]
    graph = helper.make_graph(total, "graph", [helper.make_tensor_value_info(name, TensorProto.FLOAT, [rows, 3]) for name in inputs],
                              [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [rows, 4])],
                              [numpy_helper.from_array(WEIGHTS, "weights")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    onnx.save(model, path)
    return path


def outside(environment: dict[str, str]) -> dict[str, str]:
    """An environment without this test run's virtual environment, as the compiler needs it."""
    entries = [entry for entry in environment["PATH"].split(":") if not (Path(entry).parent / "pyvenv.cfg").exists()]
    return {name: value for name, value in environment.items() if name != "VIRTUAL_ENV"} | {"PATH": ":".join(entries)}


def program(npu: SimulatedNpu, *command: str, timeout_s: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a host's program after set_env.sh, outside any virtual environment, in a folder of its own."""
    scratch = npu.root / "scratch"
    scratch.mkdir(exist_ok=True)
    return subprocess.run(command, env=outside(npu.sourced()) | environment, cwd=scratch, text=True, capture_output=True,
                          timeout=timeout_s, check=False)


def compiled(npu: SimulatedNpu, name: str = "tiny", inputs: Sequence[str] = ("video",), soc: str = "AscendSim310P3") -> Path:
    """The offline model of the small network."""
    model = save_model(npu.root / f"{name}.onnx", inputs)
    done = program(npu, "atc", "--framework=5", f"--model={model}", f"--output={npu.root / name}", "--input_format=ND",
                   f"--input_shape={';'.join(f'{one}:2,3' for one in inputs)}", f"--soc_version={soc}")
    assert "ATC run success" in done.stdout, done.stdout + done.stderr
    return npu.root / f"{name}.om"


def start(npu: SimulatedNpu, model: Path, code: str, output: Path, **environment: str) -> subprocess.Popen[str]:
    """Start Python on the host with fd 1 in a file, in a session of its own."""
    scratch = npu.root / "scratch"
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, "-c", PRELUDE + code, str(model), str(output.with_suffix(".json"))]
    environment = npu.sourced() | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": ""} | environment
    with output.open("w") as stream:
        return subprocess.Popen(command, cwd=scratch, env=environment, text=True, stdout=stream, stderr=subprocess.PIPE,
                                start_new_session=True)


def trial(npu: SimulatedNpu, model: Path, code: str, **environment: str) -> Trial:
    """Run Python on the host to its end."""
    output = npu.root / "trial.txt"
    result = output.with_suffix(".json")
    result.unlink(missing_ok=True)
    process = start(npu, model, code, output, **environment)
    errors = process.communicate(timeout=60)[1]
    value = json.loads(result.read_text()) if result.exists() else None
    return Trial(process.returncode, output.read_text(), errors, value)


def gone(pid: int) -> bool:
    """Whether a process is no more."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


class Host:
    """A simulated host with compiled models of one input and of two."""

    def __init__(self, root: Path) -> None:
        self.npu = SimulatedNpu(root)
        self.model = compiled(self.npu)
        self.pair = compiled(self.npu, "pair", ("left", "right"))

    def restore(self) -> None:
        """Back to a host without faults."""
        self.npu.clear()
        self.npu.change(variant="2024-05", smi="310P", rounding=False, loader=True, chip="Sim310P3", cann="8.0.0")
        shutil.rmtree(self.npu.root / "scratch", ignore_errors=True)

    def try_(self, code: str, **environment: str) -> Trial:
        return trial(self.npu, self.model, code, **environment)

    def value(self, code: str, **environment: str) -> Any:
        """What the code reports; it must end well."""
        done = self.try_(code, **environment)
        assert 0 == done.status, done.errors
        return done.value
