"""What a model's files, expectations and options say, and what is said of those that cannot be."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from tools.errors import OptionError, TruthError
from tools.spec import digest, settings
from tools.spec.case import BATCHES, Case, Device
from tools.spec.catalog import load_spec, model_names
from tools.spec.expectations import Expectations
from tools.spec.figures import Figure
from tools.spec.model import LocaliserSpec, ModelSpec, Preprocess, Sampling, Spec, localiser, recogniser
from tools.spec.settings import MODELS, Settings

TSM, BSN = cast("ModelSpec", load_spec(MODELS, "tsm")), cast("LocaliserSpec", load_spec(MODELS, "bsn"))


def test_a_digest_is_of_the_content_alone() -> None:
    """Of keys in any order, and of letters as they are."""
    assert hashlib.sha256('{"a":[1,null],"b":"é"}'.encode()).hexdigest() == digest.digest({"b": "é", "a": [1, None]})
    assert 4 == len({digest.digest(value) for value in (1, "1", [1], True)})


def form(module: Any) -> None:
    """An export form."""


def other(module: Any) -> None:
    """Another export form."""


def test_what_shapes_a_network_is_in_its_digest() -> None:
    """Its export form by its text; how it is compiled, and surgery that only some graphs have, are not."""
    network = TSM.networks[0]
    same = {digest.network_digest(one) for one in (network, replace(network, optional_surgery=("constant-shift",)),
                                                   replace(network, atc=replace(network.atc, auto_tune="x")))}
    others = [replace(network, export_form=form), replace(network, export_form=other), replace(network, softmax=not network.softmax),
              replace(network, surgery=("conv1d-to-conv2d",)), replace(network, rows=7), replace(network, overrides=(("a", 1),))]
    assert 1 == len(same)
    assert 7 == len({*same, *(digest.network_digest(one) for one in others)})


def test_what_shapes_an_input_is_in_a_specs_digest() -> None:
    """How its mini data are made is not, nor are the files of its guide. Its networks are, in their order."""
    assert digest.spec_digest(TSM) == digest.spec_digest(replace(TSM, mini=replace(TSM.mini, seed=1), bins=None))  # type: ignore[arg-type]
    assert digest.spec_digest(BSN) == digest.spec_digest(replace(BSN, mini=replace(BSN.mini, seed=1)))
    others: list[Spec] = [replace(TSM, sampling=Sampling(1, 1, 9)), replace(TSM, network=replace(TSM.network, rows=7)),
                          replace(TSM, dataset="x"), replace(TSM, preprocess=replace(TSM.preprocess, crop=9)), BSN,
                          replace(BSN, tem=BSN.pem, pem=BSN.tem)]
    assert 7 == len({digest.spec_digest(one) for one in (TSM, *others)})


def model(folder: Path, text: str, name: str = "mine") -> Path:
    (folder / f"{name}.py").write_text(text)
    return folder


TEXT = (MODELS / "tsm.py").read_text().replace('name="tsm"', 'name="mine"')


def test_a_folder_without_models_or_of_others_is_named(tmp_path: Path) -> None:
    """With what would be there, and those that are; a package's own file is no model."""
    (tmp_path / "__init__.py").touch()
    with pytest.raises(OptionError, match="no models here") as caught:
        model_names(tmp_path)
    assert (str(tmp_path), "--models takes a folder of <model>.py and <model>.toml") == (caught.value.where, caught.value.remedy)

    model(tmp_path, TEXT, "b")
    model(tmp_path, TEXT, "a")
    assert ["a", "b"] == model_names(tmp_path)
    with pytest.raises(OptionError, match="unknown model 'c'") as caught:
        load_spec(tmp_path, "c")
    assert (str(tmp_path), "choose one of: a, b") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("text", "words"), [
    ("", "the file must define SPEC, a ModelSpec or LocaliserSpec named 'mine'"), ("SPEC = 7", "the file must define SPEC"),
    (TEXT.replace('name="mine"', 'name="another"', 1), "SPEC must be named 'mine'"),
], ids=["nothing", "a number", "another name"])
def test_a_models_file_must_define_it_by_its_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(TruthError, match=words) as caught:
        load_spec(model(tmp_path, text), "mine")
    assert str(tmp_path / "mine.py") == caught.value.where


@pytest.mark.parametrize(("form", "plain"), [
    ("def form(module):\n    pass\n", True), ("from os.path import join as form\n", False), ("form = len\n", False),
    ("def outer():\n    def form(module):\n        pass\n    return form\nform = outer()\n", False), ("form = None\n", True),
], ids=["of the file", "imported", "none", "inside another", "empty"])
def test_an_export_form_is_a_plain_function_of_the_file(tmp_path: Path, form: str, plain: bool) -> None:
    """Others could not travel to a child process, or be read for a key."""
    text = re.sub(r"\n    network=Network\(", "\n    network=Network(export_form=form, ", TEXT, count=1)
    assert text != TEXT
    folder = model(tmp_path, text.replace("\nSPEC", f"\n{form}\nSPEC", 1))
    if plain:
        assert "mine" == load_spec(folder, "mine").name
        return
    with pytest.raises(TruthError, match="has to be a plain function of this file without a decorator") as caught:
        load_spec(folder, "mine")
    assert (str(tmp_path / "mine.py"), "write it with def at the top of the file") == (caught.value.where, caught.value.remedy)


def test_a_spec_counts_what_it_needs() -> None:
    assert 64 == Sampling(32, 2, 2).frames
    how = Preprocess(256, 224, (0.0,) * 3, (1.0,) * 3)
    assert (1, 3) == (how.view_count, replace(how, views="three").view_count)
    network = replace(TSM.network, surgery=("conv1d-to-conv2d",), optional_surgery=("constant-shift",))
    assert (("conv1d-to-conv2d",), ("conv1d-to-conv2d", "constant-shift")) == (network.surgeries("needed"), network.surgeries("all"))
    assert (7,) == network.with_outputs(7).output.shape
    assert (("tem", "pem"), ("tsm",)) == (tuple(one.name for one in BSN.networks), tuple(one.name for one in TSM.networks))
    assert (BSN.features_folder, TSM.frames_folder, 101) == (BSN.files_folder, TSM.files_folder, TSM.classes)


def test_a_model_of_the_other_kind_is_refused() -> None:
    assert (TSM, BSN) == (recogniser(TSM, "x", "y"), localiser(BSN, "y"))
    with pytest.raises(OptionError, match="bsn is judged by its detections") as caught:
        recogniser(BSN, "is judged by its detections", remedy="do so")
    assert "do so" == caught.value.remedy
    with pytest.raises(OptionError, match="tsm is no localiser") as caught:
        localiser(TSM, remedy="take another")
    assert "take another" == caught.value.remedy


@pytest.mark.parametrize(("text", "meant"), [
    ("top1=0", "top1=0.93"), ("top1=1.5", "top1=0.015"), ("top1=93%", "top1=0.93"), ("top1=100%", "top1=1"),
    ("top1=0.5%", "top1=0.005"),
    ("top1=100.5", "top1=0.93"), ("top1=-1", "top1=0.93"), ("top1=x", "top1=0.93"), ("top1=nan", "top1=0.93"),
    ("top1=93.123", "top1=0.93123"),
])
def test_a_floor_is_a_share(text: str, meant: str) -> None:
    """What was probably meant by another number is said."""
    number = text.partition("=")[2]
    with pytest.raises(OptionError, match=re.escape(f"top1={number} does not expect a share above 0 and up to 1")) as caught:
        Expectations.parse(text)
    assert ("--expect", f"for example --expect {meant}") == (caught.value.where, caught.value.remedy)


def test_floors_are_taken_up_to_the_whole_and_each_once() -> None:
    found = Expectations.parse(" top1 = 1 , top5=0.001")
    assert (("top1", 1.0), ("top5", 0.001)) == found.floors
    assert ("top1=1.0,top5=0.001", found) == (str(found), Expectations.parse(str(found)))
    assert Expectations() == Expectations.parse("") == Expectations.parse("  ")
    with pytest.raises(OptionError, match=r"top1 is expected 2 times in 'top1=0\.5,top1=0\.6'") as caught:
        Expectations.parse("top1=0.5,top1=0.6")
    assert ("--expect", "say it once") == (caught.value.where, caught.value.remedy)
    for text in ("top2=0.5", "top1", "=0.5"):
        with pytest.raises(OptionError, match=re.escape(f"{text!r} in {text!r} does not say what is expected")) as caught:
            Expectations.parse(text)
        assert str(caught.value.remedy).startswith("for example --expect top1=0.93,top5=0.99; known here: top1, top5, AR@")
    found.require(["top5", "top1"], "tsm")
    with pytest.raises(OptionError, match="bsn has no top1") as caught:
        found.require(["AR@100"], "bsn")
    assert ("--expect", "bsn is judged by AR@100; models of another kind want a run of their own") == (
        caught.value.where, caught.value.remedy)


def figure(**more: Any) -> Figure:
    return Figure(**{"id": "r1", "device": "T4", "metric": "top1", "value": 90.0, "unit": "%", "kind": "raw", "status": "ok",
                     "section": "1", **more})


@pytest.mark.parametrize(("more", "words"), [
    ({}, ""), ({"batch": 0}, "is of batch size 0"), ({"batch": 1}, ""), ({"value": 100.0}, ""),
    ({"value": 101.0}, "is an accuracy of 101%"),
    ({"value": 1.01, "unit": "fraction"}, "is an accuracy of 101%"), ({"value": 101.0, "kind": "ratio"}, ""),
    ({"value": 101.0, "metric": "throughput"}, ""), ({"corrected": 1.0}, "is ok and has a corrected value"),
    ({"status": "rounding", "note": "so"}, "is rounding and has no corrected value"),
    ({"status": "rounding", "corrected": 90.1}, "is rounding and has no note that says why"),
    ({"status": "rounding", "corrected": 90.1, "note": "so"}, ""), ({"status": "suspect", "note": "so"}, ""),
    ({"status": "suspect", "note": "so", "corrected": 90.1}, ""), ({"status": "suspect"}, "is suspect and has no note that says why"),
], ids=range(15))
def test_a_figure_that_contradicts_itself_is_told(more: dict[str, Any], words: str) -> None:
    assert words == figure(**more).contradiction


def test_a_figure_is_what_is_right_of_it() -> None:
    """The corrected value where there is one; percents as shares; a doubt only of a doubtful one."""
    assert (90.0, 0.9, "") == (figure().right, figure().fraction, figure().doubt)
    assert (0.5, 0.5) == ((one := figure(value=0.5, unit="fraction")).right, one.fraction)
    assert 88.0 == figure(status="rounding", corrected=88.0, note="so").right
    assert "suspect: so" == figure(status="suspect", note="so").doubt


def test_a_case_and_its_device_have_words_of_their_own() -> None:
    assert (1, 4, 8, 16, 32, 64) == BATCHES
    assert ("npu:3", "npu3", "npu3sim", "cpu") == (str(Device("npu", 3)), Device("npu", 3).label, Device("npu", 3, simulated=True).label,
                                                   Device("cpu").label)
    assert Case("tsm", 4, Device("cpu")) == Case.parse("tsm-bs4-cpu", "tsm")


@pytest.mark.parametrize(("flag", "text", "words"), [
    ("--clips", "0", "give a whole number from 1 on"), ("--clips", "1.5", "give a whole number from 1 on"),
    ("--clips", "many", "give a whole"),
    ("--budget-s", "0", "give seconds above 0"), ("--timeout-s", "-1", "give seconds above 0"), ("--timeout-s", "inf", "give seconds"),
    ("--atc-timeout-s", "nan", "give seconds above 0"),
])
def test_a_number_that_an_option_cannot_take_is_refused(flag: str, text: str, words: str) -> None:
    with pytest.raises(OptionError, match=re.escape(f"{text!r} is not a number that {flag} can take")) as caught:
        Settings.parse({settings._name(flag): text})
    assert flag == caught.value.where
    assert str(caught.value.remedy).startswith(words)


def test_what_is_chosen_is_what_is_not_usual(tmp_path: Path) -> None:
    """All of it as arguments, which give the same settings again."""
    some = Settings.parse({"clips": "7", "budget_s": "2", "data": "mini", "artifacts": str(tmp_path)})
    assert ["--clips", "7", "--data", "mini"] == some.chosen("--clips", "--surgery", "--data")
    assert [] == Settings.parse({}).chosen("--clips", "--data", "--artifacts")
    assert ["--clips", "all"] == Settings.parse({"artifacts": str(tmp_path)}).arguments()[(at := Settings.parse({}).arguments().index(
        "--clips")):at + 2]
    words = some.arguments()
    assert some == Settings.parse({settings._name(flag): text for flag, text in zip(words[::2], words[1::2], strict=True)})
    assert tmp_path / "store" == some.store


@pytest.mark.parametrize(("options", "where", "words", "remedy"), [
    ({"data_root": "/no/where"}, "--data-root", "no such folder: /no/where", "give the folder that holds ucf101/"),
    ({"locks": "/no/where"}, "--locks", "no such folder: /no/where", "make it first, with chmod 3770"),
    ({"surgery": "some"}, "--surgery", "no such choice: some", "choose needed or all"),
    ({"auto_tune": "maybe"}, "--auto-tune", "no such choice: maybe", "choose off or on"),
    ({"data": "/no/list"}, "--data", "no such choice or file: /no/list", "choose auto, mini, full, or the path of a list file"),
    ({"weights": "/no/file"}, "--weights", "no such choice or file: /no/file", "choose auto, "),
], ids=range(6))
def test_what_is_not_there_is_refused_by_its_option(options: dict[str, str], where: str, words: str, remedy: str) -> None:
    with pytest.raises(OptionError, match=re.escape(words)) as caught:
        Settings.parse(options)
    assert where == caught.value.where
    assert str(caught.value.remedy).startswith(remedy)


def test_weights_and_data_may_be_a_folder(tmp_path: Path) -> None:
    """Which models take one is the models' to say."""
    settings = Settings.parse({"weights": str(tmp_path), "data": str(tmp_path)})

    assert (str(tmp_path), str(tmp_path)) == (settings.weights, settings.data)
