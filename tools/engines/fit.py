"""How a network's batches go into a graph, and which of its outputs holds the scores; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from tools.engines.ports import Port, Ports, listed, shown
from tools.errors import EngineError
from tools.media.preprocess import Floats
from tools.spec.case import BATCHES
from tools.spec.given import NOTHING_SAID, Said
from tools.spec.model import Network

FLOATS = ("float32", "float16")
FED = (*FLOATS, "float64")  # what a batch of float32 can be turned into
MERGED = "VTP"  # axes of an item that a graph may count as its batch


class UnsaidError(EngineError):
    """A graph fits in several ways, and nothing says which."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Of a graph that a person gives: the axes of an item as the network has them, and what is said."""

    axes: str
    input: Said = NOTHING_SAID
    output: Said = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Fit:
    """A graph that takes a network's batches.

    taken: shape of a batch as the network has it. layout: as the graph has it; empty for graphs of our own.
    order: the batch's axes in that order. input: the graph's, without free axes.
    output: the number of the one with the scores, which are of *dtype*. answers: the shapes that it may have.
    """

    taken: tuple[int, ...]
    layout: str
    order: tuple[int, ...]
    input: Port
    output: int
    answers: tuple[tuple[int, ...], ...]
    dtype: str = "float32"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the graph's input."""
        return tuple(size or 0 for size in self.input.shape)

    def arranged(self, batch: Floats) -> NDArray[np.floating]:
        """The batch as the graph takes it, in one piece of memory; an EngineError where it is another's."""
        if batch.shape != self.taken or batch.dtype != np.float32:
            raise EngineError(f"the network takes float32 {list(self.taken)}, got {batch.dtype} {list(batch.shape)}")
        return np.ascontiguousarray(batch.transpose(self.order).reshape(self.shape), dtype=self.input.dtype)

    def checked(self, scores: NDArray[np.generic]) -> Floats:
        """What came out, as float32 in rows; an EngineError where it has another type or shape."""
        if scores.dtype.name not in {*FLOATS, self.dtype} or scores.shape not in self.answers:
            raise EngineError(f"the graph gave {scores.dtype} {list(scores.shape)}, not {_either(self.answers)}")
        return np.asarray(scores, np.float32)


def exact(ports: Ports, network: Network, batch: int) -> Fit:
    """The fit of a graph that we made, which takes and gives what the network's spec says.

    Raises:
        EngineError: it has another input or output.
    """
    taken, given = (batch, *network.input.shape), (batch * network.rows, *network.output.shape)
    if [(one.name, one.shape) for one in ports.inputs] != [(network.input.name, taken)] or ports.inputs[0].dtype not in FED:
        raise EngineError(f"the graph's input is {listed(ports.inputs)}, not {network.input.name} {list(taken)}")
    if len(ports.outputs) != 1 or not ports.outputs[0].takes(given) or ports.outputs[0].dtype not in FED:
        raise EngineError(f"the graph's output is {listed(ports.outputs)}, not {list(given)}")
    return Fit(taken, "", tuple(range(len(taken))), ports.inputs[0], 0, (given,), ports.outputs[0].dtype)


def fitted(ports: Ports, network: Network, batch: int, asked: Asked) -> Fit:
    """The fit of a graph that a person gives.

    Raises:
        EngineError: it does not fit, naming both sides.
        UnsaidError: it fits in several ways, naming what says which.
    """
    port = _input(ports.inputs, asked.input)
    if port.dtype not in FED:
        raise EngineError(f"the graph's input is {port}, and clipgate feeds normalised numbers of float32 or float16",
                          remedy="leave scaling and normalising out of the graph (and AIPP out of atc's flags)")
    taken = (batch, *network.input.shape)
    fits = [one for one in _layouts(asked.axes, taken) if port.takes(one.shape) and asked.input.word in ("", one.word)]
    if not fits:
        raise _unfit(port, network, asked, taken)
    if len({one.word for one in fits}) > 1:
        words = [one.word for one in fits]
        raise UnsaidError(f"the graph's input is {port}, which may be {' or '.join(words)}",
                          remedy=f"say which: --graph-input {' or '.join(f'{port.name}={word}' for word in words)}")
    layout = fits[0]
    number, answers = _output(ports.outputs, network, taken, asked)
    return Fit(taken, layout.word, layout.order, replace(port, shape=layout.shape), number, answers, ports.outputs[number].dtype)


def smallest(ports: Ports, network: Network, asked: Asked) -> Fit:
    """The fit at the smallest batch size that the graph takes.

    Raises:
        EngineError: it takes none; the error of the smallest.
    """
    errors: list[EngineError] = []
    for batch in BATCHES:
        try:
            return fitted(ports, network, batch, asked)
        except EngineError as error:
            errors.append(error)
    raise errors[0]


@dataclass(frozen=True, slots=True)
class _Layout:
    word: str
    order: tuple[int, ...]
    shape: tuple[int, ...]


def _layouts(axes: str, taken: Sequence[int]) -> Iterator[_Layout]:
    """Every layout that a graph may have for an item of *axes*, the network's own first.

    Leading axes of frames, views or proposals may be part of the batch. Height stands beside width.
    """
    own = "N" + axes
    free = len(axes) - len(axes.lstrip(MERGED))
    for merged in range(min(free, len(axes) - 1) + 1):
        rest = axes[merged:].replace("HW", "S")
        for order in permutations(rest):
            if "V" in rest and order[0] != "V":
                continue
            kept = "".join(order).replace("S", "HW")
            places = tuple(own.index(letter) for letter in own[: merged + 1] + kept)
            sizes = [taken[place] for place in places]
            yield _Layout("N" + kept, places, (math.prod(sizes[: merged + 1]), *sizes[merged + 1:]))


def _input(inputs: Sequence[Port], said: Said) -> Port:
    named = [one for one in inputs if said.name in ("", one.name)]
    if not named:
        raise EngineError(f"the graph has no input {said.name!r}; it has {listed(tuple(inputs))}",
                          remedy="--graph-input NAME=LAYOUT names one of them")
    if len(inputs) != 1:
        raise EngineError(f"the graph has {len(inputs)} inputs: {listed(tuple(inputs))}; clipgate feeds one",
                          remedy="export a network that takes the clip alone")
    return named[0]


def _unfit(port: Port, network: Network, asked: Asked, taken: tuple[int, ...]) -> EngineError:
    """Why an input fits no layout: it is one of another batch size, or of another network."""
    ways = list(_layouts(asked.axes, taken))
    if asked.input.word and asked.input.word not in {one.word for one in ways}:
        return EngineError(f"{network.name}'s input has no layout {asked.input.word}", where="--graph-input",
                           remedy=f"choose one of {', '.join(dict.fromkeys(one.word for one in ways))}")
    others = [batch for batch in BATCHES if any(port.takes(one.shape) and asked.input.word in ("", one.word)
                                                for one in _layouts(asked.axes, (batch, *taken[1:])))]
    if others:
        return EngineError(f"the graph is one of batch {others[0]}, and batch {taken[0]} is asked for: its input is {port}",
                           remedy=f"choose -k bs{others[0]}, or give a file for each batch size: --graph 'NAME_bs{{batch}}.onnx'")
    if asked.input.word:
        ways = [one for one in ways if one.word == asked.input.word]
    wanted = "; or ".join(f"{one.word} {shown(one.shape)}" for one in ways[:4])
    return EngineError(f"the graph's input is {port}, and {network.name} at batch {taken[0]} is {wanted}",
                       remedy="give the graph of this model, with the size of its guide's frames")


def _output(outputs: Sequence[Port], network: Network, taken: tuple[int, ...], asked: Asked) -> tuple[int, tuple[tuple[int, ...], ...]]:
    """The number of the output with the scores, and the shapes that it may have.

    A graph may leave the mean over views, frames or both to us, so it may have several rows for an item.
    """
    sizes = dict(zip("N" + asked.axes, taken, strict=True))
    views, frames = sizes.get("V", 1), sizes.get("T", 1)
    rows = dict.fromkeys((1, network.rows, views, frames, views * frames)) if len(network.output.shape) == 1 else (1,)
    answers = tuple((taken[0] * count, *network.output.shape) for count in rows)
    if not outputs:
        raise EngineError("the graph gives nothing", remedy="export it again, with its scores as the output")
    named = [number for number, one in enumerate(outputs) if asked.output.name in ("", one.name, *one.name.split(":")[-1:])]
    if not named:
        raise EngineError(f"the graph has no output {asked.output.name!r}; it has {listed(tuple(outputs))}",
                          remedy="--graph-output NAME=softmax|logits|log-softmax names one of them")
    fits = [number for number in named if outputs[number].dtype in FED and any(outputs[number].takes(shape) for shape in answers)]
    if not fits:
        raise EngineError(f"the graph gives {listed(tuple(outputs))}, and {network.name} gives {_either(answers)}",
                          remedy="the graph and --weights must have the same classes, and the graph's output a row for each clip")
    if len(fits) > 1:
        raise UnsaidError(f"several outputs may be the scores: {listed(tuple(outputs[number] for number in fits))}",
                          remedy=f"say which: --graph-output {' or '.join(outputs[number].name for number in fits)}")
    return fits[0], answers


def _either(shapes: Sequence[tuple[int, ...]]) -> str:
    return " or ".join(str(list(shape)) for shape in shapes)
