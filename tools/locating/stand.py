"""A graph with a batch as it takes it, and its scores as they are compared: ours, or a person's own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.deployment.onnx_file import INSPECT, ports
from tools.deployment.specialise import Graph
from tools.engines.fit import Asked, Fit, exact, fitted
from tools.errors import GraphError
from tools.locating.on_cpu import as_written
from tools.locating.rewritten import Fed
from tools.locating.whole import Whole
from tools.measuring.metrics import centred, log_scores
from tools.measuring.scales import Scales
from tools.media.preprocess import Floats
from tools.spec.model import Network

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

EXACT = "fp32"


@dataclass(frozen=True)
class Stand:
    """A graph, *name* to people, with the batch as it takes it.

    fit: how its scores are read. scales: what brings a recogniser's to the network's own scale. precision:
    its numbers.
    """

    name: str
    fed: Fed
    fit: Fit
    scales: Scales | None
    precision: str = EXACT

    @property
    def output(self) -> str:
        """The name of the scores."""
        name: str = self.fed.whole.outputs[self.fit.output]
        return name

    @cached_property
    def rows(self) -> Floats:
        """The scores as the graph gives them."""
        return self.fit.checked(self.fed.tensors([self.output])[self.output])

    @cached_property
    def scores(self) -> Floats:
        """Those of an item [B, ...], on the network's scale."""
        return self.read(self.rows)

    def read(self, rows: NDArray[Any]) -> Floats:
        """What this graph, or a device by it, gives as scores, as those of an item on the network's scale."""
        rows = self.fit.checked(rows)
        return rows if self.scales is None else self.scales.of(rows)

    def compared(self, scores: Floats) -> Floats:
        """Probabilities as logarithms, so that a sure network's small ones count; others as they are."""
        return log_scores(scores, softmax=self.scales is not None and self.scales.softmax).astype(np.float32)


def on_one_scale(one: tuple[Stand, Floats], other: tuple[Stand, Floats]) -> tuple[Floats, Floats]:
    """Scores of two as they are compared; less their mean where those of one are logits up to a constant."""
    first, second = (stand.compared(scores) for stand, scores in (one, other))
    shifted = any(stand.scales is not None and stand.scales.shifted for stand, _ in (one, other))
    return (centred(first), centred(second)) if shifted else (first, second)


def made_one(name: str, path: Path, network: Network, clips: Floats) -> Stand:
    """A graph of ours, which takes the batch *clips* [B, *input] as it is."""
    import onnx

    model = onnx.load(str(path))
    _settle(model, network.input.name, clips.shape)
    scales = Scales(len(clips), network.softmax, scale="softmax" if network.softmax else "logits")
    fit = exact(ports(model), network, len(clips))
    return _stand(name, Fed(Whole(model), {fit.input.name: fit.arranged(clips)}, partial(as_written, path=path)), fit, network, scales)


def given_one(name: str, graph: Graph, network: Network, clips: Floats) -> Stand:
    """A person's graph, which may take another layout, and give logits or a row for each view.

    Raises:
        GraphError: its weights cannot be read. EngineError: it does not fit the network.
    """
    import onnx

    assert graph.given
    try:
        model = onnx.load(str(graph.path))
    except onnx.checker.ValidationError as error:
        raise GraphError(f"its weights cannot be read: {str(error).splitlines()[0]}", where=str(graph.path), remedy=INSPECT) from error
    graph.require_unchanged()
    asked: Asked = graph.given.asked
    fit = fitted(ports(model), network, len(clips), asked)
    _settle(model, fit.input.name, fit.shape)
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    fed = Fed(Whole(model), {fit.input.name: fit.arranged(clips)}, partial(as_written, path=graph.path, asked=asked))
    return _stand(name, fed, fit, network, Scales(len(clips), network.softmax, asked.output), graph.given.precision)


def _stand(name: str, fed: Fed, fit: Fit, network: Network, scales: Scales, precision: str = EXACT) -> Stand:
    return Stand(name, fed, fit, scales if len(network.output.shape) == 1 else None, precision)


def _settle(model: onnx.ModelProto, name: str, shape: tuple[int, ...]) -> None:
    """Fix the free axes of the input *name*, of which the sizes of all tensors follow."""
    [port] = [one for one in model.graph.input if one.name == name]
    for axis, size in zip(port.type.tensor_type.shape.dim, shape, strict=True):
        axis.dim_value = size
