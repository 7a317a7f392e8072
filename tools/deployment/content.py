"""What an ONNX file computes, as a digest: the same of a file that was only saved again in another way.

Who produced it, what is written for readers, the names of nodes, the batch size that inputs and outputs are
declared with, and where the bytes of its constants lie do not count.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from hashlib import sha256 as sha256_of
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment.onnx_file import external, load, with_beside
from tools.deployment.onnx_walk import tensors
from tools.errors import GraphError
from tools.machine import opening, versions
from tools.machine.files import require_unchanged, sha256
from tools.spec.digest import digest
from tools.spec.model import Network, Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

if TYPE_CHECKING:
    import onnx
    from google.protobuf.message import Message  # type: ignore[import-untyped]

FOR_READERS = ("doc_string", "metadata_props", "value_info")
Files = tuple[tuple[Path, str], ...]


def of(context: Context[Spec], network: Network, path: Path) -> str:
    """The digest of the graph at *path*, read by a child process unless the store notes that it was.

    Raises:
        GraphError: it is no ONNX graph, or weights of it cannot be read.
    """
    sha = sha256(path)
    first = stage(network, ((path, sha),)).find_or_run(context)
    if not (names := str(first.facts["beside"]).splitlines()):
        return str(first.facts["content"])
    return str(stage(network, with_beside(path, sha, names)).find_or_run(context).facts["content"])


def stage(network: Network, files: Files) -> Stage:
    """Reading the graph that is the first of *files*; of one alone, at least which files are beside it."""
    path = files[0][0]
    shaped_by = (*((one.name, sha) for one, sha in files), *versions.of("onnx"), code.part(read))
    return Stage(Key("given", f"{network.name}-content", shaped_by), f"reading the constants of {path.name}", partial(read, files))


def read(files: Files, folder: Path) -> Facts:
    """Note which files are beside the graph and, where *files* has them, the digest of what it computes."""
    path = files[0][0]
    model = load(path)
    names = external(model)
    content = "" if names and len(files) == 1 else _digest_of(model, path.parent)
    for one, sha in files:
        require_unchanged(one, sha, GraphError)
    return {"beside": "\n".join(names), "content": content}


def _digest_of(model: onnx.ModelProto, folder: Path) -> str:
    """Of its operators and their constants, which are the same whether a node or the graph holds them."""
    for name, tensor in tensors(model):
        _let_digest_stand_for(tensor, name, folder)
    _strip(model)
    graph = model.graph
    holding = [node.op_type == "Constant" and [one.name for one in node.attribute] == ["value"] for node in graph.node]
    held = [node.attribute[0].t for node, holds in zip(graph.node, holding, strict=True) if holds]
    constants = {tensor.name: tensor for tensor in (*graph.initializer, *held)}
    return digest({
        "opsets": sorted(f"{one.domain} {one.version}" for one in model.opset_import),
        "functions": sorted(_texts(model.functions)),
        "takes": [one.name for one in graph.input if one.name not in constants], "gives": [one.name for one in graph.output],
        "constants": sorted(_texts(constants.values())), "sparse": sorted(_texts(graph.sparse_initializer)),
        "nodes": list(_texts(node for node, holds in zip(graph.node, holding, strict=True) if not holds))})


def _texts(messages: Iterable[Message]) -> Iterable[str]:
    return (one.SerializeToString(deterministic=True).hex() for one in messages)


def _let_digest_stand_for(tensor: onnx.TensorProto, name: str, folder: Path) -> None:
    """Put the digest of its bytes in the place of the bytes, wherever these are."""
    kind, dims, data = tensor.data_type, list(tensor.dims), _bytes(tensor, folder)
    tensor.Clear()
    tensor.name, tensor.data_type, tensor.raw_data = name, kind, sha256_of(data).digest()
    tensor.dims.extend(dims)


def _bytes(tensor: onnx.TensorProto, folder: Path) -> bytes:
    from onnx import numpy_helper

    if tensor.data_location == tensor.EXTERNAL:
        return _span({entry.key: entry.value for entry in tensor.external_data}, folder)
    if tensor.HasField("raw_data"):
        return bytes(tensor.raw_data)
    if tensor.data_type == tensor.STRING:
        return repr(list(tensor.string_data)).encode()
    try:
        return bytes(numpy_helper.to_array(tensor).tobytes())
    except (KeyError, TypeError, ValueError):  # a kind that NumPy has no type for, or damaged
        return bytes(tensor.SerializeToString(deterministic=True))


def _span(place: dict[str, str], folder: Path) -> bytes:
    """What a file beside the graph has at that place."""
    try:
        with opening.to_read(folder / place["location"]) as file:
            size = os.fstat(file.fileno()).st_size
            offset = int(place.get("offset", "0"))
            length = int(place.get("length", size - offset))
            if not 0 <= offset <= offset + length <= size:
                raise ValueError(f"they would be {length} bytes from {offset} on, and the file has {size}")
            file.seek(offset)
            return file.read(length)
    except (KeyError, OSError, ValueError) as error:
        raise GraphError("weights of the graph cannot be read", where=str(folder / place.get("location", ""))) from error


def _strip(message: Message) -> None:
    """Take out what is written for readers, and put attributes into one order."""
    for field, value in message.ListFields():
        if field.name in FOR_READERS or (field.name == "name" and message.DESCRIPTOR.name in ("NodeProto", "GraphProto")):
            message.ClearField(field.name)
        elif field.name == "attribute" and message.DESCRIPTOR.name == "NodeProto":
            value.sort(key=lambda one: one.name)
        if field.type == field.TYPE_MESSAGE and field.name not in FOR_READERS:
            for one in [value] if hasattr(value, "ListFields") else value:
                _strip(one)
