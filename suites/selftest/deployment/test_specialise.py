"""The graph of one batch size: what is known of its files, what is refused, what shares weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools.deployment import export, specialise
from tools.deployment.specialise import Graph, file_name, graph, share, shared_tensors
from tools.deployment.weights import Weights
from tools.errors import ExportError, StoreError
from tools.machine.files import sha256
from tools.spec.catalog import load_spec
from tools.spec.model import Surgeries, Surgery
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.entries import Entry, Key
from tools.storage.stages import Stage

if TYPE_CHECKING:
    import onnx

NETWORK = load_spec(TINY_MODELS, "tiny").networks[0]
BOTH = replace(NETWORK, surgery=("conv1d-to-conv2d",), optional_surgery=("constant-shift",))


def found(monkeypatch: pytest.MonkeyPatch, folder: Path, which: Surgeries) -> Graph:
    """What a run knows of a graph whose files are in the store: one of 5 bytes, and 7 bytes of weights."""
    name = file_name(BOTH, 4, which)
    (folder / name).write_bytes(b"graph")
    (folder / export.WEIGHTS).write_bytes(b"weights")
    digests = {path.name: sha256(path) for path in (folder / name, folder / export.WEIGHTS)}

    def at_hand(stage: Stage, context: object) -> Entry:
        return Entry(stage.key, folder, {name: digests[name]} if stage.key.host else digests, {"peak_bytes": 123, "nodes": 1})

    monkeypatch.setattr(Stage, "find_or_run", at_hand)
    monkeypatch.setattr("tools.storage.code.part", lambda build: ("code", "0"))
    context = Context(Settings.parse({"surgery": which, "artifacts": str(folder)}), load_spec(TINY_MODELS, "tiny"))
    return graph(context, Weights(folder / "w.pth", "0" * 64, BOTH, "own"), 4)


@pytest.mark.parametrize(("size", "least"), [(3000, 1000), (2, 0), (None, 0)])
def test_a_graph_takes_at_least_the_room_of_its_weights(tmp_path: Path, size: int | None, least: int) -> None:
    """Two thirds of a checkpoint may be the optimiser's; one that is gone is missed where it is read."""
    if size is not None:
        (tmp_path / "w.pth").write_bytes(bytes(size))
    assert least == export.stage(Weights(tmp_path / "w.pth", "0" * 64, NETWORK, "own")).least_bytes



@pytest.mark.parametrize(("which", "name", "surgery"), [
    ("needed", "bs4.onnx", ("conv1d-to-conv2d",)), ("all", "bs4-all.onnx", ("conv1d-to-conv2d", "constant-shift")),
])
def test_what_is_known_of_a_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, which: Surgeries, name: str,
                                  surgery: tuple[Surgery, ...]) -> None:
    """Its path and digests, the rewrites, the bytes of both files together, and the peak that was noted."""
    expected = Graph(tmp_path / name, "", "", surgery, 5 + 7, 123)
    one = found(monkeypatch, tmp_path, which)

    assert replace(expected, digest=sha256(one.path), weights_digest=sha256(tmp_path / export.WEIGHTS)) == one


@pytest.mark.parametrize("changed", ["bs4.onnx", export.WEIGHTS])
def test_a_changed_file_of_a_graph_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, changed: str) -> None:
    """The graph itself or the weights beside it."""
    one = found(monkeypatch, tmp_path, "needed")
    one.require_unchanged()
    (tmp_path / changed).write_bytes(b"another")
    with pytest.raises(StoreError, match=f"{changed} has changed since this run found it"):
        one.require_unchanged()


def test_a_model_without_a_weights_file_holds_its_weights_itself(tmp_path: Path) -> None:
    (tmp_path / "a.om").write_bytes(b"model")

    Graph(tmp_path / "a.om", sha256(tmp_path / "a.om"), "", (), 5, 0).require_unchanged()


def made(values: Mapping[str, np.ndarray], given: list[int], output: list[int]) -> onnx.ModelProto:
    """A graph of the network's input and output of these shapes, with these constants."""
    from onnx import TensorProto, helper, numpy_helper

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in ((NETWORK.input.name, given), (NETWORK.output.name, output))]
    constants = [numpy_helper.from_array(value, name) for name, value in values.items()]
    return helper.make_model(helper.make_graph([helper.make_node("Relu", [NETWORK.input.name], [NETWORK.output.name])], "g", [ends[0]],
                                               [ends[1]], constants))


def test_a_graph_of_another_signature_is_refused() -> None:
    """Its input has a row a clip, its output as many as the network's views: by name and shape."""
    given, output = [4, *NETWORK.input.shape], [12, *NETWORK.output.shape]
    three = replace(NETWORK, rows=3)
    specialise._check_signature(made({}, given, output), three, 4)

    for wrong in (made({}, [3, *given[1:]], output), made({}, given, [4, *output[1:]])):
        with pytest.raises(ExportError, match="the simplified graph has ") as caught:
            specialise._check_signature(wrong, three, 4)
        assert "the spec's input, output, rows or softmax do not fit its config" == caught.value.remedy


def test_only_large_tensors_of_the_weights_file_are_shared(tmp_path: Path) -> None:
    """From 1024 bytes on, where the file has the same bytes; a small or another one stays in the graph."""
    import onnx

    rng = np.random.default_rng(0)
    values = {name: rng.standard_normal(count).astype(np.float32) for name, count in (("large", 256), ("small", 255), ("other", 256))}
    exported = made(values, [4], [4])
    onnx.save_model(exported, str(tmp_path / "dynamic.onnx"), save_as_external_data=True, location=export.WEIGHTS, size_threshold=0)
    spans = shared_tensors(tmp_path / "dynamic.onnx")
    again = made({**values, "other": values["other"] + 1}, [4], [4])
    share(again, spans)

    assert 3 == len(spans)
    tensors = {tensor.name: tensor for tensor in again.graph.initializer}
    outside = {name for name, tensor in tensors.items() if tensor.data_location == onnx.TensorProto.EXTERNAL}
    assert {"large"} == outside == {name for name, tensor in tensors.items() if not tensor.raw_data}
    place = {entry.key: entry.value for entry in tensors["large"].external_data}
    start, length = int(place["offset"]), int(place["length"])
    assert export.WEIGHTS == place["location"]
    assert values["large"].tobytes() == (tmp_path / export.WEIGHTS).read_bytes()[start : start + length]


def test_what_onnxsim_finds_wrong_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its own check compares the graph with the one it was given."""
    import onnx

    onnx.save_model(made({}, [4], [4]), str(tmp_path / export.GRAPH))
    (tmp_path / export.WEIGHTS).write_bytes(b"")
    asked: list[dict[str, Any]] = []

    def simplify(model: onnx.ModelProto, **how: Any) -> tuple[onnx.ModelProto, bool]:
        asked.append(how)
        return model, False

    monkeypatch.setattr(specialise, "import_onnxsim", lambda: SimpleNamespace(simplify=simplify))
    with pytest.raises(ExportError, match="onnxsim's own check of batch 4 failed") as caught:
        specialise.build(NETWORK, Entry(Key("onnx", "tiny", ()), tmp_path, {}), 4, "needed", tmp_path)
    assert str(tmp_path / export.GRAPH) == caught.value.where
    assert [{"overwrite_input_shapes": {NETWORK.input.name: [4, *NETWORK.input.shape]}}] == asked


def test_a_graph_that_changes_while_it_is_read_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import onnx

    onnx.save_model(made({}, [4], [4]), str(tmp_path / export.GRAPH))
    (tmp_path / export.WEIGHTS).write_bytes(b"")
    monkeypatch.setattr(specialise, "import_onnxsim", SimpleNamespace)
    with pytest.raises(StoreError, match=f"{export.GRAPH} has changed"):
        specialise.build(NETWORK, Entry(Key("onnx", "tiny", ()), tmp_path, {export.GRAPH: "0" * 64}), 4, "needed", tmp_path)
