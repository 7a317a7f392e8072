"""Small trials of a simulated CUDA host: a graph of one convolution, and Python run on the host."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from suites.selftest.simulated.trials import Trial
from suites.selftest.simulated_cuda.host import A100, T4, SimulatedCuda

BATCH = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3) / 7
WEIGHTS = np.linspace(-1, 1, 81, dtype=np.float32).reshape(3, 3, 3, 3)
PRELUDE = """
import json, os, sys, threading, time
import numpy as np
import onnxruntime as ort
import pynvml

MODEL, RESULT = sys.argv[1:3]
BATCH = np.arange(54, dtype=np.float32).reshape(2, 3, 3, 3) / 7
CUDA, TRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"

def opened(*providers, model=MODEL, config=(), **options):
    settings = ort.SessionOptions()
    settings.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    for key in config:
        settings.add_session_config_entry(key, "1")
    return ort.InferenceSession(model, settings, providers=list(providers) or [(CUDA, {"device_id": 0, **options})], enable_fallback=0)

def bound(session, batch=BATCH, device=0):
    value = ort.OrtValue.ortvalue_from_numpy(batch, "cuda", device)
    binding = session.io_binding()
    binding.bind_ortvalue_input("video", value)
    binding.bind_output("scores", "cuda", device)
    return binding, value

def ran(session, options=None, **more):
    binding, _ = bound(session, **more)
    session.run_with_iobinding(binding, options)
    return binding.copy_outputs_to_cpu()[0].tolist()

def unwaited():
    options = ort.RunOptions()
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    return options

def error(call, *arguments, **more):
    try:
        call(*arguments, **more)
    except Exception as failure:
        return f"{type(failure).__name__}: {failure}"

def gpu(index=0):
    pynvml.nvmlInit()
    return pynvml.nvmlDeviceGetHandleByIndex(index)

def report(value):
    with open(RESULT, "w") as stream:
        json.dump(value, stream)

"""


def save_graph(path: Path, batch: int = 2) -> Path:
    """An ONNX file: a convolution and what follows it, [batch, 3, 3, 3] -> scores [batch, 3, 1, 1]."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Conv", ["video", "weights"], ["maps"], name="Conv_0"),
             helper.make_node("Relu", ["maps"], ["scores"], name="Relu_1")]
    graph = helper.make_graph(nodes, "graph", [helper.make_tensor_value_info("video", TensorProto.FLOAT, [batch, 3, 3, 3])],
                              [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 3, 1, 1])],
                              [numpy_helper.from_array(WEIGHTS, "weights")])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6), str(path))
    return path


class CudaHost:
    """A simulated host with a T4 and an A100, in this order on the bus, and a graph."""

    def __init__(self, root: Path) -> None:
        self.cuda = SimulatedCuda(root, T4, A100, tensorrt="10.13.3.9")
        self.graph = save_graph(self.cuda.root / "graph.onnx")

    def try_(self, code: str, **environment: str) -> Trial:
        """Run Python on the host to its end."""
        output = self.cuda.root / "trial.txt"
        result = output.with_suffix(".json")
        result.unlink(missing_ok=True)
        laid = os.environ | self.cuda.environment() | {"OMP_NUM_THREADS": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"} | environment
        with output.open("w") as stream:
            done = subprocess.run([sys.executable, "-c", PRELUDE + code, str(self.graph), str(result)], cwd=self.cuda.root, env=laid,
                                  text=True, stdout=stream, stderr=subprocess.PIPE, timeout=60, check=False)
        return Trial(done.returncode, output.read_text(), done.stderr, json.loads(result.read_text()) if result.exists() else None)

    def value(self, code: str, **environment: str) -> Any:
        """What the code reports; it must end well."""
        done = self.try_(code, **environment)
        assert 0 == done.status, done.errors
        return done.value
