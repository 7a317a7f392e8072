"""A graph in half precision computes the same within its rounding, and what it cannot hold is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from suites.selftest import tiny_graph
from suites.selftest.conftest import TINY_MODELS, keeping
from suites.selftest.deployments import exported, in_onnx, in_torch, noise, random_weights, specialised
from tools.deployment import export, half
from tools.deployment.half import FILE, Lost
from tools.deployment.specialise import Given, Graph
from tools.engines.fit import Asked
from tools.errors import ExportError, GraphError
from tools.judging.floors import floor_of
from tools.machine import child, versions
from tools.machine.files import sha256
from tools.measuring.metrics import distance
from tools.spec.catalog import load_spec
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

if TYPE_CHECKING:
    import onnx

BATCH = 4
TOLD = "tiny-bs4 in half precision: of 120 constants 1 is too small and lifted to 6e-08"


def graph(path: Path, given: str = "") -> Graph:
    """The graph at *path*, found; one of a person's own where it computes in *given*."""
    own = Given("mine.onnx", ((path, sha256(path)),), Asked("TCH"), given, same=True) if given else None
    return Graph(path, sha256(path), "", (), path.stat().st_size, 7, own)


def built(of: Graph, folder: Path) -> tuple[Path, Lost]:
    """The same in half precision, and what it could not hold."""
    folder.mkdir()
    return folder / FILE, half.lost(half.build(of, folder))


def with_weights(path: Path, change: Callable[[Any], None]) -> Path:
    """The tiny graph with some of its weights changed."""
    import onnx

    model = onnx.load(str(tiny_graph.save(path, BATCH)))
    [tensor] = model.graph.initializer
    weights = onnx.numpy_helper.to_array(tensor).copy()
    change(weights)
    tensor.CopyFrom(onnx.numpy_helper.from_array(weights, tensor.name))
    onnx.save_model(model, str(path))
    return path


def ends(model: onnx.ModelProto) -> list[tuple[str, int]]:
    return [(one.name, one.type.tensor_type.elem_type) for one in (*model.graph.input, *model.graph.output)]


def test_it_takes_and_gives_float32_and_computes_in_half_precision(tmp_path: Path) -> None:
    """Within the rounding of its weights, and not equal: something was rounded."""
    import onnx

    path = tiny_graph.save(tmp_path / "g.onnx", BATCH)
    made, lost = built(graph(path), tmp_path / "half")
    model = onnx.load(str(made))
    batch = tiny_graph.batch_of(BATCH)
    exact, rounded = tiny_graph.answer(path, batch), tiny_graph.answer(made, batch)

    assert ends(onnx.load(str(path))) == ends(model) == [("video", 1), ("scores", 1)]
    assert [onnx.TensorProto.FLOAT16] == [tensor.data_type for tensor in model.graph.initializer]
    assert np.float32 == rounded.dtype
    assert 0 < np.abs(exact - rounded).max() < 2e-3
    assert (Lost(24 * 5), "") == (lost, lost.sentence("tiny"))


def test_what_half_precision_cannot_hold_is_counted_and_told(tmp_path: Path) -> None:
    """Too large or too small for it, but neither zeros, nor what it rounds, nor what is no number."""

    def change(weights: Any) -> None:
        weights[0] = 7e4, -1e9, 65504.0, np.inf, 0.0
        weights[1] = 1e-8, -1e-9, 5.97e-8, 2.0**-24, 1e-38

    made, lost = built(graph(with_weights(tmp_path / "g.onnx", change)), tmp_path / "half")

    assert Lost(120, 2, 3) == lost
    assert ("tiny in half precision: of 120 constants 2 are too large and cut off at 65504 and 3 are too small and lifted to 6e-08"
            == lost.sentence("tiny"))
    assert "of 9 constants 1 is too small and lifted to 6e-08" in Lost(9, 0, 1).sentence("tiny")
    import onnx

    [tensor] = onnx.load(str(made)).graph.initializer
    kept = onnx.numpy_helper.to_array(tensor)
    assert [65504.0, -65504.0, 65504.0, np.inf, 0.0] == kept[0].tolist()
    assert np.array_equal(np.sign(kept[1]), [1, -1, 1, 1, 1])


def found(tmp_path: Path, of: Graph) -> tuple[Graph, list[str]]:
    """What a cell loads of it, made in this process, and what a person is told."""
    said: list[str] = []
    context = Context(Settings.parse({"artifacts": str(tmp_path / "artifacts")}), load_spec(TINY_MODELS, "tiny"), keeping(said))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "call", lambda work, title, **rest: work())
        return half.graph(context, of, "tiny-bs4"), said


def test_it_is_an_artifact_that_is_made_once_and_tells_each_time(tmp_path: Path) -> None:
    """Found by its graph; its own digest and size; a changed file of it is found out as in every entry."""

    def change(weights: Any) -> None:
        weights[0, 0] = 1e-9

    of = graph(with_weights(tmp_path / "g.onnx", change))
    first, said = found(tmp_path, of)
    assert ["converting tiny at batch 4 to half precision ...", TOLD] == [said[0], said[-1]]
    assert replace(of, path=first.path, digest=sha256(first.path), weights_bytes=first.path.stat().st_size) == first
    again, said = found(tmp_path, of)
    assert (first, [TOLD]) == (again, said)

    first.path.write_bytes(b"another")
    healed, said = found(tmp_path, of)
    assert (first, True) == (healed, any("is damaged" in text for text in said))


def test_everything_that_shapes_it_is_in_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graph, weights, a person's files, the converter's version, by whichever package it comes."""
    of = Graph(Path("bs4.onnx"), "g" * 64, "w" * 64, (), 100, 200)
    own = Given("mine", ((Path("mine.onnx"), "a"), (Path("more.bin"), "b")), Asked("TCH"), "fp32")

    def key(of: Graph = of, name: str = "tsm-bs4", runtime: str = "onnxruntime", version: str = "1.31.1", onnx: str = "1") -> str:
        installed = {"onnx": onnx, runtime: version}

        def found(package: str) -> str:
            if package not in installed:
                raise PackageNotFoundError(package)
            return installed[package]

        monkeypatch.setattr(versions, "version", found)
        return half.stage(of, name).key.digest

    assert key() == key(runtime="onnxruntime-gpu") == key(replace(of, path=Path("elsewhere.onnx")))
    others = [key(version="1.32.0"), key(onnx="2"), key(name="tsm-bs8"), key(replace(of, digest="h" * 64)),
              key(replace(of, weights_digest="v" * 64)), key(replace(of, given=own)),
              key(replace(of, given=replace(own, files=((Path("mine.onnx"), "a"), (Path("more.bin"), "c")))))]
    assert 8 == len({key(), *others})


def test_a_persons_graph_is_converted_and_said_to_be(tmp_path: Path) -> None:
    """It is not the person's file any more, nor the same as the model's. One in half precision stays."""
    path = tiny_graph.save(tmp_path / "mine.onnx", BATCH)
    made, _ = found(tmp_path, graph(path, "fp32"))
    assert made.given is not None
    assert ("mine.onnx, converted to half precision", (), "fp16", False) == (
        made.given.name, made.given.files, made.given.precision, made.given.same)
    there = graph(path, "fp16")

    assert there is found(tmp_path, there)[0]


@pytest.mark.parametrize("precision", ["int8", "bf16"])
def test_a_persons_graph_in_other_numbers_is_refused(tmp_path: Path, precision: str) -> None:
    path = tiny_graph.save(tmp_path / "mine.onnx", BATCH)
    with pytest.raises(GraphError, match=f"the graph computes in {precision}, so that it cannot be converted to half precision") as caught:
        found(tmp_path, graph(path, precision))

    assert str(path) == caught.value.where
    assert str(caught.value.remedy).startswith("leave --precision out")


def test_what_cannot_be_converted_ends_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the converter fails, or makes a graph of another input."""
    from onnxruntime.transformers import float16

    def fails(model: object, **how: object) -> None:
        raise KeyError("x")

    of = graph(tiny_graph.save(tmp_path / "g.onnx", BATCH))
    real = float16.convert_float_to_float16
    monkeypatch.setattr(float16, "convert_float_to_float16", lambda model, **how: real(model, **{**how, "keep_io_types": False}))
    with pytest.raises(ExportError, match="takes or gives something else than before"):
        built(of, tmp_path / "a")
    monkeypatch.setattr(float16, "convert_float_to_float16", fails)
    with pytest.raises(ExportError, match="ONNX Runtime cannot convert the graph to half precision: 'x'"):
        built(of, tmp_path / "b")


def small(name: str) -> list[Network]:
    """A model's networks, at 64 pixels where they take pictures."""
    networks = load_spec(TINY_MODELS if name == "tiny" else MODELS, name).networks
    return [replace(one, input=Tensor(one.input.name, (*one.input.shape[:-2], 64, 64))) if len(one.input.shape) > 3 else one
            for one in networks]


@pytest.mark.torch
@pytest.mark.parametrize("name", ["tiny", "bsn", *(pytest.param(name, marks=pytest.mark.slow) for name in (
    "tsm", "nonlocal", "r2plus1d", "slowfast"))])
def test_every_network_keeps_its_scores_within_half_of_a_hundredth(tmp_path: Path, name: str) -> None:
    """On the CPU, which rounds what it stores. A tenth of the floor, no clip flipped, and half the bytes."""
    for network in small(name):
        checkpoint = random_weights(network, tmp_path)
        path = specialised(network, exported(checkpoint, tmp_path / network.name), 2)
        made, lost = built(graph(path), tmp_path / f"{network.name}-half")
        batch = noise(2, *network.input.shape)
        reference, scores = (run(batch).reshape(-1, np.prod(network.output.shape)) for run in (in_torch(checkpoint), in_onnx(made)))
        apart = distance(scores, reference, softmax=network.softmax, smallest=floor_of("fp16").smallest)

        assert 0 < apart.relative < 0.005
        assert (0, True) == (apart.flipped, apart.cosine > 0.9999)
        assert (0, True) == (lost.large, lost.small < 1e-4 * lost.constants)
        assert made.stat().st_size < 0.65 * (path.stat().st_size + path.with_name(export.WEIGHTS).stat().st_size)
