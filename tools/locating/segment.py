"""A part of a graph as an artifact of the store, which is found again by what it holds.

A part of a graph that we made lies beside that one and shares its weights file, so that it takes some
kilobytes. A part of a person's graph holds its weights itself.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment import export
from tools.deployment.specialise import Graph, Span, share, shared_tensors
from tools.deployment.weights import checkpoints
from tools.spec.model import Network, Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Entry, Facts, Key

if TYPE_CHECKING:
    import onnx

KIND = "segment"


@dataclass(frozen=True, slots=True)
class Home:
    """Where the parts of a *graph* go: to the folder of the exported one, or None: each to its own.

    spans: where each tensor lies in the weights file there, by the tensor's digest.
    """

    graph: Graph
    exported: Entry | None = None
    spans: Mapping[str, Span] = field(default_factory=dict)

    @classmethod
    def of(cls, context: Context[Spec], network: Network, graph: Graph) -> Home:
        """The home of the parts of *network*'s *graph*."""
        if graph.given:
            return cls(graph)
        [checkpoint] = [one for one in checkpoints(context) if one.network.name == network.name]
        exported = export.stage(checkpoint).find_or_run(context)
        if exported.folder != graph.path.parent:
            return cls(graph)
        return cls(graph, exported, shared_tensors(exported.file(export.GRAPH)))


def segment(context: Context[Spec], home: Home, name: str, model: onnx.ModelProto) -> Graph:
    """The graph *model*, a part of that of *home*, as a file; *name*: what the store calls its parts."""
    import onnx

    shared = onnx.ModelProto()
    shared.CopyFrom(model)
    share(shared, dict(home.spans))
    content = shared.SerializeToString(deterministic=True)
    digest = hashlib.sha256(content).hexdigest()
    file = f"part-{digest[:16]}.onnx"
    shaped_by = (("content", digest), code.part(build))
    key = Key(KIND, name, shaped_by, host=home.exported.key if home.exported else None)
    entry = context.store.find(key) or context.store.build(key, partial(build, content, file))
    weights = home.exported.files[export.WEIGHTS] if home.exported else ""
    beside = home.exported.file(export.WEIGHTS).stat().st_size if home.exported else 0
    given = home.graph.given
    return Graph(entry.file(file), digest, weights, home.graph.surgery, len(content) + beside,
                 home.graph.peak_bytes + given_bytes(model), given and replace(given, files=()))


def build(content: bytes, file: str, folder: Path) -> Facts:
    """Write the graph."""
    (folder / file).write_bytes(content)
    return {"bytes": len(content)}


def given_bytes(model: onnx.ModelProto) -> int:
    """The bytes of all that a graph gives, as far as its file says."""
    from onnx import helper

    tensors = [one.type.tensor_type for one in model.graph.output]
    return sum(math.prod(axis.dim_value for axis in one.shape.dim) * helper.tensor_dtype_to_np_dtype(one.elem_type).itemsize
               for one in tensors if one.elem_type)
