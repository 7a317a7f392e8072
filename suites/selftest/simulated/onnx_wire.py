"""The parts of an ONNX file a compiler looks at first, read from the protobuf bytes; stdlib only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

Value = Any  # an int, or a memoryview of a string, message or array


@dataclass
class ValueInfo:
    """A graph input or output; a dimension without a number is -1."""

    name: str
    element: int
    shape: list[int]


@dataclass
class Model:
    """Names and shapes of a graph, which node makes what, and the operator sets it asks for."""

    inputs: list[ValueInfo] = field(default_factory=list)
    outputs: list[ValueInfo] = field(default_factory=list)
    producers: dict[str, str] = field(default_factory=dict)
    opset: int = 0
    domains: set[str] = field(default_factory=set)
    external: bool = False
    nodes: int = 0


def read(data: bytes) -> Model:
    """Parse a model.

    Raises:
        ValueError: these bytes are no ONNX model.
    """
    model = Model()
    weights: set[str] = set()
    try:
        for number, value in fields(memoryview(data)):
            if number == 7:
                _read_graph(value, model, weights)
            elif number == 8:
                _read_opset(value, model)
    except (IndexError, TypeError, UnicodeDecodeError) as error:
        raise ValueError("not a protobuf message") from error
    if not model.nodes or not model.opset:
        raise ValueError("no graph or no operator set")
    model.inputs = [info for info in model.inputs if info.name not in weights]
    return model


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Field numbers and values of one message, in file order."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        kind = key & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        size, position = _varint(data, position) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), position)
        if size < 0 or position + size > len(data):
            raise ValueError("truncated, or no protobuf message")
        yield key >> 3, data[position:position + size]
        position += size


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _read_opset(data: Value, model: Model) -> None:
    found = dict(fields(data))
    domain = bytes(found.get(1, b"")).decode()
    if domain in ("", "ai.onnx"):
        model.opset = max(model.opset, found.get(2, 0))
    else:
        model.domains.add(domain)


def _read_graph(data: Value, model: Model, weights: set[str]) -> None:
    for number, value in fields(data):
        if number == 1:
            _read_node(value, model)
        elif number == 5:
            found = dict(fields(value))
            weights.add(bytes(found.get(8, b"")).decode())
            model.external |= found.get(14, 0) == 1
        elif number in (11, 12):
            (model.inputs if number == 11 else model.outputs).append(_read_info(value))


def _read_node(data: Value, model: Model) -> None:
    outputs, found = [], {}
    for number, value in fields(data):
        if number == 2:
            outputs.append(bytes(value).decode())
        elif number in (3, 4):
            found[number] = bytes(value).decode()
    node = found.get(3) or f"{found[4]}_{model.nodes}"
    model.producers.update({name: f"{node}:{index}:{name}" for index, name in enumerate(outputs)})
    model.nodes += 1


def _read_info(data: Value) -> ValueInfo:
    found = dict(fields(data))
    tensor = dict(fields(dict(fields(found[2]))[1]))
    dims = [dict(fields(value)) for number, value in fields(tensor.get(2, memoryview(b""))) if number == 1]
    return ValueInfo(bytes(found[1]).decode(), tensor[1], [dim.get(1, -1) for dim in dims])
