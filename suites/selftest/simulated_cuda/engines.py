"""TensorRT's provider: engine files, which belong to one chip and one version, and models that carry one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulated_cuda import state, words
from simulated_cuda.computing import Failed

MARK = b"SIMULATED TENSORRT ENGINE\n"


def brought(gpu: state.Gpu, model: str | bytes, options: Mapping[str, str]) -> str | bytes:
    """The graph that an engine computes: one from the cache, one in the model, or one that is built now.

    Raises:
        Failed: it cannot be built, or is another chip's or another version's.
    """
    path = None if isinstance(model, bytes) else Path(model)
    content = model if isinstance(model, bytes) else Path(model).read_bytes()
    carried = _carried(content, path)
    if carried is not None:
        return _deserialized(gpu, carried, str(path))
    cache = Path(options["trt_engine_cache_path"] or ".") / _file(gpu, content, options)
    if options["trt_engine_cache_enable"] in ("1", "True", "true") and cache.exists():
        _deserialized(gpu, cache.read_bytes(), str(cache))
        return model
    if state.due("trt-build", gpu):
        raise Failed("TensorRT EP failed to create engine from network for fused node: TensorrtExecutionProvider_TRTKernel_graph_main_0\n",
                     "EPFail")
    engine = MARK + json.dumps(_belongs(gpu)).encode() + b"\n" + _whole(content, path)
    if options["trt_engine_cache_enable"] in ("1", "True", "true"):
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.write_bytes(engine)
    if options["trt_dump_ep_context_model"] in ("1", "True", "true"):
        _dump(engine, content, path, options)
    return model


def _belongs(gpu: state.Gpu) -> dict[str, Any]:
    return {"tensorrt": state.read()["tensorrt"], "compute": ".".join(map(str, gpu["compute"])), "name": gpu["name"]}


def _file(gpu: state.Gpu, content: bytes, options: Mapping[str, str]) -> str:
    digest = hashlib.sha256(content).hexdigest()[:16]
    kind = "_fp16" if options["trt_fp16_enable"] in ("1", "True", "true") else ""
    prefix = options["trt_engine_cache_prefix"] or "TensorrtExecutionProvider"
    return f"{prefix}_TRTKernel_graph_main_{digest}_0_0{kind}_sm{''.join(map(str, gpu['compute']))}.engine"


def _deserialized(gpu: state.Gpu, engine: bytes, where: str) -> bytes:
    mark, _, rest = engine.partition(b"\n")
    head, _, graph = rest.partition(b"\n")
    wanted, found = _belongs(gpu), json.loads(head) if mark + b"\n" == MARK else {}
    wrong = ""
    if not found:
        wrong = "the file is no engine"
    elif found["tensorrt"] != wanted["tensorrt"]:
        wrong = ("The engine plan file is not compatible with this version of TensorRT, expecting library version "
                 f"{wanted['tensorrt']} got {found['tensorrt']}, please rebuild.")
    elif found["compute"] != wanted["compute"]:
        wrong = (f"The engine plan file is generated on an incompatible device, expecting compute {wanted['compute']} got compute "
                 f"{found['compute']}, please rebuild.")
    if wrong:
        words.logged("E", "tensorrt_execution_provider.h:92 log", f"[ERROR] IRuntime::deserializeCudaEngine: Error Code 1: ({wrong})")
        raise Failed(f"TensorRT EP could not deserialize engine from cache: {where}\n", "EPFail")
    return graph


def _carried(content: bytes, path: Path | None) -> bytes | None:
    """The engine of a model whose one node is an EPContext."""
    if b"EPContext" not in content:
        return None
    import onnx

    [node] = onnx.load_model_from_string(content).graph.node
    fields = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
    if fields.get("embed_mode", 1):
        return bytes(fields["ep_cache_context"])
    beside = (path.parent if path else Path()) / fields["ep_cache_context"].decode()
    if not beside.exists():
        raise Failed(f"TensorRT EP can't find engine cache: {beside}. Please make sure engine cache is in the same directory or "
                     "sub-directory of context model.", "EPFail")
    return beside.read_bytes()


def _whole(content: bytes, path: Path | None) -> bytes:
    """The graph with its weights inside."""
    import onnx

    model = onnx.load(path) if path else onnx.load_model_from_string(content)
    return bytes(model.SerializeToString())


def _dump(engine: bytes, content: bytes, path: Path | None, options: Mapping[str, str]) -> None:
    """Write a model that carries the engine, or names the file that holds it."""
    import onnx
    from onnx import helper

    graph = onnx.load_model_from_string(content).graph
    usual = path.with_name(f"{path.stem}_ctx.onnx") if path else Path("model_ctx.onnx")
    target = Path(options["trt_ep_context_file_path"] or usual)
    if target.is_dir():
        target /= usual.name
    embedded = options["trt_ep_context_embed_mode"] == "1"
    if not embedded:
        target.with_suffix(".engine").write_bytes(engine)
    node = helper.make_node("EPContext", [one.name for one in graph.input], [one.name for one in graph.output], domain="com.microsoft",
                            embed_mode=int(embedded), main_context=1,
                            ep_cache_context=engine if embedded else target.with_suffix(".engine").name)
    made = helper.make_model(helper.make_graph([node], "main", list(graph.input), list(graph.output)),
                             opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)])
    made.ir_version = 8
    onnx.save(made, target)
