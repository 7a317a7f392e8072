"""Where a graph made of another one begins to compute something else, told by the tensors that both name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.deployments import noise
from tools.locating import rewritten
from tools.locating.closeness import news_in, resolution
from tools.locating.rewritten import changed_constants, counterparts, first_difference
from tools.locating.values import Span
from tools.locating.whole import Whole
from tools.media.preprocess import Floats

if TYPE_CHECKING:
    import onnx

LIMIT = 1e-5
WEIGHTS: dict[str, Floats] = {"w": noise(4, 4), "v": noise(4, 4) + 1, "b": noise(4), "half": np.array(0.5, np.float32)}
PLAIN = """/m/a = MatMul(x, w)
           /m/b = Relu(/m/a)
           /m/c = MatMul(/m/b, v)
           /m/d = Mul(/m/c, half)
           y = Softmax <axis=1> (/m/d)"""


def graph(body: str, changed: Mapping[str, Floats] | None = None) -> onnx.ModelProto:
    """A graph from x to y, whose nodes are called after what they make."""
    from onnx import numpy_helper, parser

    letters = body.replace("/", "s_")  # a slash is no letter of a name in ONNX's own notation
    model = parser.parse_model(f'<ir_version: 7, opset_import: ["": 11]> g (float[3, 4] x) => (float[3, 4] y) {{{letters}}}')
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [name.replace("s_", "/") for name in names]
        node.name = node.output[0]
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in {**WEIGHTS, **(changed or {})}.items())
    return model


def scaled(name: str, factor: float) -> Floats:
    found: Floats = WEIGHTS[name] * np.float32(factor)
    return found


def first(after: onnx.ModelProto, before: onnx.ModelProto | None = None) -> Span | None:
    """The nodes of *after* that are named first."""
    found = first_difference(before or graph(PLAIN), after, {"x": noise(3, 4)}, LIMIT)
    return found and found[0]


@pytest.mark.parametrize(("after", "named"), [
    (graph(PLAIN), None),
    (graph(PLAIN, {"w": scaled("w", 1.01)}), Span("/m/a", 0, 1)),
    (graph(PLAIN, {"v": WEIGHTS["v"] + np.float32(0.01)}), Span("/m/c", 2, 3)),
    (graph(PLAIN.replace("Relu", "Abs")), Span("/m/b", 1, 2)),
    (graph(PLAIN.replace("axis=1", "axis=0")), Span("y", 4, 5)),
    (graph(PLAIN, {"w": scaled("w", np.nan)}), Span("/m/a", 0, 1)),
    (graph(PLAIN, {"w": np.full((4, 4), 3e38, np.float32)}), Span("/m/a", 0, 1)),
], ids=["the same", "a weight", "a later weight", "another operator", "another axis", "not a number", "infinite"])
def test_the_first_node_that_computes_something_else_is_named(after: onnx.ModelProto, named: Span | None) -> None:
    """What reads it inherits that, and is not named."""
    assert named == first(after)


def test_a_factor_that_became_part_of_weights_is_no_difference() -> None:
    """The tensor has its old name and what the next node made of it; a fault behind it is still found."""
    folded = PLAIN.replace("/m/d = Mul(/m/c, half)", "").replace("/m/d", "/m/c")
    half = scaled("v", 0.5)

    assert first(graph(folded, {"v": half})) is None
    assert Span("y", 3, 4) == first(graph(folded.replace("axis=1", "axis=0"), {"v": half}))
    assert Span("/m/c", 2, 3) == first(graph(folded, {"v": scaled("v", 0.505)}))


def test_nodes_between_two_known_tensors_are_named_together() -> None:
    """A simplifier's own nodes have no counterpart."""
    split = PLAIN.replace("/m/c = MatMul(/m/b, v)", "v_1 = Neg(/m/b)\nv_2 = MatMul(v_1, v)\n/m/c = Abs(v_2)")

    assert Span("v_1 to /m/c", 2, 5) == first(graph(split))


def test_what_is_made_of_constants_alone_is_not_among_them() -> None:
    """An exporter that finds two weights alike writes the second one as a copy of the first."""
    copied = "c = Identity(w)\n" + PLAIN.replace("MatMul(x, w)", "MatMul(x, c)")

    assert Span("/m/a", 1, 2) == first(graph(copied, {"w": scaled("w", 1.01)}))


def test_a_simplifiers_own_name_counts_where_the_same_is_made_of_the_same() -> None:
    """Such names are counted anew in each graph: another operator or other inputs are another tensor.

    What both graphs give is the same where the same operator makes it.
    """
    def told(after: str) -> list[str]:
        return [*counterparts(Whole(graph("v_1 = MatMul(x, w)\nv_2 = Relu(v_1)\ny = Add(v_2, b)")), Whole(graph(after)))]

    assert ["v_1", "v_2", "y"] == told("v_1 = MatMul(x, w)\nv_2 = Relu(v_1)\ny = Add(v_2, b)")
    assert ["y"] == told("v_1 = Relu(x)\nv_2 = MatMul(v_1, w)\ny = Add(v_2, b)")
    assert [] == told("v_1 = Relu(x)\ny = Sub(v_1, b)")
    assert ["y"] == told("v_1 = MatMul(x, v)\nv_2 = Relu(v_1)\ny = Add(v_2, b)")
    assert ["y"] == told("v_0 = Neg(x)\nv_1 = MatMul(v_0, w)\nv_2 = Relu(v_1)\ny = Add(v_2, b)")


def test_names_with_and_without_the_module_around_a_network_are_the_same() -> None:
    """A person exports the network itself, and we one that has it as a part."""
    ours, theirs = graph(PLAIN.replace("/m", "/network/m")), graph(PLAIN, {"v": WEIGHTS["v"] + 1})

    assert Span("/m/c", 2, 3) == first(theirs, ours)


def test_an_axis_of_one_does_not_count() -> None:
    """As that which makes an image of a sequence; any other shape is not compared."""
    wide = PLAIN.replace("/m/b = Relu(/m/a)", "u = Unsqueeze <axes=[1]> (/m/a)\n/m/b = Relu(u)\nz = Squeeze <axes=[1]> (/m/b)")
    turned = PLAIN.replace("/m/b = Relu(/m/a)", "u = Transpose(/m/a)\n/m/b = Relu(u)\nz = Transpose <perm=[1, 0]> (/m/b)")

    assert first(graph(wide.replace("MatMul(/m/b", "MatMul(z"))) is None
    assert Span("u to /m/b", 1, 3) == first(graph(wide.replace("MatMul(/m/b", "MatMul(z").replace("Relu(u)", "Neg(u)")))
    assert first(graph(turned.replace("MatMul(/m/b", "MatMul(z"))) is None


def test_groups_of_tensors_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few tensors may be in memory at once."""
    monkeypatch.setattr(rewritten, "AT_ONCE_BYTES", 50)
    assert Span("/m/c", 2, 3) == first(graph(PLAIN, {"v": WEIGHTS["v"] + 1}))


def test_weights_that_changed_are_told() -> None:
    """Those that the nodes of a span read, by name, where both graphs have them in one shape."""
    after = graph(PLAIN, {"v": scaled("v", 1.01), "w": WEIGHTS["w"] + 1})
    found = changed_constants(Whole(graph(PLAIN)), Whole(after), Span("", 1, 5))

    assert ["v"] == [*found]
    assert 0 < found["v"].relative < 0.02


@pytest.mark.parametrize(("values", "least", "most"), [
    ([0.5, 0.50001], 1e-2, 0.2), ([0.0, 1.0], 1e-8, 1e-5), ([1.0, 1.0], 0, 0), ([], 0, 0)], ids=["close", "apart", "equal", "none"])
def test_values_that_lie_close_together_are_told_apart_less_exactly(values: list[float], least: float, most: float) -> None:
    """Float32 has seven digits, and only those behind the common ones tell them apart."""
    assert least <= resolution(np.array(values, np.float32)) <= most


def test_infinities_that_are_the_same_are_no_difference() -> None:
    """Nor what is too large to be squared in float32; one that only one side has is."""
    large = np.array([1e30, -1e30, 3e38, np.inf], np.float32)

    assert news_in(large, large.copy(), LIMIT) is None
    assert news_in(large * np.array([1, 1, 0.9, 1], np.float32), large, 1e-12) is not None
    assert news_in(large[:2] * np.float32(1.1), large[:2], LIMIT) is not None
    assert news_in(np.array([1, 2, 3, np.inf], np.float32), np.array([1, 2, 3, 4], np.float32), LIMIT) is not None


def test_what_rounding_alone_changes_is_no_news() -> None:
    """One bit of numbers that lie close together is a large share of how far they lie apart."""
    close = np.float32(0.5) + noise(100) * np.float32(1e-5)
    above = np.nextafter(close, np.float32(1))

    assert news_in(above, close, LIMIT) is None
    assert news_in(close + noise(100)[::-1] * np.float32(1e-5), close, LIMIT) is not None
