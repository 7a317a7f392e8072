"""A node as a device may read it: with other attributes or constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.locating.values import Tensors

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Variant:
    """Nodes in a node's place, with constants of their own, and the cause that it would be."""

    kind: str
    sentence: str
    nodes: tuple[onnx.NodeProto, ...]
    constants: Tensors


def said(node: onnx.NodeProto) -> dict[str, Any]:
    """The attributes of a node by their names."""
    from onnx import helper

    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def with_attributes(node: onnx.NodeProto, kind: str, sentence: str, **attributes: object) -> Variant:
    """The node with other values of these attributes."""
    import onnx
    from onnx import helper

    changed = onnx.NodeProto()
    changed.CopyFrom(node)
    del changed.attribute[:]
    changed.attribute.extend(one for one in node.attribute if one.name not in attributes)
    changed.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
    return Variant(kind, sentence, (changed,), {})


def with_constant(node: onnx.NodeProto, number: int, value: NDArray[Any], kind: str, sentence: str) -> Variant:
    """The node with another constant as its input *number*; others that read the graph's keep it."""
    import onnx

    changed = onnx.NodeProto()
    changed.CopyFrom(node)
    changed.input[number] = f"{node.input[number]} of {node.output[0]}"
    return Variant(kind, sentence, (changed,), {changed.input[number]: value})
