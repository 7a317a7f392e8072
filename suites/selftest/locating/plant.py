"""Faults at seeded random places of a graph.

`python -m suites.selftest.locating.plant GRAPH.onnx --kind padding --seed 1 --out FILE` writes one with it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import ceil, log2
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from suites.selftest.locating.spoiling import KINDS, Fault, Kind, planted
from tools.locating.cutting import cut, with_outputs
from tools.locating.difference import HALF_MAX, difference
from tools.locating.on_cpu import as_written
from tools.locating.values import Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx

__all__ = ["KINDS", "Fault", "Kind", "chosen", "effect", "noise", "places", "planted"]
WEIGHTED = ("Conv", "Gemm", "MatMul")
PADDED = ("Conv", "MaxPool", "AveragePool")
PASSING = ("Relu", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze",
           "Slice")  # what gives k times as much where it reads k times as much
DROPPED = ("Add", "Sub", "Mul", "Div", "Softmax", "Sigmoid", "Tanh", "Clip", "BatchNormalization", "LeakyRelu")
LEAST = 1e-4  # of a fault's effect on what its node makes: a hundred times what float32 itself errs
Norms = Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]]  # node -> factors and offsets of a wider epsilon
Gives = Callable[[Sequence[str]], Tensors]  # the reference's tensors of these names


def places(whole: Whole, kind: Kind, rng: np.random.Generator, norms: Norms | None = None) -> list[Fault]:
    """A fault of that kind in every node that can have it, with a channel or axis by chance.

    norms: what a wider epsilon does to a convolution that a BatchNorm was folded into.
    """
    find = PLACES[kind]
    return [fault for number in range(len(whole.nodes)) for fault in find(whole, number, rng, norms or {})]


def chosen(whole: Whole, kind: Kind, seed: int, gives: Gives, norms: Norms | None = None, least: float = LEAST) -> Fault | None:
    """A fault of that kind at a random place, where it changes what its node makes; None if there is none."""
    rng = np.random.default_rng(seed)
    found = places(whole, kind, rng, norms)
    for number in rng.permutation(len(found)):
        fault = _enough(whole, found[number], gives) if kind == "overflow" else found[number]
        if fault is not None and effect(whole, fault, gives) > least:
            return fault
    return None


def effect(whole: Whole, fault: Fault, gives: Gives) -> float:
    """How far what the node makes lies from what it should, where it reads what it should."""
    span = whole.node(number_of(whole, fault.node))
    tensors = gives([*whole.read(span), *whole.made(span)])
    parts = cut(whole, [span], tensors)
    ours = as_written(planted(parts.model, fault), parts.feeds(tensors))
    return max(difference(ours[name], tensors[name]).weight for name in whole.made(span))


def number_of(whole: Whole, name: str) -> int:
    """The number of the node that people call so."""
    return next(number for number in range(len(whole.nodes)) if whole.node(number).name == name)


def noise(model: onnx.ModelProto, seed: int = 0) -> Tensors:
    """Inputs of unit deviation for a graph whose axes are fixed, the same for each seed."""
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal([axis.dim_value for axis in kind.tensor_type.shape.dim]).astype(np.float32)
            for name, kind in ((name, Whole(model).types[name]) for name in Whole(model).inputs)}


def _weighted(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    node = whole.nodes[number]
    if node.op_type in WEIGHTED and node.input[1] in whole.constants:
        channels = _shape(whole, node.output[0])[1 if node.op_type == "Conv" else -1]
        yield Fault("scaled-weight", whole.node(number).name, number=int(rng.integers(channels)))


def _zeroed(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    return (replace(fault, kind="zeroed-channel") for fault in _weighted(whole, number, rng, norms))


def _shifts(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    node = whole.nodes[number]
    if node.op_type == "Concat" and len(node.input) == 2 and any(_is_zero(whole, name) for name in node.input):
        yield Fault("reversed-shift", whole.node(number).name)


def _is_zero(whole: Whole, name: str) -> bool:
    """Whether a tensor is x - x, a piece of it, or a constant of zeros."""
    from onnx import numpy_helper

    if name in whole.constants:
        return not numpy_helper.to_array(whole.constants[name]).any()
    node = whole.nodes[whole.maker[name]] if name in whole.maker else None
    if node is None or node.op_type not in ("Sub", "Slice"):
        return False
    return _is_zero(whole, node.input[0]) if node.op_type == "Slice" else node.input[0] == node.input[1]


def _padded(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    node = whole.nodes[number]
    integers = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    pads, kernel = integers.get("pads", []), integers.get("kernel_shape", [])
    rank = len(kernel) if node.op_type in PADDED and pads else 0
    axes = [axis for axis in range(rank) if pads[axis] and pads[axis + rank] + 1 < kernel[axis]]
    if axes:
        yield Fault("padding", whole.node(number).name, number=int(rng.choice(axes)))


def _relus(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    if whole.nodes[number].op_type == "Relu":
        yield Fault("no-relu", whole.node(number).name)


def _norms(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    node, name = whole.nodes[number], whole.node(number).name
    if node.op_type == "BatchNormalization":
        yield Fault("epsilon", name)
    elif name in norms:
        factors, offsets = norms[name]
        yield Fault("epsilon", name, factors=factors, offsets=offsets)


def _overflows(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    """A convolution whose result comes to one other only, through nodes that pass a factor on."""
    node = whole.nodes[number]
    if node.op_type != "Conv" or any(name and name not in whole.constants for name in node.input[1:]):
        return
    while True:
        readers = [one for one in range(len(whole.nodes)) if node.output[0] in whole.nodes[one].input]
        if len(readers) != 1 or node.output[0] in whole.outputs:
            return
        made, node = node.output[0], whole.nodes[readers[0]]
        if node.op_type in WEIGHTED and node.input[0] == made and node.input[1] in whole.constants:
            yield Fault("overflow", whole.node(number).name, reader=whole.node(readers[0]).name)
            return
        if node.op_type not in PASSING or node.input[0] != made:
            return


def _enough(whole: Whole, fault: Fault, gives: Gives) -> Fault | None:
    """The fault with a factor that takes what its node makes beyond half precision, but not its weights."""
    from onnx import numpy_helper

    node = whole.nodes[number_of(whole, fault.node)]
    largest = float(np.abs(gives([node.output[0]])[node.output[0]]).max())
    weights = float(np.abs(numpy_helper.to_array(whole.constants[node.input[1]])).max())
    factor = 2.0 ** ceil(log2(4 * HALF_MAX / largest)) if largest else 1.0
    return replace(fault, factors=(factor,)) if factor > 1 and weights * factor < HALF_MAX else None


def _reshaped(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    node = whole.nodes[number]
    shape = _shape(whole, node.output[0])
    axes = [axis for axis in range(len(shape) - 1) if min(shape[axis : axis + 2]) > 1]
    if node.op_type in ("Reshape", "Flatten") and axes:
        yield Fault("swapped-axes", whole.node(number).name, number=int(rng.choice(axes)), shape=shape)


def _halves(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    name = whole.nodes[number].output[0]
    if name in whole.types and whole.types[name].tensor_type.elem_type == 1:
        yield Fault("half-output", whole.node(number).name)


def _constants(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    node = whole.nodes[number]
    first = 2 if node.op_type in WEIGHTED else 1
    for place, name in enumerate(node.input):
        if place >= first and name in whole.constants and whole.constants[name].data_type == 1:
            yield Fault("wrong-constant", whole.node(number).name, number=place)


def _dropped(whole: Whole, number: int, rng: np.random.Generator, norms: Norms) -> Iterator[Fault]:
    node = whole.nodes[number]
    passed = [place for place, name in enumerate(node.input)
              if name not in whole.constants and _shape(whole, name) == _shape(whole, node.output[0])]
    if node.op_type in DROPPED and passed:
        yield Fault("dropped-node", whole.node(number).name, number=int(rng.choice(passed)))


def _shape(whole: Whole, name: str) -> tuple[int, ...]:
    return tuple(axis.dim_value for axis in whole.types[name].tensor_type.shape.dim) if name in whole.types else ()


PLACES: Mapping[Kind, Callable[[Whole, int, np.random.Generator, Norms], Iterator[Fault]]] = {
    "scaled-weight": _weighted, "zeroed-channel": _zeroed, "reversed-shift": _shifts, "padding": _padded, "no-relu": _relus,
    "epsilon": _norms, "overflow": _overflows, "swapped-axes": _reshaped, "half-output": _halves, "wrong-constant": _constants,
    "dropped-node": _dropped}


def main(arguments: Sequence[str]) -> int:
    """Write a graph with one fault, all weights inside, and print the node that has it."""
    import onnx

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("graph", type=Path, help="an ONNX file whose axes are fixed")
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the place")
    parser.add_argument("--out", type=Path, required=True, help="the file to write")
    options = parser.parse_args(arguments)
    model = onnx.load(str(options.graph))
    whole, feeds = Whole(model), noise(model)
    fault = chosen(whole, options.kind, options.seed, lambda names: {**feeds, **as_written(with_outputs(whole, names), feeds)})
    if fault is None:
        parser.error(f"{options.graph} has no place for {options.kind}")
    onnx.save_model(planted(model, fault), str(options.out))
    print(f"{fault.kind} in {fault.node}: {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
