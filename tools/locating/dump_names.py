"""What the name of a dumped file says: of which tensor of a graph it holds the values.

A file is named after the tensor, or after the node that makes it. Dots, slashes and blanks of a name may
stand as underscores. Known are, each with `.npy` behind:

    TENSOR                                      our own way
    NODE                                        of a node that makes one tensor
    NODE.OUTPUT.TIME                            dumps of an ONNX graph, by msit, ait and msprobe
    TYPE.NODE.TASK.STREAM.TIME.output.OUTPUT    dumps of an offline model, converted by msaccucmp;
                                                with more numbers, or with `.SHAPE` behind

An offline model's node that several of the graph became is named after all of them, one behind the other,
and makes what the last of them makes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.locating.whole import Whole

ESCAPED = re.compile(r"[./\\ ]")
OF_ONNX = re.compile(r"(?P<node>[^.]+)\.(?P<number>\d{1,4})\.\d+")
OF_MODEL = re.compile(r"[^.]+\.(?P<node>[^.]+)(?:\.\d+)+\.(?P<side>output|input)\.(?P<number>\d{1,4})(?:\.\d+(?:x\d+)*)?")
JOINED = 16  # nodes that one of an offline model stands for, at most


@dataclass(frozen=True, slots=True)
class Names:
    """The tensors of a graph by the escaped names of their own, and by those of the nodes that make them."""

    tensors: dict[str, tuple[str, ...]]
    nodes: dict[str, tuple[int, ...]]
    outputs: tuple[tuple[str, ...], ...]

    def tensors_of(self, name: str) -> tuple[str, ...]:
        """The tensors that a file called *name*, without its ending, may hold: none, one, or several."""
        if own := self.tensors.get(escaped(name), ()):
            return own
        if nodes := self.nodes.get(escaped(name), ()):
            return tuple(self.outputs[one][0] for one in nodes if len(self.outputs[one]) == 1)
        if (read := OF_ONNX.fullmatch(name)) is not None:
            return self._made(self.nodes.get(escaped(read["node"]), ()), int(read["number"]))
        if (read := OF_MODEL.fullmatch(name)) is not None and read["side"] == "output":
            return self._made(self.nodes.get(read["node"], ()) or self._joined(read["node"]), int(read["number"]))
        return ()

    def _made(self, nodes: tuple[int, ...], number: int) -> tuple[str, ...]:
        return tuple(self.outputs[one][number] for one in nodes if number < len(self.outputs[one]))

    def _joined(self, name: str) -> tuple[int, ...]:
        """The last of the nodes that a joined name consists of, for each way to read it."""
        ways: list[tuple[int, tuple[int, ...]]] = [(0, ())]
        found: list[int] = []
        while ways:
            at, nodes = ways.pop()
            if at == len(name) and len(nodes) > 1:
                found.append(max(nodes))
            if len(nodes) < JOINED:
                ways += [(at + len(one), (*nodes, number)) for one, numbers in self.nodes.items() if name.startswith(one, at)
                         for number in numbers if number not in nodes]
        return tuple(dict.fromkeys(found))


def names(whole: Whole) -> Names:
    """Those of a graph."""
    outputs = tuple(tuple(name for name in node.output if name) for node in whole.nodes)
    tensors: dict[str, tuple[str, ...]] = {}
    for name in (*whole.inputs, *(name for made in outputs for name in made)):
        tensors[escaped(name)] = (*tensors.get(escaped(name), ()), name)
    nodes: dict[str, tuple[int, ...]] = {}
    for number, node in enumerate(whole.nodes):
        if node.name:
            nodes[escaped(node.name)] = (*nodes.get(escaped(node.name), ()), number)
    return Names(tensors, nodes, outputs)


def escaped(name: str) -> str:
    """A name as files have it."""
    return ESCAPED.sub("_", name)
