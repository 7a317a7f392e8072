"""What --graph, --graph-input, --graph-output and --atc-flags take, and how each mistake is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.errors import OptionError
from tools.spec.given import GraphPlaces, Said, atc_flags, said_input, said_output
from tools.spec.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: one file, and a folder with graphs of batches 1, 16 and 4 (two of those)."""
    (tmp_path / "om").mkdir()
    (tmp_path / "empty").mkdir()
    for name in ("mine.onnx", "mine.pth", "om/tsm_bs1.om", "om/tsm_bs16.om", "om/tsm_bs4.om", "om/tsm_bs4.onnx", "om/notes_bs1.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("text", "batch", "found"), [
    ("mine.onnx", 4, "mine.onnx"), ("mine.onnx", 64, "mine.onnx"), ("om", 1, "om/tsm_bs1.om"), ("om", 16, "om/tsm_bs16.om"),
    ("om/tsm_bs{batch}.om", 4, "om/tsm_bs4.om"), ("om/tsm_bs{batch}.onnx", 4, "om/tsm_bs4.onnx")])
def test_a_place_has_the_file_of_a_batch_size(folder: Path, text: str, batch: int, found: str) -> None:
    """One file for all, a folder with one for each, or a pattern; the path is absolute."""
    places = GraphPlaces.parse(text)

    assert folder / found == places.file("tsm", batch)
    assert places == GraphPlaces.parse(str(places))


def test_a_name_that_is_too_long_is_not_there(folder: Path) -> None:
    """Whatever the system says when it is asked for it."""
    for text in ("x" * 300, "x" * 300 + "{batch}.onnx", "{batch}" + "x" * 300 + "/y.onnx"):
        with pytest.raises(OptionError):
            GraphPlaces.parse(text).file("tsm", 4)


def test_each_network_has_its_own(folder: Path) -> None:
    places = GraphPlaces.parse("tem=mine.onnx,pem=om/tsm_bs{batch}.om")
    places.require(["tem", "pem"], "bsn")

    assert (folder / "mine.onnx", folder / "om/tsm_bs1.om") == (places.file("tem", 1), places.file("pem", 1))
    assert places == GraphPlaces.parse(str(places))


@pytest.mark.parametrize(("text", "what"), [
    ("there.onnx", "no such file or folder: there.onnx"), ("nowhere/x_bs{batch}.om", "no such file or folder: nowhere"),
    ("tem=mine.onnx,tem=om", "tem is given twice"), ("tem=mine.onnx,pem=there.onnx", "no such file or folder: there.onnx")])
def test_a_place_that_is_not_there_is_refused(folder: Path, text: str, what: str) -> None:
    with pytest.raises(OptionError, match=what) as error:
        GraphPlaces.parse(text)
    assert "--graph" == error.value.where


@pytest.mark.parametrize(("text", "batch", "what", "remedy"), [
    ("mine.pth", 1, "a graph's name ends in .onnx or .om, not in .pth", "export the network to ONNX"),
    ("om", 4, r"there is tsm_bs4.om, tsm_bs4.onnx", "or a pattern"), ("om", 8, "there is none of its 4 graphs", "a pattern: --graph"),
    (".", 1, "there is none of its 1 graphs", "--graph"),
    ("empty", 1, "this folder has no graph", "give a file, a folder or a pattern"),
    ("om/tsm_bs{batch}.om", 8, "there is no graph of batch 8", "-k bs1")])
def test_a_batch_size_without_its_one_file_is_refused(folder: Path, text: str, batch: int, what: str, remedy: str) -> None:
    with pytest.raises(OptionError, match=what) as error:
        GraphPlaces.parse(text).file("tsm", batch)
    assert str(folder) in str(error.value.where)
    assert remedy in str(error.value.remedy)


@pytest.mark.parametrize(("text", "networks", "what"), [
    ("mine.onnx", ["tem", "pem"], "bsn has the networks tem and pem, and --graph names one file"),
    ("tem=mine.onnx", ["tem", "pem"], "and --graph names tem"),
    ("tem=mine.onnx,pem=om", ["bsn"], "the network bsn, and --graph names tem and pem")])
def test_a_model_wants_a_graph_of_each_network(folder: Path, text: str, networks: list[str], what: str) -> None:
    with pytest.raises(OptionError, match=what):
        GraphPlaces.parse(text).require(networks, "bsn")


def test_a_named_file_of_the_only_network_is_taken(folder: Path) -> None:
    GraphPlaces.parse("tsm=mine.onnx").require(["tsm"], "tsm")


@pytest.mark.parametrize(("text", "said"), [("", Said()), ("video=NCTHW", Said("video", "NCTHW")), ("NTCHW", Said("", "NTCHW")),
                                            ("a=b:0=NCHW", Said("a=b:0", "NCHW"))])
def test_an_input_is_said(text: str, said: Said) -> None:
    assert said == said_input(text)
    assert text == str(said)


@pytest.mark.parametrize("text", ["video=", "video=HWC", "video=NHHW", "video=nchw", "video=NXY", "N"])
def test_an_input_that_is_no_layout_is_refused(text: str) -> None:
    with pytest.raises(OptionError) as error:
        said_input(text)
    assert ("--graph-input", True) == (error.value.where, "video=NCTHW" in str(error.value.remedy))


@pytest.mark.parametrize("word", ["softmax", "logits", "log-softmax"])
def test_an_output_is_said(word: str) -> None:
    """By its name, its scale, or both."""
    assert (Said("y"), "y") == (said_output("y"), str(said_output("y")))
    assert (Said("y", word), Said("", word)) == (said_output(f"y={word}"), said_output(word))


@pytest.mark.parametrize("text", ["y=probabilities", "y="])
def test_an_output_that_is_no_scale_is_refused(text: str) -> None:
    with pytest.raises(OptionError) as error:
        said_output(text)
    assert "--graph-output" == error.value.where


def test_flags_of_atc_are_words_of_a_shell(folder: Path) -> None:
    """With or without the equals sign; a file is named by its whole path, since atc works elsewhere."""
    flags = atc_flags("--precision_mode force_fp16 --out_nodes='a:0;b:1' --insert_op_conf=mine.pth --enable_small_channel=1")

    assert ["--precision_mode=force_fp16", "--out_nodes=a:0;b:1", f"--insert_op_conf={folder / 'mine.pth'}",
            "--enable_small_channel=1"] == [*flags]


@pytest.mark.parametrize(("text", "what"), [
    ("force_fp16", "'force_fp16' is no flag of atc"), ("--a=1 2", "'2' is no flag"), ("--out_nodes='a", "cannot be read"),
    *((f"--{name}=x", f"--{name} is not for a person to give") for name in ("model", "output", "framework", "input_shape", "soc_version"))])
def test_flags_that_are_none_or_ours_are_refused(text: str, what: str) -> None:
    with pytest.raises(OptionError, match=what) as error:
        atc_flags(text)
    assert "--atc-flags" == error.value.where


@pytest.mark.parametrize("flag", ["--precision_mode", "--precision_mode_v2"])
def test_a_precision_is_asked_for_once(flag: str) -> None:
    """By a flag of atc, or by the option that stands for it."""
    both = {"atc_flags": f"--log=error {flag}=fp16", "precision": "fp16"}
    with pytest.raises(OptionError) as error:
        Settings.parse(both)
    assert (f"{flag} and --precision fp16 both say in which numbers a compiled model computes", "--atc-flags") == (
        error.value.what, error.value.where)

    assert ("--log=error", f"{flag}=fp16") == Settings.parse({**both, "precision": "auto"}).atc_flags
    assert "fp16" == Settings.parse({**both, "atc_flags": "--log=error"}).precision


def test_settings_repeat_flags_that_begin_with_dashes(folder: Path) -> None:
    """As arguments of a command line, which would take the value for an option of its own."""
    settings = Settings.parse({"graph": "mine.onnx", "graph_input": "x=NCTHW", "graph_output": "softmax", "atc_flags": "--a=b c --d"
                               .replace(" c", "")})

    assert "--atc-flags=--a=b --d" in settings.arguments()
    assert "--atc-flags=--a=b --d" in settings.chosen("--atc-flags")


def test_what_is_said_of_no_graph_is_refused() -> None:
    """--graph-input and --graph-output speak of a graph that is given."""
    for name in ("graph_input", "graph_output"):
        with pytest.raises(OptionError, match="says something of a graph, and none is given"):
            Settings.parse({name: "x=softmax" if name == "graph_output" else "x=NCTHW"})
