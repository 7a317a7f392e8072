"""What still has to be built for a model's cells, by the keys of its stages; no file is read to know it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from tools.deployment import export, half, mini, specialise, weights
from tools.deployment.compile import Form
from tools.deployment.origin import origin
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.machine import versions
from tools.measuring import room
from tools.spec.given import GRAPH
from tools.spec.model import Network, Spec
from tools.storage.context import Context
from tools.storage.elsewhere import MAKERS
from tools.storage.entries import Key, named
from tools.storage.index import Index

MODULES = {"torch": "torch", "mmaction2": "mmaction", "mmengine": "mmengine", "onnx": "onnx", "onnxsim": "onnxsim", "av": "av",
           "opencv-python-headless": "cv2"}
EXPORT, SIMPLIFY = ("torch", "mmaction2", "onnx"), ("onnx", "onnxsim")
CONVERTED: Mapping[Form, tuple[str, str]] = {  # what is made of a graph without a compiler -> its kind in the store, and in words
    "half": ("half", "converting {} at batch {} to half precision"), "tensorrt": ("engine", "building {} at batch {} with TensorRT"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One artifact that has to be made: in which words, by which packages, and in about how many bytes.

    key: where it is looked for; None where that depends on an earlier step. batch: 0 for all batch sizes.
    """

    doing: str
    packages: tuple[str, ...]
    size: int
    key: Key | None = None
    batch: int = 0

    def lacking(self, gone: frozenset[str]) -> tuple[str, ...]:
        """The packages that make it and are among those that are *gone*."""
        return tuple(name for name in self.packages if name in gone)


@dataclass(frozen=True, slots=True)
class Planned:
    """The *steps* of a model in their order, and the *graphs* that are there, by network and batch size.

    checkpoints: its weights, if they are known. Of weights and graphs that a person gives, only what nothing
    of that name has ever been made of is a step: whether the rest is there is known once they have been read.
    """

    steps: tuple[Step, ...]
    graphs: Mapping[tuple[str, int], Graph]
    checkpoints: tuple[Weights, ...] = ()

    def of(self, batch: int) -> list[Step]:
        """The steps that a cell of this batch size waits for."""
        return [step for step in self.steps if step.batch in (0, batch)]


def plan(context: Context[Spec], batches: Sequence[int], forms: Collection[tuple[int, Form]] = ()) -> Planned:
    """What the store lacks of a model's graphs of these batch sizes.

    forms: what devices load of them, by batch size.

    Raises:
        ClipgateError: its data and weights do not fit together, or the weights are not there.
    """
    spec, index, word = context.spec, Index(context.settings.store), origin(context)
    if word == GRAPH:
        return Planned(tuple(_converting(context, index, {}, forms)), {})
    if word == "mini":
        checkpoints, steps = _mini(spec, index)
    else:
        checkpoints, steps = (), _checked(context, index, word)
    if batches and context.settings.graph:
        return Planned((*steps, *_converting(context, index, {}, forms)), {}, checkpoints)
    known = {one.network.name: one for one in checkpoints}
    graphs: dict[tuple[str, int], Graph] = {}
    for network in spec.networks:
        made, found = _graphs(context, index, known.get(network.name), network, batches)
        steps += made
        graphs |= {(network.name, batch): graph for batch, graph in found.items()}
    return Planned((*steps, *_converting(context, index, graphs, forms)), graphs, checkpoints)


def _converting(context: Context[Spec], index: Index, graphs: Mapping[tuple[str, int], Graph],
                forms: Collection[tuple[int, Form]]) -> Iterator[Step]:
    """What is made of the graphs for devices without a compiler, where the store cannot have it yet."""
    for network in context.spec.networks:
        for batch, form in sorted(forms):
            if form in CONVERTED:
                kind, doing = CONVERTED[form]
                name, graph = f"{network.name}-bs{batch}", graphs.get((network.name, batch))
                key = half.stage(graph, name).key if graph and form == "half" else None
                if not (index.find(key) if key else named(index.root, kind, name)):
                    size = graph.weights_bytes if graph else room.weights(network)
                    yield Step(doing.format(network.name, batch), ("onnx",), size // 2, key, batch)


def _mini(spec: Spec, index: Index) -> tuple[tuple[Weights, ...], list[Step]]:
    data = mini.data(spec)
    key = mini.key(spec, data.key)
    fitted = index.find(key)
    steps = [] if fitted else [Step("fitting the mini weights", _packages(key), sum(map(room.weights, spec.networks)), key)]
    if index.find(data.key) is None:
        steps.append(Step(data.doing, _packages(data.key), room.data(spec), data.key))
    return (weights.mini_weights(spec, fitted) if fitted else ()), steps


def _checked(context: Context[Spec], index: Index, word: str) -> list[Step]:
    """Loading each checkpoint in torch, where none of its network was ever loaded."""
    paths = [one.place for one in weights.placed(context)] if word == "published" else weights.given(context, word)
    stages = [weights.checked(network, path, "") for network, path in zip(context.spec.networks, paths, strict=True)]
    return [Step(one.doing, _packages(one.key), 0, one.key) for one in stages if not named(index.root, one.key.kind, one.key.name)]


def _graphs(context: Context[Spec], index: Index, checkpoint: Weights | None, network: Network,
            batches: Sequence[int]) -> tuple[list[Step], dict[int, Graph]]:
    """The steps to a network's graphs, and the graphs that are there."""
    size = checkpoint.path.stat().st_size if checkpoint else room.weights(network)
    exporting = Step(f"exporting {network.name} to ONNX", EXPORT, size)
    simplifying = [Step(f"simplifying {network.name} for batch {batch}", SIMPLIFY, room.GRAPH, None, batch) for batch in batches]
    if checkpoint is None:
        unknown = origin(context) != "mini" and named(index.root, "onnx", network.name)
        return ([] if unknown else [exporting, *simplifying]), {}
    stage = export.stage(checkpoint)
    exported = index.find(stage.key)
    if exported is None:
        return [replace(exporting, key=stage.key), *simplifying], {}
    steps, graphs = [], {}
    for step in simplifying:
        which = context.settings.surgery
        key = specialise.stage(network, exported, step.batch, which).key
        if entry := index.find(key):
            graphs[step.batch] = specialise.of_entries(network, exported, entry, step.batch, which)
        else:
            steps.append(replace(step, key=key))
    return steps, graphs


def _packages(key: Key) -> tuple[str, ...]:
    """The packages that make an entry, by what shapes it."""
    return tuple(name for name, _ in key.shaped_by if name in MODULES)


def absent_packages() -> frozenset[str]:
    """The packages that make entries and cannot be imported here."""
    return frozenset(package for package in MODULES if not _is_here(package))


def _is_here(package: str) -> bool:
    """Whether a package can be imported, as far as can be told without importing it.

    What makes entries has its version in keys, so the version counts; another's module may come from a
    package of another name.
    """
    if package in MAKERS and dict(versions.of(package))[package] == versions.ABSENT:
        return False
    return find_spec(MODULES[package]) is not None
