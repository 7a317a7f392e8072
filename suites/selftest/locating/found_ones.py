"""What a search may find, made by hand: a small network of named nodes, and findings of every kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tools.locating.values import Cause, Chosen, Difference, Found, Kind, Located, Seen, Span
from tools.locating.whole import Whole

NODES = ("conv1/conv/Conv", "layer3/layer3.1/conv1/conv/Conv", "layer3/layer3.2/conv2/conv/net/Conv", "layer3/layer3.2/relu/Relu")
PARTS = (Span("backbone.conv1.conv", 0, 1), Span("backbone.layer3.1", 1, 2), Span("backbone.layer3.2", 2, 4), Span("cls_head", 4, 5))
NODE = f"/network/backbone/{NODES[2]}"
TOO_LARGE = Cause("range", "input range 0..7.1e4 exceeds fp16")


def network() -> Whole:
    """Five nodes in a row, named as the exporter names them; the last one by nobody."""
    import onnx
    from onnx import TensorProto, helper

    names = ["x", *(f"t{number}" for number in range(len(NODES))), "y"]
    made = [helper.make_node(name.rpartition("/")[2] or "Softmax", [names[number]], [names[number + 1]],
                             name=f"/network/backbone/{name}" if name else "") for number, name in enumerate((*NODES, ""))]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x", "y")]
    return Whole(onnx.helper.make_model(helper.make_graph(made, "g", ends[:1], ends[1:])))


def apart(rms: float, unusual: float = 0.0) -> Difference:
    return Difference(3 * rms, rms, 1 - rms * rms, unusual)


def seen(own: tuple[float, ...] = (4e-4, 4e-4, 0.31, 4e-4), together: tuple[float, ...] = (4e-4, 5e-4, 0.3, 0.2)) -> tuple[Seen, ...]:
    """The parts with these errors."""
    return tuple(Seen(span, apart(one), apart(all_of_it)) for span, one, all_of_it in zip(PARTS, own, together, strict=True))


def found(kind: Kind = "node", parts: tuple[Seen, ...] | None = None, own: Difference | None = None,
          causes: tuple[Cause, ...] = ()) -> Found:
    """What a search has found in the third part, or nowhere."""
    parts = seen() if parts is None else parts
    scores = parts[-1].cumulative if parts else None
    if kind in ("nothing", "inherited"):
        return Found(kind, None, None, None, 4e-4, 4e-3, parts, (), 4, scores=scores)
    span = Span(NODE, 2, 3) if kind == "node" else Span(f"{NODE} to /network/backbone/{NODES[3]}", 2, 4)
    halves = (Seen(Span(NODE, 2, 3), apart(0.31)), Seen(Span(f"/network/backbone/{NODES[3]}", 3, 4), apart(4e-4)))
    return Found(kind, span, PARTS[2], own or apart(0.31), 4e-4, 4e-3, parts, halves, 6, causes, scores)


def located(one: Found | None, run: Path | None = None) -> Located:
    return Located("tiny-bs4-cpu", "tiny", "cpu", "fp16", Chosen(("a", "b"), "the worst two of the run", run, ("b",)), (), (), one,
                   "python -m tools.locate tiny --batch 4 --device cpu --part layer3.2")


def quiet() -> Found:
    """Nothing, where every error is that of rounding."""
    return replace(found("nothing", seen((4e-4,) * 4, (4e-4, 5e-4, 6e-4, 7e-4))))
