"""A file that is no graph of the model ends in one sentence, with the place and the remedy."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest import tiny_graph
from tools.deployment import compile as deploy
from tools.deployment import given, onnx_file, specialise
from tools.deployment.weights import Weights
from tools.engines import open_engine
from tools.engines.fit import Asked
from tools.errors import ClipgateError, GraphError
from tools.machine.files import sha256
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context
from tools.storage.entries import Facts

NETWORK, BATCH = tiny_graph.NETWORK, 4  # takes [4, 2, 3, 4] and gives 5 classes
ASKED = Asked("TCH")
CPU = Device("cpu")


def read(path: Path, network: Network = NETWORK, batch: int = BATCH, asked: Asked = ASKED) -> Facts:
    return given.read(network, path, sha256(path), batch, asked, path.parent)


def saved(path: Path, inputs: tuple[tuple[str, int, list[int | str]], ...], outputs: tuple[tuple[str, list[int | str]], ...],
          kind: str = "Identity") -> Path:
    """A graph of one kind of node between its inputs and outputs."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [helper.make_node(kind, [inputs[0][0]], [name]) for name, _ in outputs]
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info(*one) for one in inputs],
                              [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6), str(path))
    return path


def with_text(path: Path) -> Path:
    path.write_text("import onnx\n" * 10)
    return path


def without_nodes(path: Path) -> Path:
    path.write_bytes(b"\x08\x06\x12\x04mine")
    return path


def cut_off(path: Path) -> Path:
    whole = tiny_graph.save(path, BATCH).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


def checkpoint(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", b"\x80\x02}q\x00." * 50)
    return path


def two_inputs(path: Path) -> Path:
    return saved(path, (("clip", 1, [BATCH, 2, 3, 4]), ("state", 1, [BATCH, 9])), (("y", [BATCH, 5]),))


def of_pixels(path: Path) -> Path:
    return saved(path, (("clip", 2, [BATCH, 2, 3, 4]),), (("y", [BATCH, 5]),))


def two_outputs(path: Path) -> Path:
    return saved(path, (("clip", 1, [BATCH, 2, 3, 4]),), (("a", [BATCH, 5]), ("b", [BATCH, 5])))


def all_free(path: Path) -> Path:
    return saved(path, (("clip", 1, ["a", "b", "c", "d"]),), (("y", ["a", 5]),))


def of_another_model(path: Path) -> Path:
    return saved(path, (("clip", 1, [BATCH, 7, 3, 4]),), (("y", [BATCH, 5]),))


def one_weight_beside(path: Path) -> Path:
    import onnx

    model = onnx.load(str(tiny_graph.save(path, BATCH)))
    onnx.save_model(model, str(path), save_as_external_data=True, location="more.bin", size_threshold=0)
    path.with_name("more.bin").unlink()
    return path


BAD: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "nothing": (lambda path: path.touch() or path,
                 "the file is empty, and no ONNX graph", "tools.inspect"),
    "no nodes": (without_nodes, "the file holds no graph", "tools.inspect"),
    "text": (with_text, "the file is a text, and no ONNX graph", "tools.inspect"),
    "half": (cut_off, "is no ONNX graph, or is cut off", "tools.inspect"),
    "checkpoint": (checkpoint, "the file is a checkpoint of torch, and no ONNX graph", "tools.inspect"),
    "another batch": (lambda path: tiny_graph.save(path, 8), "is one of batch 8, and batch 4 is asked for", "-k bs8"),
    "another model": (of_another_model, r"clip float32 \[4, 7, 3, 4\], and tiny at batch 4 is NTCH \[4, 2, 3, 4\]", "of this model"),
    "other classes": (lambda path: tiny_graph.save(path, BATCH, classes=6), r"scores float32 \[4, 6\], and tiny gives \[4, 5\]",
                      "same classes"),
    "pixels": (of_pixels, "clip uint8 .*feeds normalised numbers", "AIPP"),
    "two inputs": (two_inputs, "the graph has 2 inputs", "the clip alone"),
    "two outputs": (two_outputs, "several outputs may be the scores", "--graph-output a or b"),
    "free axes": (all_free, "which may be NTCH or ", "--graph-input clip=NTCH"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_no_graph_of_the_model_is_refused(tmp_path: Path, kind: str) -> None:
    """By what is wrong, in one sentence, with the file and what to do."""
    make, what, remedy = BAD[kind]
    path = make(tmp_path / "mine.onnx")
    with pytest.raises(GraphError, match=what) as error:
        read(path)

    assert str(path) == error.value.where
    assert remedy in str(error.value.remedy)
    assert "\n" not in error.value.what


def context_of(graph: Path | str, root: Path, model: str = "tsm") -> Context[object]:  # type: ignore[type-var]
    settings = Settings.parse({"graph": str(graph), "artifacts": str(root / "artifacts")})
    return Context(settings, load_spec(MODELS, model))


def found(path: Path, root: Path, device: Device = CPU) -> specialise.Graph:
    """What a cell of the small network would be measured with, its stages done in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tools.machine.child.call", lambda work, title, **rest: work())
        patch.setattr(given, "axes", lambda spec, network: "TCH")
        return deploy.loadable(context_of(path, root), Weights(path, "", NETWORK, "own"), Case("tsm", BATCH, device))  # type: ignore[arg-type]


def test_weights_that_are_not_beside_the_graph_are_named(tmp_path: Path) -> None:
    path = one_weight_beside(tmp_path / "mine.onnx")
    with pytest.raises(GraphError, match="weights of the graph are not there") as error:
        found(path, tmp_path)

    assert (str(tmp_path / "more.bin"), "keep them beside mine.onnx") == (error.value.where, error.value.remedy)


def test_a_graph_that_the_cpu_cannot_run_is_refused_by_its_runtime(tmp_path: Path) -> None:
    """An operator of nobody's."""
    unknown = saved(tmp_path / "mine.onnx", (("clip", 1, [BATCH, 2, 3, 4]),), (("y", [BATCH, 5]),), kind="MyOperator")
    with pytest.raises(ClipgateError, match=r"ONNX Runtime cannot load the graph: .*MyOperator"):
        open_engine(CPU, unknown, NETWORK, BATCH, ASKED)


def test_a_compiled_model_is_not_for_the_cpu(tmp_path: Path) -> None:
    path = tmp_path / "mine.om"
    path.write_bytes(b"IMOD")
    path.chmod(0o644)
    with pytest.raises(GraphError, match="cpu runs ONNX graphs, and this file is compiled for an Ascend device") as error:
        found(path, tmp_path)

    assert "--device npu:0" in str(error.value.remedy)


def test_a_given_graph_is_the_file_itself(tmp_path: Path) -> None:
    """With its digest, its weights beside it, its size and what a run of it needs; a change is found out."""
    import onnx

    path = tiny_graph.save(tmp_path / "mine.onnx", BATCH)
    onnx.save_model(onnx.load(str(path)), str(path), save_as_external_data=True, location="more.bin", size_threshold=0)
    graph = found(path, tmp_path)
    more = tmp_path / "more.bin"

    assert (path, sha256(path), path.stat().st_size + more.stat().st_size) == (graph.path, graph.digest, graph.weights_bytes)
    assert graph.given is not None
    assert ((path, sha256(path)), (more, sha256(more))) == graph.given.files
    assert f"mine.onnx (sha256 {sha256(path)[:12]})" == graph.given.name
    assert ("fp32", "video", "NTCH", "4,2,3,4") == (graph.given.precision, graph.given.input, graph.given.layout, graph.given.shape)
    assert 4 * (BATCH * 24 + BATCH * 24) <= graph.peak_bytes
    graph.require_unchanged()
    more.write_bytes(more.read_bytes()[:-1] + b"\x01")
    with pytest.raises(GraphError, match=r"more\.bin has changed since this run found it"):
        graph.require_unchanged()


def test_a_folder_of_weights_with_our_name_is_no_matter(tmp_path: Path) -> None:
    """A weights.bin beside a person's graph is not the file that our own graphs have there."""
    (tmp_path / "weights.bin").write_bytes(b"theirs")

    found(tiny_graph.save(tmp_path / "mine.onnx", BATCH), tmp_path).require_unchanged()


@pytest.mark.parametrize(("dtype", "extra", "precision"), [(np.float32, (), "fp32"), (np.float16, (), "fp16"), (np.float64, (), "fp32"),
                                                           (np.float32, ("QuantizeLinear",), "int8")])
def test_the_precision_is_that_of_most_constants(tmp_path: Path, dtype: type, extra: tuple[str, ...], precision: str) -> None:
    """A few indices or a bias in another type do not count; quantisers do."""
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(tiny_graph.save(tmp_path / "mine.onnx", BATCH)))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros((24, 5), dtype), "weights"))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(3, np.float32), "bias"))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(500, np.int64), "indices"))
    model.graph.node.extend(helper.make_node(kind, ["bias", "bias"], ["q"]) for kind in extra)

    assert precision == onnx_file.precision(model)


def test_one_file_with_a_free_batch_axis_serves_every_batch(tmp_path: Path) -> None:
    path = saved(tmp_path / "mine.onnx", (("clip", 1, ["n", 2, 3, 4]),), (("y", ["n", 5]),), kind="Relu")

    assert ["1,2,3,4", "64,2,3,4"] == [read(path, batch=batch)["shape"] for batch in (1, 64)]
    assert int(read(path, batch=64)["peak_bytes"]) == 64 * int(read(path, batch=1)["peak_bytes"])


def test_what_was_read_is_noted_for_this_file_and_question(tmp_path: Path) -> None:
    """Another file, batch, input or output is read anew."""
    path = tiny_graph.save(tmp_path / "mine.onnx", BATCH)

    def key(sha: str = "a", batch: int = BATCH, network: Network = NETWORK, asked: Asked = ASKED) -> str:
        return given.stage(network, path, sha, batch, asked).key.digest

    others = [key("b"), key(batch=8), key(network=replace(NETWORK, input=Tensor("video", (2, 3, 5)))),
              key(network=replace(NETWORK, output=Tensor("scores", (6,)))), key(network=replace(NETWORK, rows=2)), key(asked=Asked("TCS"))]
    assert 7 == len({key(), *others})


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tiny_graph.save(tmp_path / "mine.onnx", BATCH)
    with pytest.raises(GraphError, match="has changed since this run found it"):
        given.read(NETWORK, path, "0" * 64, BATCH, ASKED, tmp_path)


def test_atc_is_told_of_the_graphs_own_input(tmp_path: Path) -> None:
    """Its name and shape; the guide's format only where the shape is the guide's."""
    spec = replace(NETWORK, atc=replace(NETWORK.atc, input_format="NCDHW"))
    ours = specialise.Given("mine", (), ASKED, "fp32", "4,2,3,4", "clip", "NTCH")
    graph = specialise.Graph(tmp_path / "mine.onnx", "", "", (), 0, 0, ours)
    other = replace(graph, given=replace(ours, shape="8,3,4", layout="NCH"))

    assert [("NCDHW", "clip:4,2,3,4"), ("ND", "clip:8,3,4"), ("NCDHW", "video:4,2,3,4")] == [
        (source.input_format, source.input_shape) for source in
        (deploy.Source.of(one, spec, BATCH) for one in (graph, other, replace(graph, given=None)))]
