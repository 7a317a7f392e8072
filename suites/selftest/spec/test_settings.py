"""Options: read once, checked where they are given, and the same again as arguments of a child process."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from pathlib import Path

import pytest

from tools.deployment.origin import origin
from tools.errors import OptionError
from tools.spec.case import Case, Device, Mode
from tools.spec.catalog import load_spec
from tools.spec.expectations import Expectations
from tools.spec.given import GraphPlaces, Said
from tools.spec.option_texts import RIGHT
from tools.spec.options import OPTIONS, add_arguments
from tools.spec.settings import ARTIFACTS, MODELS, Settings
from tools.storage.context import Context

TSM = load_spec(MODELS, "tsm")


def parse(*arguments: str) -> Settings:
    """The settings of a command line."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return Settings.parse(vars(parser.parse_args(arguments)))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a list, a checkpoint and a data root in it."""
    (tmp_path / "own.txt").write_text("a.mp4 0\n")
    (tmp_path / "own.pth").write_bytes(b"")
    (tmp_path / "root").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_options_everything_has_its_default() -> None:
    """A command line without options judges all that is there for a minute, into the project's artifacts."""
    assert parse() == Settings("auto", "", "auto", GraphPlaces(), Said(), Said(), (), Expectations(), "", "", 0, 60.0, 900.0,
                               "", "", "off", 3600.0, "needed", ARTIFACTS, "", MODELS, "", None, "", "off", 0)


@pytest.mark.parametrize("arguments", [
    (), ("--data", "mini", "--weights", "mini", "--clips", "24", "--budget-s", "2.5", "--surgery", "all"),
    ("--expect", "top1=0.93,AR@100=0.7512345678901234"), ("--history", "root", "--confirm", "7"),
    ("--data", "own.txt", "--data-root", "root", "--weights", "own.pth", "--artifacts", "out", "--locks", "root", "--models", "root"),
])
def test_settings_become_the_arguments_they_came_from(files: Path, arguments: tuple[str, ...]) -> None:
    """Settings turned into arguments and read again, in any folder, are the same settings."""
    settings = parse(*arguments)
    words = settings.arguments()

    assert settings == parse(*words)
    assert 2 * len(OPTIONS) == len(words)


def test_paths_are_absolute(files: Path) -> None:
    """A path given relative to the working directory is kept as an absolute one."""
    settings = parse("--data", "own.txt", "--data-root", "root", "--weights", "own.pth", "--artifacts", "out", "--locks", "root",
                     "--models", "root")

    assert (str(files / "own.txt"), str(files / "root"), str(files / "own.pth")) == (settings.data, settings.data_root, settings.weights)
    assert (files / "out", files / "root", files / "out" / "store") == (settings.artifacts, settings.models, settings.store)
    assert str(files / "root") == settings.locks


@pytest.mark.parametrize(("option", "value"), [
    ("--clips", "-1"), ("--clips", "2.5"), ("--clips", "many"), ("--clips", ""), ("--clips", "nan"), ("--clips", "inf"),
    ("--clips", "0"), ("--clips", "none"), ("--budget-s", "0"), ("--budget-s", "-2"), ("--timeout-s", "0"), ("--atc-timeout-s", "0"),
    ("--budget-s", "-0.5"), ("--budget-s", "1 min"), ("--budget-s", "nan"),
    ("--data", "gone.txt"), ("--data", "published"), ("--weights", "gone.pth"), ("--weights", "full"),
    ("--data-root", "gone"), ("--data-root", "own.txt"), ("--locks", "gone"), ("--locks", "own.txt"),
    ("--surgery", "none"), ("--surgery", "constant-shift"),
    ("--expect", "top1"), ("--expect", "top9=0.9"), ("--expect", "top5=0"), ("--expect", "top5=-0.1"),
    ("--expect", "top5=nan"), ("--expect", "top5=much"), ("--expect", "top1=93"), ("--expect", "top1=93%"), ("--expect", "top1=0.9%"),
    ("--expect", "=0.9"), ("--expect", "top1=0.9,"), ("--expect", "top1=0.9,top1=0.8"),
])
def test_a_wrong_value_is_an_error_that_names_its_option(files: Path, option: str, value: str) -> None:
    """A number that is none, or an absent list, checkpoint or folder, is an OptionError naming the option."""
    with pytest.raises(OptionError) as caught:
        parse(f"{option}={value}")

    assert option == caught.value.where
    assert value in caught.value.what
    assert caught.value.remedy


@pytest.mark.parametrize("option", RIGHT)
def test_a_wrong_number_is_answered_with_one_for_that_option(option: str) -> None:
    """The example shown is of the option that was wrong, and it is right. All clips are a word, not 0."""
    with pytest.raises(OptionError) as caught:
        parse(option, "-2")
    [example] = re.findall(rf"{option} [\d.]+", str(caught.value.remedy))

    assert [0.0] != [float(getattr(parse(*example.split()), option[2:].replace("-", "_")))]
    assert parse() == parse("--clips", "all")
    assert "all" == parse().arguments()[parse().arguments().index("--clips") + 1]


def test_a_case_reads_as_its_id() -> None:
    """A case's text is model, batch size and device."""
    assert ["tsm-bs16-cpu", "tsm-bs1-npu0"] == [str(Case("tsm", 16, Device("cpu"))), str(Case("tsm", 1, Device("npu", 0)))]


@pytest.mark.parametrize("one", [Case("tsm", 16, Device("cpu")), Case("tsm", 1, Device("npu", 12)),
                                 Case("r2plus1d", 4, Device("npu", 0, simulated=True)), Case("tsm", 1, Device("cuda", 3)),
                                 Case("tsm", 1, Device("cuda"), Mode("tensorrt")), Case("tsm", 16, Device("npu", simulated=True))])
def test_a_case_is_read_back_from_its_text(one: Case) -> None:
    """Whatever its family; for another model it is no case at all."""
    assert one == Case.parse(str(one), one.model)
    assert Case.parse(str(one), "sm") is None
    assert Case.parse(f"{one}.old", one.model) is None


@pytest.mark.parametrize(("data", "chosen", "expected"), [
    ("mini", "auto", "mini"), ("full", "auto", "published"), ("auto", "auto", "mini"), ("mini", "mini", "mini"),
    ("full", "published", "published"), ("full", "own.pth", "own"),
    ("own.txt", "mini", "mini"), ("own.txt", "published", "published"), ("own.txt", "own.pth", "own"),
])
def test_weights_belong_to_their_data(files: Path, data: str, chosen: str, expected: str) -> None:
    """Mini clips go with mini weights, the full set with published or own ones, an own list with any."""
    assert expected == origin(Context(parse("--data", data, "--weights", chosen), TSM))


@pytest.mark.parametrize(("data", "chosen"), [("mini", "published"), ("mini", "own.pth"), ("full", "mini"), ("auto", "published")])
def test_weights_of_other_data_are_refused(files: Path, data: str, chosen: str) -> None:
    """Weights judged on data they were not made for are an OptionError that says what goes with what."""
    with pytest.raises(OptionError, match="do not belong together") as caught:
        origin(Context(parse("--data", data, "--weights", chosen), TSM))

    assert "--weights" == caught.value.where
    assert "mini clips go with mini weights" in str(caught.value.remedy)


def test_an_own_list_asks_whose_weights(files: Path) -> None:
    """For a list of the user's own nothing is guessed: the OptionError names the three choices."""
    with pytest.raises(OptionError) as caught:
        origin(Context(parse("--data", "own.txt"), TSM))

    assert "--weights" == caught.value.where
    for choice in ("--weights published", "--weights mini", "--weights FILE.pth"):
        assert choice in str(caught.value.remedy)


def test_auto_data_is_full_where_the_list_is_found(files: Path) -> None:
    """With the data set's list below the data root, auto takes the full set and the published weights."""
    settings = replace(parse("--data-root", "root"), weights="auto")
    assert "mini" == origin(Context(settings, TSM))

    path = files / "root" / TSM.dataset / TSM.list_file
    path.parent.mkdir()
    path.write_text("v 8 0\n")
    assert "published" == origin(Context(settings, TSM))


@pytest.mark.parametrize("copy", ["tsm-bs1-old", "tsm-bs1-cpu2", "tsm-bs1-cpusim", "tsm-bs1-npux", "tsm-bs1-cpu.bak"])
def test_a_copy_of_a_cells_folder_is_no_case(copy: str) -> None:
    """Only a text that `str(case)` can give is a case's."""
    assert Case.parse(copy, "tsm") is None


def test_options_that_are_wrong_are_told_together(files: Path) -> None:
    """Each once, with its own remedy; one alone reads as ever."""
    with pytest.raises(OptionError) as caught:
        parse("--data", "none.txt", "--weights", "none.pth", "--budget-s", "-1", "--graph", "none.onnx", "--graph-input", "x=NCTHW")
    said = str(caught.value)
    assert said.startswith("4 options are wrong:\n  1. no such choice or file: none.txt\n       where   --data\n")
    assert all(said.count(words) == 1 for words in ("none.txt", "none.pth", "none.onnx", "--budget-s 10"))

    with pytest.raises(OptionError, match=r"^no such choice or file: none\.txt"):
        parse("--data", "none.txt")
