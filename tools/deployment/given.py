"""A person's own graph instead of one made from the weights: read, and checked against the model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment import signature
from tools.deployment.onnx_file import INSPECT, external, load, ports, precision, with_beside
from tools.deployment.specialise import Given, Graph, peak_bytes
from tools.engines.fit import Asked, Fit, fitted
from tools.errors import EngineError, GraphError, naming
from tools.machine import versions
from tools.machine.files import require_unchanged, sha256
from tools.spec.given import axes
from tools.spec.model import Network, Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

if TYPE_CHECKING:
    import onnx


def asked(context: Context[Spec], network: Network) -> Asked:
    """What is known of a given graph of *network* before it is opened."""
    settings = context.settings
    return Asked(axes(context.spec, network), settings.graph_input, settings.graph_output)


def onnx_graph(context: Context[Spec], network: Network, path: Path, batch: int, asked: Asked) -> Graph:
    """The ONNX graph at *path*, read by a child process unless the store notes that it was.

    Raises:
        GraphError: it is no ONNX, or no graph of this network at *batch*.
    """
    sha = sha256(path)
    entry = stage(network, path, sha, batch, asked).find_or_run(context)
    files = with_beside(path, sha, str(entry.facts["beside"]).splitlines())
    given = Given(_named(path, sha), files, asked, str(entry.facts["precision"]), str(entry.facts["shape"]),
                  str(entry.facts["input"]), str(entry.facts["layout"]))
    return Graph(path, sha, "", (), sum(one.stat().st_size for one, _ in files), int(entry.facts["peak_bytes"]), given)


def om_graph(context: Context[Spec], network: Network, path: Path) -> Graph:
    """The compiled model at *path*, as it is: only the device that loads it can read it."""
    from tools.engines.ascend import om

    if wrong := om.refusal(path):
        raise GraphError(f"aclruntime refuses this file: {wrong}", where=str(path),
                         remedy=f"copy it to a folder and mode that it takes: install -m 644 {path.name} /home/me/models/")
    found = signature.kind(path)
    if found not in ("", signature.OFFLINE):
        raise GraphError(f"the file is {found}, and no model that atc compiled", where=str(path),
                         remedy="name it .onnx" if found == signature.ONNX else INSPECT)
    sha = sha256(path)
    given = Given(", ".join([_named(path, sha), *_compiled(path)]), ((path, sha),), asked(context, network), "fp16")
    return Graph(path, sha, "", (), path.stat().st_size, 0, given)


def _compiled(path: Path) -> list[str]:
    """For which chip and by which compiler, as far as the file tells."""
    from tools.engines.ascend import om_header

    try:
        told = om_header.read(path).attributes
    except GraphError:
        return []  # whether it can be loaded is for the runtime to say
    words = (("for", told.soc_version), ("by atc", told.atc_version))
    return [f"{word} {said}" for word, said in words if said]


def _named(path: Path, sha: str) -> str:
    return f"{path.name} (sha256 {sha[:12]})"


def stage(network: Network, path: Path, sha: str, batch: int, asked: Asked) -> Stage:
    """Reading this graph for a batch size; the entry holds no file, only what was found."""
    shaped_by = (("graph", sha), ("batch", str(batch)), ("input", f"{network.input.shape} {asked}"), ("rows", str(network.rows)),
                 ("output", str(network.output.shape)), *versions.of("onnx"), code.part(read))
    return Stage(Key("given", f"{network.name}-bs{batch}", shaped_by), f"reading {path.name}",
                 partial(read, network, path, sha, batch, asked))


def read(network: Network, path: Path, sha: str, batch: int, asked: Asked, folder: Path) -> Facts:
    """Check that the graph is one of *network* at *batch*, and note what its file tells.

    Raises:
        GraphError: it cannot be read, or does not fit; the error names both sides.
    """
    import onnx

    model = load(path)
    require_unchanged(path, sha, GraphError)
    try:
        with naming(path):
            fit = fitted(ports(model), network, batch, asked)
    except EngineError as error:
        raise GraphError(error.what, where=error.where, remedy=error.remedy) from error
    _settle(model, fit)
    try:
        peak = peak_bytes(model)
    except onnx.shape_inference.InferenceError as error:
        raise GraphError(f"the graph's shapes contradict each other: {str(error).splitlines()[0]}", where=str(path),
                         remedy=INSPECT) from error
    return {"precision": precision(model), "peak_bytes": peak, "beside": "\n".join(external(model)), "input": fit.input.name,
            "shape": ",".join(map(str, fit.shape)), "layout": fit.layout}


def _settle(model: onnx.ModelProto, fit: Fit) -> None:
    """Fix the input's free axes, of which all other shapes follow."""
    [port] = [one for one in model.graph.input if one.name == fit.input.name]
    for axis, size in zip(port.type.tensor_type.shape.dim, fit.shape, strict=True):
        axis.dim_value = size
    for value in model.graph.output:  # their shapes may name the axes that are settled now
        value.type.tensor_type.ClearField("shape")
