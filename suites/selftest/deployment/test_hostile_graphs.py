"""ONNX graphs that somebody made to have other files read, or the memory filled."""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.machine.test_declared import bounded
from tools.deployment import content, inspection, onnx_file, signature
from tools.errors import GraphError
from tools.spec.catalog import load_spec


def tensor(location: str, **more: str) -> TensorProto:
    """Four weights that lie in a file of that name."""
    made = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, value in {"location": location, **more}.items():
        made.external_data.add(key=key, value=value)
    return made


def in_graph(made: TensorProto) -> onnx.ModelProto:
    nodes = [helper.make_node("Add", ["x", "w"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xy"]
    return helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:], [made]))


def in_constant(made: TensorProto) -> onnx.ModelProto:
    model = in_graph(made)
    model.graph.ClearField("initializer")
    node = helper.make_node("Constant", [], ["w"], value=helper.make_tensor("w", TensorProto.FLOAT, [4], [0.0] * 4))
    node.attribute[0].t.CopyFrom(made)
    model.graph.node.insert(0, node)
    return model


def in_branch(made: TensorProto) -> onnx.ModelProto:
    inner = in_constant(made)
    model = in_graph(helper.make_tensor("w", TensorProto.FLOAT, [4], [0.0] * 4))
    model.graph.node.add().CopyFrom(helper.make_node("If", ["c"], ["z"], then_branch=inner.graph, else_branch=inner.graph))
    return model


def in_function(made: TensorProto) -> onnx.ModelProto:
    model = in_graph(helper.make_tensor("w", TensorProto.FLOAT, [4], [0.0] * 4))
    function = helper.make_function("own", "F", ["x"], ["y"], [*in_constant(made).graph.node], [helper.make_opsetid("", 17)])
    model.functions.append(function)
    return model


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "mine.onnx").write_bytes(model.SerializeToString())
    return folder / "mine.onnx"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """What another person's graph should not have read."""
    (tmp_path / "secret").write_bytes(bytes(16))
    return tmp_path / "secret"


@pytest.mark.parametrize("place", [in_graph, in_constant, in_branch, in_function])
@pytest.mark.parametrize("name", ["../secret", "{}", "sub/../../secret", "link", "linked/secret"])
def test_a_graph_takes_no_weights_from_elsewhere(tmp_path: Path, secret: Path, name: str,
                                                 place: Callable[[TensorProto], onnx.ModelProto]) -> None:
    """By an absolute path, a way up or a link, wherever they are named; `inspect` says so too."""
    path = saved(tmp_path / "graph", place(tensor(name.format(secret))))
    (path.parent / "sub").mkdir()
    (path.parent / "link").symlink_to(secret)
    (path.parent / "linked").symlink_to(tmp_path)
    for read in (onnx_file.load, lambda path: inspection.lines(path, [load_spec(TINY_MODELS, "tiny")])):
        with pytest.raises(GraphError, match="which does not lie in its folder") as caught:
            read(path)
        assert str(path) == caught.value.where
    with pytest.raises(GraphError, match="which does not lie in its folder"):
        onnx_file.with_beside(path, "", [name.format(secret)])


@pytest.mark.parametrize("name", ["w.bin", "sub/w.bin", "./w.bin", "alias.bin"])
def test_weights_in_the_graph_s_folder_are_taken(tmp_path: Path, name: str) -> None:
    """Also where the graph is a link to where its weights are beside it, as a cache of downloads has them."""
    path = saved(tmp_path / "graph", in_graph(tensor(name)))
    (path.parent / "sub").mkdir()
    (path.parent / "alias.bin").symlink_to("w.bin")
    for file in ("w.bin", "sub/w.bin"):
        (path.parent / file).write_bytes(bytes(16))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "mine.onnx").symlink_to(path)
    (tmp_path / "cache" / "sub").symlink_to(path.parent / "sub")
    for file in ("w.bin", "alias.bin"):
        (tmp_path / "cache" / file).symlink_to(path.parent / file)
    for one in (path, tmp_path / "cache" / "mine.onnx"):
        assert [name] == onnx_file.external(onnx_file.load(one))
        assert 2 == len(onnx_file.with_beside(one, "", [name]))


@pytest.mark.parametrize(("offset", "length"), [("0", str(2**40)), ("0", str(10**30)), ("0", "9" * 5000), ("-8", "4"), ("8", "-1"),
                                                ("12", "8"), (str(2**62), "1")], ids=range(7))
def test_weights_that_lie_outside_their_file_are_refused(tmp_path: Path, offset: str, length: str) -> None:
    """Terabytes of them, or from before its start, are no memory that is asked for."""
    path = saved(tmp_path / "graph", in_graph(tensor("w.bin", offset=offset, length=length)))
    (path.parent / "w.bin").write_bytes(bytes(16))
    files = ((path, sha256(path.read_bytes()).hexdigest()), (path.parent / "w.bin", sha256(bytes(16)).hexdigest()))
    assert "weights of the graph cannot be read" == bounded(lambda: content.read(files, tmp_path))


@pytest.mark.parametrize("bytes_", [b"\x08\x08\x3a" + b"\xff" * 9 + b"\x7f",
                                    b"\x08\x08\x3a\xff\xff\xff\xff\x7f", b"\x08\x08" + b"\x3a\x80" * 9],
                         ids=["exabytes", "gigabytes", "no end"])
def test_lengths_that_the_file_does_not_have_are_no_graph(tmp_path: Path, bytes_: bytes) -> None:
    """A field of a kilobyte's file that claims more than memory holds."""
    (tmp_path / "mine.onnx").write_bytes(bytes_)
    assert "the file is no ONNX graph, or is cut off" == bounded(lambda: onnx_file.load(tmp_path / "mine.onnx"))


def test_dimensions_without_numbers_are_no_memory(tmp_path: Path) -> None:
    """A constant that says it has 2^62 elements, and holds one."""
    made = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    made.dims[:] = [2**31, 2**31]
    path = saved(tmp_path / "graph", in_graph(made))
    assert "found dict" == bounded(lambda: content.read(((path, sha256(path.read_bytes()).hexdigest()),), tmp_path))


def test_graphs_inside_graphs_without_end_are_no_graph(tmp_path: Path) -> None:
    """Two hundred branches, each in the other."""
    model = in_graph(helper.make_tensor("w", TensorProto.FLOAT, [4], [0.0] * 4))
    for _ in range(200):
        outer = helper.make_graph([], "g", [], [])
        outer.node.add(op_type="If").attribute.add(name="then_branch", type=onnx.AttributeProto.GRAPH).g.CopyFrom(model.graph)
        model = onnx.ModelProto(ir_version=8)
        model.graph.CopyFrom(outer)
    path = saved(tmp_path / "graph", model)
    with pytest.raises(GraphError, match="the file is no ONNX graph, or is cut off"):
        onnx_file.load(path)


def test_a_graph_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    """A protobuf cannot be that large; the file takes no room on the disk."""
    path = saved(tmp_path, in_graph(tensor("w.bin")))
    os.truncate(path, 2**36)
    assert "the file is no ONNX graph, or is cut off" == bounded(lambda: onnx_file.load(path))
    assert "" == signature.kind(path)
