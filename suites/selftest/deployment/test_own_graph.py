"""A model that is an ONNX file alone: the file is found, checked and in every key."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest import own_graphs
from suites.selftest.conftest import ran
from suites.selftest.own_graphs import OwnModel
from tools.deployment import own_graph
from tools.deployment.compile import Source, source_graph
from tools.deployment.weights import Weights, checkpoints
from tools.errors import ClipgateError, GraphError, OptionError, WeightsError
from tools.machine.files import sha256
from tools.spec.case import BATCHES
from tools.spec.digest import network_digest, spec_digest


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OwnModel:
    return own_graphs.in_this_process(tmp_path, monkeypatch)


def weights(own: OwnModel, **options: str) -> Weights:
    [found] = checkpoints(own.context(**options))
    return found


def test_the_file_stands_for_the_weights(own: OwnModel) -> None:
    """It is named by its folder, known by its digest, and measured as it is, without an export."""
    found = weights(own)
    graph = source_graph(own.context(), found, 4)

    assert (own.graph, sha256(own.graph), "graph") == (found.path, found.sha256, found.origin)
    assert (own.graph, sha256(own.graph)) == (graph.path, graph.digest)
    assert graph.given is not None
    assert graph.given.own
    assert "clip:4,4,3,16,16" == Source.of(graph, found.network, 4).input_shape


def test_a_path_may_be_absolute(own: OwnModel, tmp_path: Path) -> None:
    """Then the models' folder does not matter."""
    elsewhere = own.graph.rename(tmp_path / "elsewhere.onnx")
    own.says('"colours.onnx"', repr(str(elsewhere)))

    assert elsewhere == weights(own).path


def test_another_file_has_another_digest(own: OwnModel) -> None:
    """The one that is the reference, and the one that is measured."""
    before = weights(own)
    own_graphs.save(own.graph, "one percent")

    assert before.sha256 != weights(own).sha256
    with pytest.raises(WeightsError, match="has changed since"):
        before.require_unchanged()


def test_weights_beside_the_file_count(own: OwnModel) -> None:
    """They change the digest as the file does, and are missed where they are not there."""
    own_graphs.save(own.graph, external="colours.bin")
    before, beside = weights(own), own.models / "colours.bin"
    assert ["colours.onnx", "colours.bin"] == [path.name for path, _ in before.files]
    bits = bytearray(beside.read_bytes())
    bits[3] ^= 1
    beside.write_bytes(bits)
    with pytest.raises(WeightsError, match=r"colours\.bin has changed"):
        before.require_unchanged()

    assert before.sha256 != weights(own).sha256
    beside.unlink()
    with pytest.raises(GraphError, match="weights of the graph are not there"):
        weights(own)


@pytest.mark.parametrize(("place", "names"), [("colours_bs{batch}.onnx", "colours_bs{}.onnx"), ("all", "all/c_bs{}.onnx")])
def test_a_file_for_each_batch_size_is_measured_at_its_own(own: OwnModel, place: str, names: str) -> None:
    """The reference is the smallest; a batch size without a file is one error."""
    own.says("colours.onnx", place)
    (own.models / "all").mkdir()
    files = {batch: own_graphs.save(own.models / names.format(batch), batch=batch) for batch in BATCHES[1:3]}
    found = weights(own)

    assert files[4] == found.path
    assert files[8] == source_graph(own.context(), found, 8).path
    with pytest.raises(OptionError, match="batch 1" if place == "all" else "no graph of batch 1"):
        source_graph(own.context(), found, 1)


def test_where_a_file_lies_shapes_no_key(own: OwnModel) -> None:
    """Its bytes do; and keys of models that torch builds are what they were before a file could be named."""
    before = (network_digest(own.spec.network), spec_digest(own.spec))
    own.says("colours.onnx", "other.onnx")

    assert before == (network_digest(own.spec.network), spec_digest(own.spec))


@pytest.mark.parametrize(("spoil", "words"), [
    (lambda path: own_graphs.save(path, "half"), "has to be float32, and this one is fp16"),
    (lambda path: path.write_bytes(b"no graph"), "the file is a text, and no ONNX graph"),
    (lambda path: path.unlink(), "no such file"),
])
def test_what_is_no_reference_is_refused(own: OwnModel, spoil: object, words: str) -> None:
    """Before a clip is read."""
    spoil(own.graph)  # type: ignore[operator]

    with pytest.raises(ClipgateError, match=words):
        weights(own)


@pytest.mark.parametrize(("frames", "classes", "words"), [
    (8, 3, r"the graph's input is clip float32 .* colours at batch 1 is NTCHW \[1, 8, 3, 16, 16\]"),
    (4, 5, r"the graph gives scores float32 .* colours gives \[1, 5\]"),
])
def test_a_file_that_does_not_fit_names_both_sides_and_the_model_s_file(own: OwnModel, frames: int, classes: int, words: str) -> None:
    """What is to be corrected is what the person has written."""
    own.says("(4, 3, 16, 16)", f"({frames}, 3, 16, 16)")
    own.says("clips=4)", f"clips={frames})")
    own.says("(3,)", f"({classes},)")

    with pytest.raises(GraphError, match=words) as caught:
        weights(own)
    assert "colours.py" in str(caught.value.remedy)


def test_an_om_is_no_model(own: OwnModel) -> None:
    """Nothing here can compute its reference."""
    own.graph.rename(own.models / "colours.om")
    own.says("colours.onnx", "colours.om")

    with pytest.raises(GraphError, match="has to be ONNX"):
        weights(own)


def test_what_is_said_of_the_graph_is_said_in_the_model_s_file(own: OwnModel) -> None:
    """The options are about another graph, beside which it holds too."""
    own.says('graph="colours.onnx",', 'graph="colours.onnx", graph_input="clip=NTCHW", graph_output="scores=logits",')
    asked = own_graph.asked(own.spec, own.spec.network)
    other = source_graph(own.context(graph_input="clip=NTCHW", graph=str(own.graph)), weights(own), 4)

    assert ("clip=NTCHW", "scores=logits") == (str(asked.input), str(asked.output))
    assert other.given is not None
    assert ("clip=NTCHW", "") == (str(other.given.asked.input), str(other.given.asked.output))


@pytest.mark.parametrize(("command", "words"), [
    (["export", "colours"], "colours is an ONNX graph already, which is neither exported nor simplified"),
    (["specialise", "colours", "4"], "colours is an ONNX graph already, which is neither exported nor simplified"),
    (["reference", "colours", "--torch-device=cuda"], "the reference of colours is ONNX Runtime on the CPU"),
    (["reference", "colours", "--weights=published"], "colours is an ONNX file alone, and its weights are in that file"),
    (["reference", "colours", "--data=mini"], "does not know the classes of the mini clips"),
    (["measure", "colours", "--batch=4", "--data=auto"], "does not know the classes of the mini clips"),
])
def test_a_command_that_has_nothing_to_do_says_so(own: OwnModel, command: list[str], words: str) -> None:
    """In one error with its remedy."""
    name, *rest = command
    done = ran(name, *own.arguments(), *rest)

    assert 2 == done.returncode
    assert words in done.stderr
    assert "remedy" in done.stderr


def test_nothing_is_fetched_for_it(own: OwnModel) -> None:
    """The file is the person's."""
    done = ran("fetch", "weights", "colours", f"--models={own.models}")

    assert 1 == done.returncode
    assert "nothing is fetched for it" in done.stderr


def test_labels_beyond_its_classes_are_one_error(own: OwnModel) -> None:
    """As with any model."""
    own.list.write_text("v_0 5 0\nv_1 5 3\n")
    done = ran("reference", "colours", *own.arguments())

    assert 1 == done.returncode
    assert "label 3 " in done.stderr
    assert "list.txt:2" in done.stderr
