"""The ONNX graph of one batch size: simplified by onnxsim, with the weights file of the exported graph."""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tools.deployment import export
from tools.deployment.surgery import operate
from tools.deployment.weights import Weights
from tools.engines.fit import Asked
from tools.errors import ExportError, GraphError
from tools.machine import versions
from tools.machine.files import require_unchanged
from tools.spec.given import OM
from tools.spec.model import Network, Spec, Surgeries, Surgery
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Entry, Facts, Key
from tools.storage.stages import Stage

if TYPE_CHECKING:
    import onnx

Span = tuple[int, int]  # offset and length in the weights file


def peak_bytes(model: onnx.ModelProto) -> int:
    """The most bytes of float32 activations alive at once while the nodes run in order, inputs included."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model).graph
    constants = {tensor.name for tensor in inferred.initializer}
    sizes = {value.name: 4 * math.prod(axis.dim_value for axis in value.type.tensor_type.shape.dim)
             for value in (*inferred.value_info, *inferred.input, *inferred.output) if value.name not in constants}
    last_use = {name: number for number, node in enumerate(inferred.node) for name in node.input}
    last_use |= {value.name: len(inferred.node) for value in inferred.output}
    alive: int = sum(sizes[value.name] for value in inferred.input if value.name in sizes)
    peak: int = alive
    for number, node in enumerate(inferred.node):
        alive += sum(sizes.get(name, 0) for name in node.output)
        peak = max(peak, alive)
        done = {name for name in (*node.input, *node.output) if last_use.get(name, -1) <= number}
        alive -= sum(sizes.get(name, 0) for name in done)
    return peak


@dataclass(frozen=True, slots=True)
class Given:
    """That a graph is a person's own: its *name*, each of its *files* with its digest, and what is *asked*.

    own: whether it is the model itself, of which nothing but an ONNX file is there. same: whether it is
    another file that computes what one of the model's own files does.
    precision: in which numbers it computes. input, shape, layout: of an ONNX graph's input, its shape as
    `--input_shape` takes it.
    """

    name: str
    files: tuple[tuple[Path, str], ...]
    asked: Asked
    precision: str
    shape: str = ""
    input: str = ""
    layout: str = ""
    own: bool = False
    same: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """What a device loads for one batch size.

    weights_digest: of its weights file; surgery: the rewrites that were applied; weights_bytes: constants in
    both files; peak_bytes: an estimate of the host memory that a run needs beside them.
    given: of a graph that was not made from the weights.
    """

    path: Path
    digest: str
    weights_digest: str
    surgery: tuple[Surgery, ...]
    weights_bytes: int
    peak_bytes: int
    given: Given | None = None

    @property
    def is_compiled_here(self) -> bool:
        """Whether it is what we let a device's compiler make of an ONNX graph."""
        return self.path.suffix == OM and not (self.given and self.given.files)

    def require_unchanged(self) -> None:
        """Check that graph and weights are still the files that were found; a StoreError names the other."""
        require_unchanged(self.path, self.digest)
        for path, digest in self.given.files if self.given else ():
            require_unchanged(path, digest, GraphError)
        beside = self.path.with_name(export.WEIGHTS)
        if self.weights_digest and beside.is_file():  # a compiled model holds its weights itself
            require_unchanged(beside, self.weights_digest)


def file_name(network: Network, batch: int, which: Surgeries) -> str:
    """The name of the graph's file; with optional surgery the graph has another name."""
    optional = network.surgeries(which) != network.surgery
    return f"bs{batch}{'-all' if optional else ''}.onnx"


def graph(context: Context[Spec], checkpoint: Weights, batch: int) -> Graph:
    """The graph of *batch* with the surgery of `--surgery`, made by child processes if the store has none."""
    network, which = checkpoint.network, context.settings.surgery
    exported = export.stage(checkpoint).find_or_run(context)
    return of_entries(network, exported, stage(network, exported, batch, which).find_or_run(context), batch, which)


def of_entries(network: Network, exported: Entry, entry: Entry, batch: int, which: Surgeries) -> Graph:
    """The graph of *batch* that lies in *entry*, in the folder of the exported one."""
    path = entry.file(file_name(network, batch, which))
    constants = entry.file(export.WEIGHTS).stat().st_size + path.stat().st_size
    return Graph(path, entry.files[path.name], exported.files[export.WEIGHTS], network.surgeries(which), constants,
                 int(entry.facts["peak_bytes"]))


def stage(network: Network, exported: Entry, batch: int, which: Surgeries) -> Stage:
    """The graph of one batch size, in the folder of the exported one."""
    shaped_by = (("batch", str(batch)), ("surgery", " ".join(network.surgeries(which))), *versions.of("onnx", "onnxsim"), code.part(build))
    key = Key("onnx", Path(file_name(network, batch, which)).stem, shaped_by, host=exported.key)
    return Stage(key, f"simplifying {network.name} for batch {batch}", partial(build, network, exported, batch, which))


def build(network: Network, exported: Entry, batch: int, which: Surgeries, folder: Path) -> Facts:
    """Simplify the exported graph for *batch*, apply the surgery, check the result and save it in *folder*.

    Raises:
        ExportError: onnxsim fails, or input or output have another name or shape than the spec says.
    """
    import onnx

    onnxsim = import_onnxsim()
    general = exported.file(export.GRAPH)
    spans = shared_tensors(general)
    model = onnx.load(str(general))
    exported.require_unchanged()
    model, same = onnxsim.simplify(model, overwrite_input_shapes={network.input.name: [batch, *network.input.shape]})
    if not same:
        raise ExportError(f"onnxsim's own check of batch {batch} failed", where=str(general))
    for surgery in network.surgeries(which):
        operate(model, surgery)
    export.check(model, f"batch {batch}")
    _check_signature(model, network, batch)
    peak = peak_bytes(model)
    share(model, spans)
    onnx.save_model(model, str(folder / file_name(network, batch, which)))
    return {"peak_bytes": peak, "nodes": len(model.graph.node)}


def import_onnxsim() -> ModuleType:
    """Onnxsim without torch, which it would import for a quantiser: most of the time of this stage."""
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        import onnxsim
    finally:
        if hidden:
            del sys.modules["torch"]
    module: ModuleType = onnxsim
    return module


def shared_tensors(graph: Path) -> dict[str, Span]:
    """Where each tensor lies in the weights file of an exported graph, by the tensor's digest."""
    import onnx

    data = graph.with_name(export.WEIGHTS).read_bytes()
    spans = {}
    for tensor in onnx.load(str(graph), load_external_data=False).graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            start, length = int(place.get("offset", "0")), int(place["length"])
            spans[hashlib.sha256(data[start : start + length]).hexdigest()] = (start, length)
    return spans


def share(model: onnx.ModelProto, spans: dict[str, Span]) -> None:
    """Take every tensor out of *model* that the weights file has, and refer to it there."""
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
