"""Other readings of a node's padding: moved by one, its ends in another order, filled with other values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tools.locating.evidence import Evidence
from tools.locating.rewritten import Variant, said, with_attributes, with_constant

if TYPE_CHECKING:
    import onnx

FILLS = ("edge", "reflect", "constant")


def paddings(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    """All of them, of a convolution, a pool or a Pad."""
    if node.op_type == "Pad":
        yield from _of_pad(evidence, node)
    elif node.op_type in ("Conv", "MaxPool", "AveragePool") and any(pads := list(said(node).get("pads", ()))):
        for other in dict.fromkeys([*_moved(pads), *_misread(pads)]):
            yield with_attributes(node, "padding", f"its padding is {list(other)} where the graph's is {pads}", pads=list(other))
        for fill in ("constant",) if node.op_type == "MaxPool" else FILLS[:2] if node.op_type == "Conv" else ():
            yield _filled(evidence, node, pads, fill)
        if node.op_type == "AveragePool":
            yield _counting(node)


def _counting(node: onnx.NodeProto) -> Variant:
    """A mean in which padding counts where it does not, or the other way round."""
    if said(node).get("count_include_pad", 0):
        return with_attributes(node, "padding", "its padding does not count where the graph counts it", count_include_pad=0)
    return with_attributes(node, "padding", "its padding counts where the graph leaves it out", count_include_pad=1)


def _moved(pads: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Padding whose window lies one aside, along one axis or all: the output stays as large."""
    axes = len(pads) // 2
    for chosen in (*([one] for one in range(axes)), list(range(axes)), list(range(axes - 2, axes)) if axes > 2 else []):
        for step in (1, -1):
            other = list(pads)
            for axis in chosen:
                other[axis] += step
                other[axes + axis] -= step
            if min(other) >= 0 and other != list(pads):
                yield tuple(other)


def _misread(pads: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Begins and ends swapped, or taken axis by axis where all begins come first."""
    axes = len(pads) // 2
    for other in ((*pads[axes:], *pads[:axes]), tuple(pads[number] for axis in range(axes) for number in (axis, axes + axis))):
        if other != tuple(pads):
            yield other


def _filled(evidence: Evidence, node: onnx.NodeProto, pads: Sequence[int], fill: str) -> Variant:
    """The node behind a Pad of its own that fills with other values, and without padding itself."""
    from onnx import helper

    axes, name = len(pads) // 2, f"{node.output[0]} padded"
    sentence = {"edge": "it pads with the values at the edge where the graph pads with zeros",
                "reflect": "it pads with mirrored values where the graph pads with zeros",
                "constant": "it pads with zeros, which may win, where the graph pads with nothing"}[fill]
    changed = with_attributes(node, "padding", sentence, pads=[0] * len(pads))
    [bare] = changed.nodes
    bare.input[0] = name
    around = np.array([0, 0, *pads[:axes], 0, 0, *pads[axes:]], np.int64)
    return Variant("padding", sentence, (helper.make_node("Pad", [node.input[0], f"{name} by"], [name], mode=fill), bare),
                   {f"{name} by": around})


def _of_pad(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    mode = said(node).get("mode", b"constant").decode()
    for fill in FILLS:
        if fill != mode:
            yield with_attributes(node, "padding", f"it fills as {fill} where the graph says {mode}", mode=fill)
    pads = evidence.constant(node.input[1]) if len(node.input) > 1 else None
    if pads is not None:
        for other in dict.fromkeys([*_moved(pads.tolist()), *_misread(pads.tolist())]):
            sentence = f"it pads {list(other)} where the graph says {pads.tolist()}"
            yield with_constant(node, 1, np.array(other, pads.dtype), "padding", sentence)
