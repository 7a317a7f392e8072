"""Rewrites of a temporal shift: zeros become constants, chained Slices one; the output keeps every bit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployment.test_surgery import kinds
from suites.selftest.deployments import in_onnx, noise
from suites.selftest.specs import recogniser_spec
from tools.deployment import export
from tools.deployment.surgery import operate
from tools.errors import ExportError
from tools.media.preprocess import Floats

if TYPE_CHECKING:
    import onnx

TINY = recogniser_spec(TINY_MODELS, "tiny")
Shapes = set[tuple[int, ...]]

SHAPE = (2, 8, 16, 9)  # clips, frames, channels, places of x
NUMBERS = """<int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] four = {4}, int64[1] back = {-1}, int64[1] back2 = {-2},
              int64[1] last = {9223372036854775807}, int64[1] frames = {1}, int64[1] channels = {2}, int64[1] places = {3}>"""
ZEROS = """none1 = Sub(left, left)
           blank1 = Slice(none1, zero, one, frames, one)
           none2 = Sub(mid, mid)
           blank2 = Slice(none2, zero, one, frames, one)"""
SPLIT = """left = Slice(x, zero, two, channels, one)
           mid = Slice(x, two, four, channels, one)
           right = Slice(x, four, last, channels, one)"""
JOIN = """a = Concat <axis=1> (later, blank1)
          b = Concat <axis=1> (blank2, earlier)
          y = Concat <axis=2> (a, b, right)"""

REWRITTEN: dict[str, tuple[str, tuple[int, int], Shapes]] = {  # Slices and Subs that stay, shapes of constant zeros
    "a shift as torch writes it": (f"""{SPLIT}
        {ZEROS}
        later = Slice(left, one, last, frames, one)
        earlier = Slice(mid, zero, back, frames, one)
        {JOIN}""", (3, 0), {(2, 1, 2, 9)}),
    "a shift as onnxsim leaves it": (f"""{SPLIT}
        {ZEROS}
        froms = Constant <value = int64[2] {{0, 1}}> ()
        tos = Constant <value = int64[2] {{2, 100}}> ()
        axes = Constant <value = int64[2] {{2, 1}}> ()
        ones = Constant <value = int64[2] {{1, 1}}> ()
        later = Slice(x, froms, tos, axes, ones)
        none = Constant <value = int64[1] {{0}}> ()
        whole = Slice(x, two, four, channels, one)
        earlier = Slice(whole, none, back, frames, one)
        {JOIN}""", (3, 0), {(2, 1, 2, 9)}),
    "zeros that are not sliced": ("n = Sub(x, x)\ny = Concat <axis=1> (n, x, n)", (0, 0), {SHAPE}),
    "zeros of a result": ("""r = Relu(x)
        n = Sub(r, r)
        s = Slice(n, zero, two, channels)
        t = Slice(s, one, two, frames)
        u = Slice(r, zero, two, channels)
        y = Concat <axis=1> (t, u)""", (1, 0), {(2, 1, 2, 9)}),
    "zeros beside a difference": ("r = Relu(x)\nn = Sub(x, x)\nd = Sub(r, x)\ny = Concat <axis=1> (n, d)", (0, 1), {SHAPE}),
    "zeros that are an output too": ("z = Sub(x, x)\ny = Concat <axis=1> (z, x)", (0, 1), {SHAPE}),
    "three Slices in a row": ("s = Slice(x, one, last, frames, two)\nt = Slice(s, zero, four, channels)\ny = Slice(t, two, last, places)",
                              (1, 0), set()),
    "axes counted from the last": ("s = Slice(x, two, last, back2)\ny = Slice(s, two, last, back)", (1, 0), set()),
    "axes not named": ("s = Slice(x, one, two)\ny = Slice(s, two, last, places)", (1, 0), set()),
    "backwards": ("s = Slice(x, back, zero, frames, back2)\ny = Slice(s, four, one, channels, back)", (1, 0), set()),
    "an axis cut twice, then another": ("s = Slice(x, one, last, frames)\nt = Slice(s, two, last, frames)\ny = Slice(t, two, last, places)",
                                        (2, 0), set()),
    "one that is read elsewhere, one that is not": ("""s = Slice(x, two, last, frames)
        t = Slice(s, zero, four, channels)
        r = Relu(s)
        u = Slice(r, zero, two, places)
        v = Slice(u, zero, four, channels)
        w = Slice(t, zero, two, places)
        y = Concat <axis=2> (v, w)""", (3, 0), set()),
}
FREE = "zeros before the batch is fixed"
LEFT_ALONE = {
    FREE: "n = Sub(x, x)\ny = Concat <axis=1> (n, x)",
    "a Slice read elsewhere": "s = Slice(x, two, last, frames)\nt = Slice(s, two, last, channels)\ny = Concat <axis=2> (s, t)",
    "a Slice that is an output": "z = Slice(x, two, last, frames)\ny = Slice(z, two, last, channels)",
    "an axis cut twice": "s = Slice(x, one, last, frames)\ny = Slice(s, two, last, frames)",
    "an axis cut twice, counted from both ends": "s = Slice(x, one, last, channels)\ny = Slice(s, two, last, back2)",
    "ends that are computed": "e = Add(one, two)\ns = Slice(x, zero, e, frames)\ny = Slice(s, two, last, channels)",
    "something between two Slices": "s = Slice(x, one, last, frames)\nr = Relu(s)\ny = Slice(r, two, last, channels)",
    "a difference of two": "r = Relu(x)\ny = Sub(r, x)",
    "zeros that are an output": "z = Sub(x, x)\ny = Relu(x)",
    "Slices of zeros that are an output": "n = Sub(x, x)\nz = Slice(n, zero, one, frames)\ny = Relu(x)",
    "no zeros and no Slices": "y = Relu(x)",
}


def made(body: str, clips: str = "2") -> onnx.ModelProto:
    """A graph from x to y in ONNX's own notation; a tensor z of it is a second output."""
    from onnx import parser

    outputs = "float[A, B, C, D] y" + (", float[A, B, C, D] z" if re.search(r"\bz = ", body) else "")
    text = f"""<ir_version: 8, opset_import: ["": {export.OPSET}]> g (float[{clips}, 8, 16, 9] x) => ({outputs}) {NUMBERS} {{{body}}}"""
    return parser.parse_model(text)


def zeros(model: onnx.ModelProto) -> list[tuple[int, ...]]:
    """Shapes of the constants of nothing but zeros that a rewrite has put there."""
    from onnx import numpy_helper

    added = [tensor for tensor in model.graph.initializer if tensor.name.startswith("constant-shift/zeros")]
    assert not any(numpy_helper.to_array(tensor).any() for tensor in added)
    return [tuple(tensor.dims) for tensor in added]


def without_reader(model: onnx.ModelProto) -> set[str]:
    """Tensors that are neither read nor returned."""
    read = {name for node in model.graph.node for name in node.input} | {value.name for value in model.graph.output}
    made_by_nodes = {name for node in model.graph.node for name in node.output}
    return (made_by_nodes | {tensor.name for tensor in model.graph.initializer}) - read


def badly_described(model: onnx.ModelProto) -> set[str]:
    """The graph's inner tensors whose shape is not said in full, and those described although gone."""
    said = {value.name for value in model.graph.value_info if all(axis.dim_value for axis in value.type.tensor_type.shape.dim)}
    inside = {name for node in model.graph.node for name in node.output} - {value.name for value in model.graph.output}
    return said ^ inside


def run(model: onnx.ModelProto, folder: Path) -> Floats:
    """What a graph makes of noise, once the checker has nothing against it or its shapes."""
    import onnx

    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(folder / "graph.onnx"))
    return in_onnx(folder / "graph.onnx")(noise(*SHAPE))


@pytest.mark.parametrize("name", REWRITTEN)
def test_a_rewritten_graph_computes_the_same(name: str, tmp_path: Path) -> None:
    """Only needed Slices and Subs stay; zeros are one constant a shape; the output keeps every bit."""
    body, counts, shapes = REWRITTEN[name]
    model = made(body)
    expected = run(model, tmp_path)
    operate(model, "constant-shift")
    actual = run(model, tmp_path)

    assert counts == (kinds(model)["Slice"], kinds(model)["Sub"])
    assert sorted(shapes) == sorted(zeros(model))
    assert np.array_equal(expected, actual)
    assert set() == badly_described(model)
    assert set() == without_reader(model)


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_a_graph_without_the_pattern_is_refused(name: str, tmp_path: Path) -> None:
    """What only looks like a shift is an ExportError that says what to change in the spec."""
    model = made(LEFT_ALONE[name], "batch" if name == FREE else "2")
    run(model, tmp_path)
    with pytest.raises(ExportError, match="no zeros of a fixed shape") as caught:
        operate(model, "constant-shift")

    assert "take it out of the spec's surgery or optional_surgery" == caught.value.remedy
