"""A graph that computes what the model's own file does is told from one that computes something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from suites.selftest import own_graphs
from suites.selftest.own_graphs import OwnModel
from tools.deployment.compile import source_graph
from tools.deployment.weights import Weights, checkpoints

if TYPE_CHECKING:
    import onnx


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnModel:
    return own_graphs.in_this_process(tmp_path, monkeypatch)


def weights(own: OwnModel) -> Weights:
    [found] = checkpoints(own.context())
    return found


def test_a_file_that_was_only_saved_again_is_the_model_s(own: OwnModel, tmp_path: Path) -> None:
    """Whoever produced it, and wherever its weights lie; else a comparison with itself passes."""
    import onnx

    again = tmp_path / "again.onnx"

    def same() -> bool:
        graph = source_graph(own.context(graph=str(again)), weights(own), 4)
        assert graph.given is not None
        return graph.given.same

    def saved(change: Callable[[onnx.ModelProto], object]) -> bool:
        made = onnx.load(str(own_graphs.save(again)))
        change(made)
        onnx.save_model(made, str(again))
        return same()

    assert all(map(saved, (by_another, with_words, as_nodes, as_numbers)))
    own_graphs.save(again, external="beside.bin")
    assert same()
    own_graphs.save(again, batch=4)
    assert same()
    assert not any(map(saved, (another_weight, another_attribute, another_opset)))
    own_graphs.save(again, "one percent", external="beside.bin")
    assert not same()


def by_another(made: onnx.ModelProto) -> None:
    made.producer_name, made.producer_version, made.ir_version = "another", "2", 8


def with_words(made: onnx.ModelProto) -> None:
    made.doc_string = made.graph.doc_string = made.graph.node[0].doc_string = made.graph.initializer[0].doc_string = "words"
    made.graph.node[0].name, made.graph.name = "first", "another"
    entry = made.metadata_props.add()
    entry.key, entry.value = "who", "me"


def as_nodes(made: onnx.ModelProto) -> None:
    from onnx import helper

    held = [helper.make_node("Constant", [], [one.name], value=one) for one in made.graph.initializer]
    rest = [*made.graph.node]
    del made.graph.initializer[:], made.graph.node[:]
    made.graph.node.extend([*held, *rest])


def as_numbers(made: onnx.ModelProto) -> None:
    from onnx import numpy_helper

    tensor = made.graph.initializer[0]
    numbers = numpy_helper.to_array(tensor).ravel().tolist()
    tensor.ClearField("raw_data")
    tensor.float_data.extend(numbers)


def another_weight(made: onnx.ModelProto) -> None:
    made.graph.initializer[0].raw_data = made.graph.initializer[0].raw_data[:-1] + b"\x01"


def another_attribute(made: onnx.ModelProto) -> None:
    made.graph.node[0].attribute[0].ints[:] = [0, 1, 2, 3, 4]


def another_opset(made: onnx.ModelProto) -> None:
    made.opset_import[0].version = 12


def test_every_file_of_the_model_is_the_model_s(own: OwnModel, tmp_path: Path) -> None:
    """That of a larger batch size too; one that cannot be read stands in nobody's way."""
    own.says("colours.onnx", "colours_bs{batch}.onnx")
    own_graphs.save(own.models / "colours_bs4.onnx", batch=4)
    own_graphs.save(own.models / "colours_bs8.onnx", "one percent", batch=8)
    (own.models / "colours_bs16.onnx").write_text("no graph")
    again = [own_graphs.save(tmp_path / "again.onnx", "one percent", batch="n", external="beside.bin"),
             own_graphs.save(tmp_path / "other.onnx", "wrong order")]
    found = [source_graph(own.context(graph=str(one)), weights(own), 4).given for one in again]

    assert [True, False] == [one is not None and one.same for one in found]
