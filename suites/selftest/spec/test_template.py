"""The files of a new model can be read at once, explain every value, and take nothing that is there."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path

import pytest

from suites.selftest import own_graphs
from tools import new_model
from tools.errors import OptionError
from tools.spec import template
from tools.spec.bins import Bins
from tools.spec.catalog import load_spec, load_truth, model_names
from tools.spec.digest import spec_digest
from tools.spec.model import LocaliserSpec, ModelSpec, Spec
from tools.spec.settings import MODELS
from tools.spec.spec_source import KINDS
from tools.spec.template_words import words

FAMILIES = ("cpu", "npu")
MOST_COLUMNS = 110  # of a comment


def made(folder: Path, like: str, name: str = "own") -> list[str]:
    """The texts of both files."""
    return [path.read_text() for path in template.write(name, like, folder, MODELS, FAMILIES)]


def of(spec: Spec, name: str) -> Spec:
    """A model without what a new one does not begin with, under another name."""
    if isinstance(spec, LocaliserSpec):
        return replace(spec, name=name)
    network = replace(spec.network, name=name, optional_surgery=(), atc=replace(spec.network.atc, auto_tune=""), export_form=None)
    return replace(spec, network=network, bins=Bins())


@pytest.mark.parametrize("like", model_names(MODELS))
def test_the_files_are_read_at_once(tmp_path: Path, like: str) -> None:
    """The values are those of the model it begins with, an export form among them; nothing is published."""
    made(tmp_path, like)
    spec, truth, theirs = load_spec(tmp_path, "own"), load_truth(tmp_path, "own"), load_truth(MODELS, like)
    forms, begun = ([network.export_form.__code__.co_code if network.export_form else None for network in one.networks]
                    for one in (load_spec(MODELS, like), spec))

    assert "own" == spec.name
    assert spec_digest(of(load_spec(MODELS, like), "own")) == spec_digest(of(spec, "own"))
    assert load_spec(MODELS, like).mini == spec.mini
    assert forms == begun
    assert (theirs.pairs, theirs.recall, theirs.fidelity["fp32"]) == (truth.pairs, truth.recall, truth.fidelity["fp32"])
    assert (None, None, {}, (), ()) == (truth.accuracy, truth.weights, truth.network_weights, truth.figures, truth.archive)


@pytest.mark.parametrize("like", model_names(MODELS))
def test_every_value_has_a_line_that_explains_it(tmp_path: Path, like: str) -> None:
    """Above it, and narrow enough to be read; the file says whose values they are."""
    python, toml = made(tmp_path, like)
    lines, spec = python.splitlines(), next(node for node in ast.parse(python).body if isinstance(node, ast.Assign))
    calls = [node for node in ast.walk(spec) if isinstance(node, ast.Call) and node.end_lineno != node.lineno]
    bare = [keyword.arg for call in calls for keyword in call.keywords if not lines[keyword.lineno - 2].lstrip().startswith("# ")]
    rows = toml.splitlines()

    assert [] == bare
    assert [] == [row for before, row in pairwise(rows) if " = " in row and row[0] != "#" and not before.startswith("# ")]
    assert [] == [line for line in (*lines, *rows) if line.lstrip().startswith("#") and len(line) > MOST_COLUMNS]
    assert all(f"Every value is that of {like}, as a start" in text for text in (python, toml))


UNSAID = template.ON_ONE_LINE | {"Bins"}  # classes whose values no line of their own explains


@pytest.mark.parametrize("kind", sorted({*KINDS, "Part"} - UNSAID))
def test_every_field_has_words(kind: str) -> None:
    """Of every class that a model's file can call: any model may be one to begin with."""
    for field in fields(KINDS["Network" if kind == "Part" else kind]):
        assert field.name == "own" or all(words(kind, field.name, "own")), field.name


@pytest.mark.parametrize("more", ["", ', graph_input="frames=NTCHW", graph_output="scores=logits"'])
def test_a_model_that_is_a_graph_alone_can_be_begun_with(tmp_path: Path, more: str) -> None:
    """It has no mini data, and says where its graph is and how that is read."""
    own = own_graphs.model(tmp_path)
    own.says('graph="colours.onnx"', f'graph="colours.onnx"{more}')
    made(own.models, "colours")

    assert replace(own.spec, network=replace(own.spec.network, name="own")) == load_spec(own.models, "own")


def test_the_config_is_said_to_be_one_of_three(tmp_path: Path) -> None:
    """Whoever has a module or a graph learns what else to leave out; no part of a localiser is a graph."""
    recogniser, localiser = made(tmp_path, "tsm")[0], made(tmp_path, "bsn", "two")[0]

    assert 'or module="my_net:build", or graph="my.onnx": then leave out overrides' in recogniser
    assert "(and, for a graph, softmax, atc, mini)" in recogniser
    assert (2, 0) == (localiser.count('or module="my_net:build": then leave out overrides'), localiser.count("graph="))


def test_only_what_is_needed_is_written(tmp_path: Path) -> None:
    """No optional value, and no table beyond the two that judge."""
    python, toml = made(tmp_path, "tsm")

    assert [] == [word for word in ("bins", "optional_surgery", "auto_tune", "branch_scale", "Bins") if word in python]
    assert {"dataset", "gates"} == set(tomllib.loads(toml))
    assert {"pairs", "fidelity"} == set(tomllib.loads(toml)["gates"])


def test_a_network_of_two_is_explained_as_one(tmp_path: Path) -> None:
    """The marker is the model's name, not that of its networks."""
    python, _ = made(tmp_path, "bsn")

    assert 1 == python.count("pytest -m own")
    assert 2 == python.count("what its checkpoint, its graph and its rows are called")


@pytest.mark.parametrize(("name", "words"), [
    ("my-model", "cannot name a model"), ("3d", "cannot name a model"), ("", "cannot name a model"), ("_own", "cannot name a model"),
    ("__init__", "cannot name a model"), ("a/b", "cannot name a model"), ("n\N{LATIN SMALL LETTER E WITH ACUTE}", "cannot name a model"),
    ("and", "a word of its own"), ("None", "a word of its own"), ("conftest", "a file of its own"), ("test_x", "a file of its own"),
    ("slow", "is a marker already"), ("torch", "is a marker already"), ("xdist_group", "is a marker already"),
    ("cpu", "is a marker already"), ("npu", "is a marker already"), ("bs16", "is a marker already"), ("bs3", "is a marker already"),
    ("skip", "is a marker already"), ("benchmark", "is a marker already"), ("control", "is the fixed graph"),
])
def test_a_name_that_no_model_can_have_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """It is no name, pytest reads it otherwise, or it selects something else; nothing is written."""
    with pytest.raises(OptionError, match=words):
        template.write(name, "tsm", tmp_path / "new", MODELS, FAMILIES)

    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nonlocal", "import", "class", "bs", "Net_2"])
def test_a_keyword_of_python_is_a_name(tmp_path: Path, name: str) -> None:
    """As the model called nonlocal is."""
    template.write(name, "tsm", tmp_path, MODELS, FAMILIES)

    assert [name] == model_names(tmp_path)


@pytest.mark.parametrize("suffix", [".py", ".toml"])
def test_nothing_is_overwritten(tmp_path: Path, suffix: str) -> None:
    """One file of that name is enough to refuse it, and the other is not made."""
    there = tmp_path / f"own{suffix}"
    there.write_text("mine")
    with pytest.raises(OptionError, match="'own' is taken, and nothing is overwritten") as caught:
        template.write("own", "tsm", tmp_path, MODELS, FAMILIES)

    assert str(there) == caught.value.where
    assert ([there], "mine") == (list(tmp_path.iterdir()), there.read_text())


def test_an_unknown_model_to_begin_with_is_refused(tmp_path: Path) -> None:
    """With those that there are."""
    with pytest.raises(OptionError, match="unknown model 'tsn'") as caught:
        template.write("own", "tsn", tmp_path, MODELS, FAMILIES)

    assert "slowfast" in str(caught.value.remedy)
    assert [] == list(tmp_path.iterdir())


def test_a_model_of_ones_own_can_be_begun_with(tmp_path: Path) -> None:
    """One in the folder that is written to goes before one of ours; its functions and imports come along."""
    text = (MODELS / "tsm.py").read_text().replace("clips=3783", "clips=COUNT").replace("SPEC =", "COUNT = 12\nSPEC: ModelSpec =")
    (tmp_path / "tsm.py").write_text(text)
    (tmp_path / "tsm.toml").write_text((MODELS / "tsm.toml").read_text())
    python, _ = made(tmp_path, "tsm")
    spec = load_spec(tmp_path, "own")

    assert isinstance(spec, ModelSpec)
    assert 12 == spec.clips
    assert "COUNT = 12\n" in python


def test_half_of_a_model_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the second file cannot be written the first goes, and the error names the folder."""
    real = Path.open

    def full(self: Path, *given: object, **named: object) -> object:
        if self.suffix == ".toml" and "x" in given:
            raise OSError(28, "No space left on device")
        return real(self, *given, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OptionError, match="cannot be written: No space left"):
        template.write("own", "tsm", tmp_path, MODELS, FAMILIES)

    assert [] == list(tmp_path.iterdir())


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both paths, and how to see whether they can be read."""
    assert 0 == new_model.main(["own", "--like", "slowfast", "--models", str(tmp_path)])
    first, second, last = capsys.readouterr().out.splitlines()

    assert [f"written: {tmp_path / 'own.py'}", f"written: {tmp_path / 'own.toml'}"] == [first, second]
    assert f"pytest --models {tmp_path} --collect-only -q -m own" in last
