"""A graph in half precision: ONNX Runtime's own converter makes it, and input and output stay float32.

What half precision cannot hold is not lost unseen: the converter cuts larger numbers off and lifts smaller
ones, and how many these are is noted and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.deployment.export import check
from tools.deployment.onnx_walk import tensors
from tools.deployment.specialise import Given, Graph
from tools.errors import ExportError, GraphError
from tools.machine import versions
from tools.spec.model import Spec
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

if TYPE_CHECKING:
    import onnx

FILE = "half.onnx"
EXACT, HALF = "fp32", "fp16"
LARGEST = 65504.0
SMALLEST = 2.0**-24


@dataclass(frozen=True, slots=True)
class Lost:
    """Of how many *constants* that half precision cannot hold how many are too *large* and too *small*."""

    constants: int = 0
    large: int = 0
    small: int = 0

    def sentence(self, name: str) -> str:
        """What a person reads of it; empty where half precision holds them all."""
        told = [f"{count:,} {'is' if count == 1 else 'are'} too {words}" for count, words in (
            (self.large, f"large and cut off at {LARGEST:g}"), (self.small, f"small and lifted to {SMALLEST:.1g}")) if count]
        return f"{name} in half precision: of {self.constants:,} constants {' and '.join(told)}" if told else ""


def graph(context: Context[Spec], of: Graph, name: str) -> Graph:
    """The graph *of* in half precision, made by a child process if the store has none.

    name: the network's, with its batch size. What a person gives in half precision is taken as it is.

    Raises:
        GraphError: what a person gives computes in other numbers than float32.
        ExportError: it cannot be converted.
    """
    given = of.given
    if given and given.precision == HALF:
        return of
    if given and given.precision != EXACT:
        raise GraphError(f"the graph computes in {given.precision}, so that it cannot be converted to half precision", where=str(of.path),
                         remedy="leave --precision out to judge it as it is, or give its float32 graph")
    entry = stage(of, name).find_or_run(context)
    if told := lost(entry.facts).sentence(name):
        context.say(told)
    path = entry.file(FILE)
    return replace(of, path=path, digest=entry.files[FILE], weights_bytes=path.stat().st_size, given=given and _converted(given))


def _converted(given: Given) -> Given:
    """A person's graph, of which this is another file that computes something else."""
    return replace(given, name=f"{given.name}, converted to half precision", files=(), precision=HALF, same=False)


def lost(facts: Facts) -> Lost:
    """What the converter could not keep, as an entry notes it."""
    return Lost(*(int(facts[name]) for name in ("constants", "large", "small")))


def stage(of: Graph, name: str) -> Stage:
    """The graph *of* in half precision, which holds its weights itself.

    Both packages of ONNX Runtime have the same converter, so that its release counts and its build does not.
    """
    files = [(path.name, sha) for path, sha in of.given.files] if of.given else []
    shaped_by = (("graph", of.digest), ("weights", of.weights_digest), *(("file", f"{name} {sha}") for name, sha in files),
                 *versions.of("onnx"), *versions.public("onnxruntime"), code.part(build))
    return Stage(Key("half", name, shaped_by), f"converting {name.replace('-bs', ' at batch ')} to half precision", partial(build, of),
                 least_bytes=of.weights_bytes // 2)


def build(of: Graph, folder: Path) -> Facts:
    """Convert the graph *of* and check that it is whole, and that it takes and gives what it did.

    Raises:
        ExportError: the converter fails, or what it made is no such graph.
    """
    import onnx

    model = onnx.load(str(of.path))
    of.require_unchanged()
    before = _floats(model)
    ends = _ends(model)
    model = converted(model, of.path)
    check(model, of.path.name)
    if _ends(model) != ends:
        raise ExportError("the graph in half precision takes or gives something else than before", where=str(of.path))
    found = _lost(before, model)
    onnx.save_model(model, str(folder / FILE))
    return {"constants": found.constants, "large": found.large, "small": found.small, "nodes": len(model.graph.node)}


def converted(model: onnx.ModelProto, where: Path) -> onnx.ModelProto:
    """The same graph in half precision; its input and output stay as they are."""
    from onnxruntime.transformers.float16 import convert_float_to_float16
    from onnxruntime.transformers.onnx_model import OnnxModel

    try:
        made: onnx.ModelProto = convert_float_to_float16(model, min_positive_val=SMALLEST, max_finite_val=LARGEST, keep_io_types=True)
        OnnxModel.graph_topological_sort(made.graph)  # the converter leaves its casts at the end
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError, IndexError, RuntimeError) as error:
        raise ExportError(f"ONNX Runtime cannot convert the graph to half precision: {str(error) or type(error).__name__}",
                          where=str(where), remedy="leave --precision out") from error
    return made


def _ends(model: onnx.ModelProto) -> list[str]:
    """What a graph takes and gives, with types and shapes."""
    return [one.SerializeToString(deterministic=True).hex() for one in (*model.graph.input, *model.graph.output)]


def _floats(model: onnx.ModelProto) -> Mapping[str, tuple[int, int, int]]:
    """Of each float32 constant that has a name: its numbers, those too large and those too small."""
    import onnx

    found = {}
    for name, tensor in tensors(model):
        if name and tensor.data_type == onnx.TensorProto.FLOAT:
            sizes = np.abs(onnx.numpy_helper.to_array(tensor))
            found[name] = (sizes.size, int(((sizes > LARGEST) & (sizes < np.inf)).sum()), int(((sizes > 0) & (sizes < SMALLEST)).sum()))
    return found


def _lost(before: Mapping[str, tuple[int, int, int]], model: onnx.ModelProto) -> Lost:
    """Of the constants that are in half precision now."""
    import onnx

    now = {name for name, tensor in tensors(model) if tensor.data_type == onnx.TensorProto.FLOAT16}
    counts = [numbers for name, numbers in before.items() if name in now]
    return Lost(*(sum(column) for column in zip(*counts, strict=True))) if counts else Lost()
