"""A model's .py that is wrong is one error, with the file, the lines and what to do; no traceback."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path

import pytest

from tools.errors import TruthError
from tools.spec.catalog import load_module, load_spec, model_names
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS
from tools.spec.sources import NO_ROOM

TSM, BSN = (MODELS / "tsm.py").read_text(), (MODELS / "bsn.py").read_text()


def refused(path: Path, text: str) -> tuple[list[str], str]:
    """The faults that are told of a model file of this text, and the remedy."""
    path.write_text(text)
    with pytest.raises(TruthError) as caught:
        load_spec(path.parent, path.stem)
    assert str(path) == caught.value.where
    first, *lines = caught.value.what.splitlines()
    assert f"wrong in {path.name}:" in first
    return [line.strip() for line in lines], caught.value.remedy or ""


@pytest.mark.parametrize(("text", "old", "new", "expected"), [
    (TSM, "reference_top1_at_least", "floor_top1", "line 25: MiniSpec calls floor_top1 reference_top1_at_least now: write that name"),
    (BSN, "reference_gain_at_least", "floor_gain", "line 29: MiniVideos calls floor_gain reference_gain_at_least now: write that name"),
    (BSN, "reference_ratio_at_least", "floor_ratio",
     "line 29: MiniVideos calls floor_ratio reference_ratio_at_least now: write that name"),
    (TSM, "softmax=True", "soft_max=True", "line 13: Network has no soft_max; it takes name, config, overrides, input,"),
    (TSM, "clips=3783,\n", "\n", "line 5: ModelSpec lacks clips"),
    (TSM, "seed=20210630, test_clips=63, ", "", "line 24: MiniSpec lacks seed, test_clips"),
    (TSM, "(8, 3, 224, 224)", "(8, 3, 224, 224), 5", "line 11: Tensor takes 2 values, and is given 3"),
    (TSM, "MiniSpec, ", "", "line 24: NameError: name 'MiniSpec' is not defined"),
    (TSM, "MiniSpec, ", "MiniSpecs, ", "line 3: ImportError: cannot import name 'MiniSpecs' from 'tools.spec'"),
    (TSM, "from tools.spec import", "from tools.minispec import", "line 3: ModuleNotFoundError: No module named 'tools.minispec'"),
    (TSM, "clips=3783", "clips=3783 videos", "line 22: SyntaxError: invalid syntax"),
    (TSM, "clips=3783", "clips=int('many')", "line 22: ValueError: invalid literal for int()"),
    (TSM, "clips=3783", "clips=1 // 0", "line 22: ZeroDivisionError: "),
    (TSM, "SPEC = ModelSpec(", "assert False\nSPEC = ModelSpec(", "line 5: AssertionError: it says no more"),
])
def test_a_file_that_cannot_be_run_is_one_error(tmp_path: Path, text: str, old: str, new: str, expected: str) -> None:
    """It names the line, what Python says of it, or which name our class has for it."""
    assert old in text
    name = "bsn" if text is BSN else "tsm"
    [told], remedy = refused(tmp_path / f"{name}.py", text.replace(old, new, 1))

    assert told.startswith(expected)
    assert remedy


@pytest.mark.parametrize(("text", "expected"), [
    ("SPEC = 1\n\0", "SyntaxError: source code string cannot contain null bytes"),
    ("# -*- coding: nope -*-\nSPEC = 1\n", "SyntaxError: unknown encoding: nope"),
    (f"SPEC = {'-' * 100_000}1\n", f"MemoryError: ({NO_ROOM}|Parser stack overflowed)")],
    ids=["a null byte", "an unknown encoding", "nested too deep"])
def test_what_no_line_is_to_blame_for_names_none(tmp_path: Path, text: str, expected: str) -> None:
    """Python says nothing of a line where it cannot even begin to read the file."""
    path = tmp_path / "tsm.py"
    path.write_text(text)
    with pytest.raises(TruthError) as caught:
        load_module(path)

    assert re.match(expected, caught.value.what.splitlines()[1].strip())


def test_a_file_is_read_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another text of the same size was run in the same second, of which Python keeps what it compiled."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    found = []
    for clips in (3783, 1234):
        (tmp_path / "tsm.py").write_text(TSM.replace("clips=3783", f"clips={clips}"))
        os.utime(tmp_path / "tsm.py", (1, 1))
        spec = load_spec(tmp_path, "tsm")
        assert isinstance(spec, ModelSpec)
        found.append(spec.clips)

    assert [3783, 1234] == found


def test_every_argument_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """Python stops at the first."""
    text = TSM.replace("softmax=True", "soft_max=True").replace("seed=20210630, ", "").replace("reference_top1_at_least", "floor_top1")
    told, _ = refused(tmp_path / "tsm.py", text)

    assert ["line 13: Network has no soft_max", "line 24: MiniSpec lacks seed", "line 25: MiniSpec calls floor_top1"] == [
        line.split(";")[0].split(" reference_top1")[0] for line in told]


@pytest.mark.parametrize(("old", "new", "expected"), [
    ("clips=3783", 'clips="3783"', "line 22: clips = '3783' has the wrong type (a whole number)"),
    ("clips=3783", "clips=True", "line 22: clips = True has the wrong type (a whole number)"),
    ("clips=3783", "clips=0", "line 22: clips = 0 is not above 0"),
    ('list_format="rawframes"', 'list_format="x"', "line 23: list_format = 'x' has the wrong type (one of 'rawframes', 'videos')"),
    ('dataset="ucf101"', 'dataset=""', "line 19: dataset = '' is empty"),
    ("deviation=(58.395, 57.12", "deviation=(58.395, 0", "line 18: preprocess.deviation = (58.395, 0, 57.375) is not above 0"),
    ("mean=(123.675, 116.28, 103.53)", "mean=(1, 2)", "line 18: preprocess.mean = (1, 2) has the wrong type (a tuple of a number, a"),
    ("noise=4.0", "noise=-4.0", "line 24: mini.noise = -4.0 is below 0"),
    ("top_probability=0.9", "top_probability=90", "line 25: mini.top_probability = 90 is not a share from 0 to below 1"),
    ("ridge=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)", "ridge=()", "line 25: mini.ridge = () is not above 0"),
    ('Tensor("class", (101,))', 'Tensor("class", [101])', "line 12: network.output.shape = [101] has the wrong type (a tuple, each"),
    ('Tensor("class", (101,))', 'Tensor("class", (101, 2))', "line 12: network.output.shape = (101, 2), and a recogniser's is"),
    ("(8, 3, 224, 224)", "(8, 3, 256, 256)", "line 11: network.input.shape = (8, 3, 256, 256), and sampling and preprocess make (8,"),
    ("clip_len=1, interval=1, clips=8", "clip_len=1, interval=1, clips=16", "line 11: network.input.shape = (8, 3, 224, 224), and"),
    ("crop=224", "crop=300", "line 11: network.input.shape = (8, 3, 224, 224), and sampling"),
    ('name="tsm"', 'name="tsn"', "line 7: network.name = 'tsn', and the file is called tsm.py"),
    ('optional_surgery=("constant-shift",)', 'optional_surgery=("constant",)',
     "line 14: network.optional_surgery = ('constant',) has the wrong type"),
    ("mini=MiniSpec(", "mini=(lambda **given: None)(", "line 24: mini = None has the wrong type (a MiniSpec)"),
])
def test_a_value_that_cannot_be_meant_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """By its type, by its range, or because it contradicts another one; its line is that of the value."""
    assert old in TSM
    told, _ = refused(tmp_path / "tsm.py", TSM.replace(old, new, 1))

    assert told[0].startswith(expected), told


def test_every_value_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """In the order of the file."""
    text = TSM.replace("clips=3783", "clips=0").replace("noise=4.0", "noise=-1").replace('Tensor("video"', "Tensor(5")
    told, _ = refused(tmp_path / "tsm.py", text)

    assert ["line 11: network.input.name = 5 has the wrong type (text)", "line 22: clips = 0 is not above 0",
            "line 24: mini.noise = -1 is below 0"] == told


def test_a_value_that_another_name_stands_for_has_the_line_of_what_holds_it(tmp_path: Path) -> None:
    """The nearest line that can be known without running the file."""
    text = TSM.replace("SPEC = ", "NOISE = -1\nSPEC = ").replace("noise=4.0", "noise=NOISE").replace(
        "network=Network(", "network=(lambda **given: Network(**given))(").replace('name="tsm"', 'name="other"')
    told, _ = refused(tmp_path / "tsm.py", text)

    assert ["line 25: mini.noise = -1 is below 0"] == told


def test_no_model_is_called_as_the_control_is(tmp_path: Path) -> None:
    """Its nights would be taken for those of the fixed graph. A config of that name is no model."""
    (tmp_path / "tsm.py").write_text(TSM)
    (tmp_path / "control.py").write_text("model = 1\n")
    assert (["tsm"], "tsm") == (model_names(tmp_path), load_spec(tmp_path, "tsm").name)

    (tmp_path / "control.py").write_text(TSM.replace('"tsm"', '"control"'))
    for asked in (lambda: model_names(tmp_path), lambda: load_spec(tmp_path, "control"), lambda: load_spec(tmp_path, "tsm")):
        with pytest.raises(TruthError, match="no model can be named 'control'"):
            asked()


def test_no_file_is_read_twice_where_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading is a part of collecting, which must stay quick."""
    monkeypatch.setattr(ast, "parse", lambda text: pytest.fail("the file is read once more for nothing"))

    assert ["bsn", "nonlocal", "r2plus1d", "slowfast", "tsm"] == [load_spec(MODELS, name).name for name in model_names(MODELS)]
