"""Stand-in for `atc`: checks a command line as the compiler does and packs the ONNX file; stdlib only."""

from __future__ import annotations

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from simulated import atc_checks, om, onnx_wire, state
from simulated.atc_checks import Refusal

FORMATS = {"NCHW": 0, "NHWC": 1, "ND": 2, "NDHWC": 27, "NCDHW": 30}
ACL_TYPES = {1: 0, 2: 4, 3: 2, 4: 7, 5: 6, 6: 3, 7: 9, 9: 12, 10: 1, 11: 11, 12: 8, 13: 10}
FAILED = "ATC run failed, Please check the detail log, Try 'atc --help' for more information"
WARNING = ("W11001: Op [{name}] does not hit the high-priority operator information library, "
           "which might result in compromised performance.")


def main() -> int:
    """Compile as the command line says and return the exit status."""
    if str(toolkit() / "lib64") not in os.environ.get("LD_LIBRARY_PATH", "").split(":"):
        print("atc: error while loading shared libraries: libge_compiler.so: cannot open shared object file: "
              "No such file or directory", file=sys.stderr)
        return 127
    print("ATC start working now, please wait for a moment.", flush=True)
    try:
        compile_model(atc_checks.options(sys.argv[1:]))
    except Refusal as refusal:
        print(f"...\n{FAILED}\n{report(refusal)}")
        return 255
    return 0


def toolkit() -> Path:
    """The folder this compiler is installed in."""
    return Path(sys.argv[0]).absolute().parents[1]


def report(refusal: Refusal) -> str:
    """An error as it follows the failure line."""
    date = time.strftime("%Y-%m-%d-%H:%M:%S")
    return (f"{refusal.code}: [PID: {os.getpid()}] {date}.000.000 {refusal.message}\n"
            f"        Possible Cause: {refusal.cause}\n        Solution: {refusal.solution}\n"
            f"        TraceBack (most recent call last):\n        ATC failed in the simulated compiler.")


def compile_model(options: dict[str, str]) -> None:
    """Check everything, then write the model and what the real compiler leaves in the working folder."""
    now = state.read()
    inject()
    onnx = atc_checks.arguments(options, now)
    model = atc_checks.graph(options, onnx, now)
    atc_checks.environment()
    Path("kernel_meta").mkdir(exist_ok=True)
    Path("fusion_result.json").write_text("[]")
    output = output_path(options["output"])
    if not state.due("atc-no-file"):
        om.write(output, header(options, model, now), onnx)
    if state.due("atc-stale") and output.exists():
        os.utime(output, (1, 1))
    if state.due("atc-no-success-line"):
        return
    print("...\nATC run success, welcome to the next use.")
    if state.due("atc-warning"):
        print(WARNING.format(name=next(iter(model.producers))))


def inject() -> None:
    """Do what the faults of this call say before anything is looked at."""
    slow = state.due("atc-slow")
    if slow:
        time.sleep(slow.get("seconds", 3))
    if state.due("atc-hang"):
        while True:
            time.sleep(3600)
    fault = state.due("atc")
    if fault:
        raise Refusal(fault.get("code", "E19999"), fault.get("message", "Inner Error!"))


def output_path(output: str) -> Path:
    """Where the model goes; newer compilers name the host in the file."""
    tail = f"_linux_{platform.machine()}.om" if state.due("atc-suffix") else ".om"
    return Path(output + tail)


def header(options: dict[str, str], model: onnx_wire.Model, now: dict[str, Any]) -> dict[str, Any]:
    """What the runtime needs to know without reading the graph."""
    shapes = atc_checks.input_shapes(options)
    inputs = [describe(info.name, info.element, shapes.get(info.name, info.shape), FORMATS[options.get("input_format", "ND")])
              for info in model.inputs]
    batch = om.batch(inputs)
    outputs = [describe(model.producers[info.name], info.element, [batch if size < 0 else size for size in info.shape], FORMATS["ND"])
               for info in model.outputs]
    return {"soc": options["soc_version"], "cann": now["cann"], "flags": options, "inputs": inputs, "outputs": outputs,
            "onnx_inputs": [info.name for info in model.inputs], "onnx_outputs": [info.name for info in model.outputs]}


def describe(name: str, element: int, shape: list[int], layout: int) -> dict[str, Any]:
    return {"name": name, "datatype": ACL_TYPES[element], "shape": shape, "format": layout}
