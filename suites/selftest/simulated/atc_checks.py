"""What the compiler refuses, with its codes; standard library only."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import Any

from simulated import onnx_wire

KNOWN = {"framework", "model", "output", "input_format", "input_shape", "log", "soc_version", "auto_tune_mode", "op_select_implmode",
         "optypelist_for_implmode", "insert_op_conf", "out_nodes", "enable_small_channel", "fusion_switch_file", "precision_mode",
         "op_precision_mode", "buffer_optimize", "mode", "host_env_os", "host_env_cpu", "op_compiler_cache_mode", "precision_mode_v2"}
MAX_OPSET = {5: 13, 6: 15, 7: 16}
FORMATS = ("NCHW", "NHWC", "ND", "NDHWC", "NCDHW")


class Refusal(Exception):  # noqa: N818
    """The compilation fails with this code."""

    def __init__(self, code: str, message: str, cause: str = "N/A", solution: str = "N/A") -> None:
        super().__init__(code)
        self.code, self.message, self.cause, self.solution = code, message, cause, solution


def options(arguments: list[str]) -> dict[str, str]:
    """`--name=value` and `--name value` as a mapping."""
    found, rest = {}, list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if not name.startswith("--") or name[2:] not in KNOWN:
            raise Refusal("E10054", f"unknown command line flag '{name.lstrip('-')}'")
        if not equals:
            value = rest.pop(0) if rest else ""
        found[name[2:]] = value
    return found


def bad_value(name: str, value: str, reason: str, code: str = "E10001") -> Refusal:
    """The commonest refusal, in the compiler's own words."""
    return Refusal(code, f"Value [{value}] for parameter [--{name}] is invalid. Reason: {reason}")


def arguments(given: dict[str, str], now: dict[str, Any]) -> bytes:
    """Check everything but the graph and return the model file's bytes."""
    for name in ("framework", "model", "output", "soc_version"):
        if not given.get(name):
            raise Refusal("E10007", f"[--{name}] is required. The value cannot be empty.")
    if given["framework"] not in ("0", "1", "3", "5"):
        raise bad_value("framework", given["framework"], "must be 0(Caffe) or 1(MindSpore) or 3(TensorFlow) or 5(ONNX).")
    if given.get("log", "null") not in ("debug", "info", "warning", "error", "null"):
        raise bad_value("log", given["log"], "must be debug, info, warning, error or null.", "E10010")
    if not re.fullmatch(r"Ascend(Sim)?\d+\w*", given["soc_version"]):
        raise bad_value("soc_version", given["soc_version"], "not a supported chip.")
    if given.get("input_format", "ND") not in FORMATS:
        raise bad_value("input_format", given["input_format"], f"must be one of {', '.join(FORMATS)}.")
    if given.get("auto_tune_mode") and not now["cann"].startswith("5."):
        raise bad_value("auto_tune_mode", given["auto_tune_mode"],
                        "The Auto Tune function has been deprecated. Please use the AOE tool for tuning.")
    folder = Path(given["output"]).absolute().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or Path(given["output"]).is_dir():
        raise bad_value("output", given["output"], "the folder does not exist or cannot be written.")
    return _model_file(given)


def _model_file(given: dict[str, str]) -> bytes:
    path = Path(given["model"])
    if not path.is_file():
        raise Refusal("E13000", f"Failed to open file [{path}]. Error code [2]: No such file or directory.", "The file does not exist.")
    return path.read_bytes()


def graph(given: dict[str, str], onnx: bytes, now: dict[str, Any]) -> onnx_wire.Model:
    """Parse the model and check the shapes given for its inputs."""
    wrong = Refusal("E10041", f"Failed to load the model from [{given['model']}].", "invalid model file or wrong framework.")
    if given["framework"] != "5":
        raise wrong
    try:
        model = onnx_wire.read(onnx)
    except ValueError as error:
        raise wrong from error
    if model.external:
        raise wrong
    if model.opset > MAX_OPSET.get(int(now["cann"].split(".")[0]), 18) or model.domains:
        raise Refusal("E19010", f"No parser is registered for Op [{next(iter(model.producers))}, optype "
                      f"[ai.onnx::{model.opset}::{'/'.join(sorted(model.domains)) or 'Conv'}]].")
    _shapes(given, model)
    return model


def input_shapes(given: dict[str, str]) -> dict[str, list[int]]:
    """`name:1,2;name:3` as a mapping."""
    text = given.get("input_shape", "")
    if not text:
        return {}
    found = {}
    for part in text.split(";"):
        match = re.fullmatch(r"(.+):(-?\d+(?:,-?\d+)*)", part)
        if not match:
            raise Refusal("E10002", f"Value for parameter [--input_shape] is invalid: [{text}]. "
                          "Use the format name1:n1,c1,h1,w1;name2:n2,c2,h2,w2.")
        found[match[1]] = [int(size) for size in match[2].split(",")]
    return found


def _shapes(given: dict[str, str], model: onnx_wire.Model) -> None:
    shapes, infos = input_shapes(given), {info.name: info for info in model.inputs}
    for name, shape in shapes.items():
        if name not in infos:
            raise Refusal("E10016", f"Value [{name}] for parameter [--input_shape] is invalid: the opname [{name}] is not in the model.",
                          solution="Check the names of the model's inputs.")
        if min(shape) < 1:
            raise Refusal("E10011", f"Value {shape} for parameter [--input_shape] of [{name}] must be positive.")
        if len(shape) != len(infos[name].shape):
            raise Refusal("E10049", f"Dimension count [{len(shape)}] in parameter [--input_shape] of [{name}] must be "
                          f"[{len(infos[name].shape)}].")
        if any(own not in (-1, size) for own, size in zip(infos[name].shape, shape)):  # noqa: B905
            raise Refusal("E19999", f"Inner Error! infershape of [{name}]: {shape} does not fit the graph's {infos[name].shape}.")
    for name, info in infos.items():
        if name not in shapes and min(info.shape, default=1) < 1:
            raise bad_value("input_shape", given.get("input_shape", ""), f"the shape of [{name}] is unknown.")


def environment() -> None:
    """The operator compiler imports Python packages: it needs its own Python and its operators' folder."""
    if not os.environ.get("ASCEND_OPP_PATH"):
        raise Refusal("EZ0501", "IR for Op is not registered.", "ASCEND_OPP_PATH is not set.")
    python = shutil.which("python3")
    hosts = [Path(python)] if python else []
    hosts += [Path(entry) for entry in os.environ.get("PYTHONPATH", "").split(":") if entry]
    inside = [path for path in hosts if _in_virtual_environment(path)]
    if os.environ.get("VIRTUAL_ENV") or inside or not python:
        raise Refusal("E40000", "Failed to import Python module [No module named 'decorator'].",
                      f"the first python3 on PATH is {python}, not the one TBE is installed for.",
                      "Check that all required components are properly installed and the specified Python path matches.")


def _in_virtual_environment(path: Path) -> bool:
    return any((folder / "pyvenv.cfg").exists() for folder in path.absolute().parents)
