"""The ONNX graph of one batch size: onnxsim at that shape, sharing the exported graph's weights file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools import child, events, export, versions, weights
from tools.commandline import parse
from tools.entries import Entry, Facts, Key
from tools.errors import ExportError
from tools.memory import peak_bytes
from tools.settings import Settings
from tools.spec import Network, Spec
from tools.store import Store
from tools.surgery import operate
from tools.weights import Weights

if TYPE_CHECKING:
    import onnx

Span = tuple[int, int]  # offset and length in the weights file


@dataclass(frozen=True, slots=True)
class Graph:
    """What a device loads for one batch size, with its digest and that of the weights beside it.

    peak_bytes: estimate of the host memory that running it takes beside its weights.
    """

    path: Path
    digest: str
    weights_digest: str
    weights_bytes: int
    peak_bytes: int


def file_name(batch: int) -> str:
    return f"bs{batch}.onnx"


def resolve(settings: Settings, spec: Spec, checkpoint: Weights, batch: int, on_event: child.OnEvent) -> Graph:
    """The graph of *batch*, made by a child process if the store has none."""
    exported = export.resolve(settings, spec, checkpoint, on_event)
    entry = child.find_or_run(Store(settings.store), key(exported, batch), "tools.specialise",
                              [spec.name, str(batch), *settings.arguments()],
                              f"simplifying {checkpoint.network.name} for batch {batch}", on_event)
    path = entry.file(file_name(batch))
    return Graph(path, entry.files[path.name], exported.files[export.WEIGHTS], exported.file(export.WEIGHTS).stat().st_size,
                 int(entry.facts["peak_bytes"]))


def key(exported: Entry, batch: int) -> Key:
    return Key("onnx", f"bs{batch}", (("batch", str(batch)), *versions.of("onnx", "onnxsim")), host=exported.key)


def build(network: Network, exported: Entry, batch: int, folder: Path) -> Facts:
    """Simplify the exported graph at *batch* into *folder*, check it, and estimate its memory.

    Raises:
        ExportError: onnxsim fails, or input or output have another name or shape than the spec says.
    """
    import onnx
    import onnxsim

    source = exported.file(export.GRAPH)
    spans = shared_tensors(source)
    model = onnx.load(str(source))
    model, same = onnxsim.simplify(model, overwrite_input_shapes={network.input.name: [batch, *network.input.shape]})
    if not same:
        raise ExportError(f"onnxsim's own check of batch {batch} failed", where=str(source))
    for surgery in network.surgery:
        operate(model, surgery)
    export.check(model, f"batch {batch}")
    _check_signature(model, network, batch)
    peak = peak_bytes(model)
    share(model, spans)
    path = folder / file_name(batch)
    onnx.save_model(model, str(path))
    return {"peak_bytes": peak, "nodes": len(model.graph.node)}


def shared_tensors(source: Path) -> dict[str, Span]:
    """Digest of every tensor in the exported graph's weights file -> where it lies."""
    import onnx

    data = source.with_name(export.WEIGHTS).read_bytes()
    spans = {}
    for tensor in onnx.load(str(source), load_external_data=False).graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            start, length = int(place.get("offset", "0")), int(place["length"])
            spans[hashlib.sha256(data[start : start + length]).hexdigest()] = (start, length)
    return spans


def share(model: onnx.ModelProto, spans: dict[str, Span]) -> None:
    """Point every tensor that is in the shared weights file there, instead of carrying it."""
    import onnx
    from onnx.external_data_helper import set_external_data

    for tensor in model.graph.initializer:
        raw = tensor.raw_data if tensor.HasField("raw_data") else b""
        span = spans.get(hashlib.sha256(raw).hexdigest()) if len(raw) >= export.BIG else None
        if span:
            set_external_data(tensor, export.WEIGHTS, offset=span[0], length=span[1])
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL


def _check_signature(model: onnx.ModelProto, network: Network, batch: int) -> None:
    found = [(value.name, [axis.dim_value for axis in value.type.tensor_type.shape.dim])
             for value in (*model.graph.input, *model.graph.output)]
    wanted = [(network.input.name, [batch, *network.input.shape]),
              (network.output.name, [batch * network.rows, *network.output.shape])]
    if found != wanted:
        raise ExportError(f"the simplified graph has {found}, not {wanted}",
                          remedy="the spec's input, output, rows or softmax do not fit its config")


def main() -> int:
    """Specialise a model's ONNX graph to a batch size."""
    options, settings, spec = parse("specialise", main.__doc__, lambda parser: parser.add_argument("batch", type=int))
    for checkpoint in weights.resolve(settings, spec, events.forward):
        exported = export.resolve(settings, spec, checkpoint, events.forward)
        entry = Store(settings.store, events.say).build(
            key(exported, options.batch), partial(build, checkpoint.network, exported, options.batch))
        print(entry.file(file_name(options.batch)))
    return 0


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
