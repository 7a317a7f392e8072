"""A file of options: what it may hold, what it is refused for, and that a command line is above it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.errors import OptionError
from tools.spec import configured
from tools.spec.configured import KNOWN, Configured
from tools.spec.options import FLAGS, OF_PYTEST, OPTIONS, USES, add_arguments
from tools.spec.settings import Settings, require


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that paths of a file may name; commands are started in another one."""
    for name in ("root", "locks", "history", "elsewhere", "models"):
        (tmp_path / name).mkdir()
    for name in ("own.txt", "own.pth", "own.onnx"):
        (tmp_path / name).write_text("x")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def written(home: Path, text: str, name: str = configured.NAME) -> Path:
    path = home / name
    path.write_text(f"[tool.clipgate]\n{text}\n")
    return path


def said(home: Path, text: str) -> dict[str, str]:
    """What a file of this text says of each option."""
    path = written(home, text)
    return dict(configured.read(path, path.read_text(), require).said)


def parsed(home: Path, *arguments: str, flags: tuple[str, ...] = FLAGS) -> Settings:
    """The settings of a command line whose artifacts folder lies in *home*."""
    parser = argparse.ArgumentParser()
    add_arguments(parser, flags)
    return Settings.of(parser.parse_args([f"--artifacts={home / 'artifacts'}", *arguments]))


@pytest.mark.parametrize(("text", "name", "means"), [
    ("clips = 24", "clips", "24"), ('clips = "all"', "clips", "all"), ("budget-s = 2.5", "budget_s", "2.5"),
    ("budget_s = 3", "budget_s", "3"),
    ("auto_tune = true", "auto_tune", "on"), ('auto-tune = "off"', "auto_tune", "off"), ("confirm = 7", "confirm", "7"),
    ('expect = ["top1=0.9", "bs4:clips/s=8"]', "expect", "top1=0.9,bs4:clips/s=8"), ('expect = "top1=0.9"', "expect", "top1=0.9"),
    ('atc-flags = ["--a=b", "--log=a b"]', "atc_flags", "--a=b '--log=a b'"), ('device = ["npu:0", "npu:1"]', "device", "npu:0,npu:1"),
    ('device = "auto"', "device", "auto"), ("nightly = true", "nightly", "yes"), ('allow = ["mini", "recorded"]', "allow", "mini,recorded"),
    ('data = "mini"', "data", "mini"), ('history = "off"', "history", "off"), ('surgery = "all"', "surgery", "all"),
])
def test_a_value_is_what_would_stand_on_a_command_line(home: Path, text: str, name: str, means: str) -> None:
    """Numbers, switches and lists as toml has them; a name with hyphens or with underscores."""
    assert {name: means} == said(home, text)


@pytest.mark.parametrize(("text", "name", "means"), [
    ('data = "own.txt"', "data", "own.txt"), ('data-root = "root"', "data_root", "root"), ('weights = "own.pth"', "weights", "own.pth"),
    ('locks = "locks"', "locks", "locks"), ('history = "history"', "history", "history"), ('models = "models"', "models", "models"),
    ('artifacts = "made/here"', "artifacts", "made/here"), ('graph = "own.onnx"', "graph", "own.onnx"),
])
def test_a_path_is_relative_to_the_file(home: Path, text: str, name: str, means: str) -> None:
    """And not to the folder that a command is started in; what is absolute stays."""
    absolute = str(home / means)

    assert {name: absolute} == said(home, text)
    assert {name: absolute} == said(home, text.replace(f'"{means}"', f'"{absolute}"'))


def test_each_of_several_graphs_is_relative_to_the_file(home: Path) -> None:
    assert {"graph": f"tem={home}/own.onnx,pem={home}/own.onnx"} == said(home, 'graph = "tem=own.onnx,pem=own.onnx"')


@pytest.mark.parametrize(("text", "words"), [
    ("clip = 24", "line 2: [tool.clipgate] has the unknown key clip"),
    ('data = "mini"\nclips = true', "line 3: [tool.clipgate] clips = true has the wrong type (a number)"),
    ("expect = 0.9", "expect = 0.9 has the wrong type (text, or a list of texts)"), ("nightly = 1", "nightly = 1 has the wrong type"),
    ('nightly = "yes"', "has the wrong type (true or false)"), ("data = [1]", "data = [1] has the wrong type (text)"),
    ("clips = 0", "line 2: [tool.clipgate] clips = 0: '0' is not a number that --clips can take; give a whole number from 1 on"),
    ('data = "gone.txt"', 'data = "gone.txt": no such choice or file'), ('surgery = "some"', "choose needed or all"),
    ('allow = "much"', "cannot allow much; choose of mini, recorded, no-verdict"), ('device = "npu:x"', "these are no devices: npu:x"),
    ('expect = "top9=1"', 'expect = "top9=1": '), ('graph_input = "x=QQ"', 'graph_input = "x=QQ": '),
    ("budget_s = 1\nbudget-s = 2", "line 3: [tool.clipgate] has budget_s twice, as budget-s too"),
    ("budget-s = 1\nbudget_s = 2", "line 3: [tool.clipgate] has budget-s twice, as budget_s too"),
    ("budget-s = []\nbudget_s = 2", "line 3: [tool.clipgate] has budget-s twice, as budget_s too"),
    ("clips = 1e29", "clips = 1e+29: there is no such list"), ("clips = 10000001", "clips = 10000001: there is no such list"),
    (f"clips = {'9' * 40}", "there is no such list"), (f"clips = {'9' * 400}", "is not a number that --clips can take"),
    (f"confirm = {'9' * 400}", "nobody measures that often"),
])
def test_what_no_option_takes_is_refused_by_file_line_and_key(home: Path, text: str, words: str) -> None:
    with pytest.raises(OptionError) as caught:
        said(home, text)

    assert words in caught.value.what
    assert str(home / configured.NAME) == caught.value.where
    assert "A file of options" in str(caught.value.remedy)


def test_all_that_is_wrong_is_told_at_once(home: Path) -> None:
    with pytest.raises(OptionError, match=r"^3 things are wrong in clipgate.toml:\n  line 2: .*\n  line 3: .*\n  line 4: "):
        said(home, "clips = 0\nclip = 1\nbudget-s = []")


@pytest.mark.parametrize(("content", "words"), [
    (b"[tool.clipgate\n", "is no toml"), (b"clips = 3\n", r"\[tool.clipgate\] is missing"), (b"", r"\[tool.clipgate\] is missing"),
    (b"[tools.clipgate]\nclips = 3\n", r"\[tool.clipgate\] is missing"),
    (b"[tool.other]\na = 1\n", r"\[tool.clipgate\] is missing"),
    (b"tool = 3\n", r"\[tool\] should be a table"), (b"\xff\n", "no UTF-8"),
])
def test_a_file_that_is_none_is_refused(home: Path, content: bytes, words: str) -> None:
    """With its name; a table of another tool alone says nothing of ours."""
    (home / configured.NAME).write_bytes(content)

    with pytest.raises(OptionError, match=words) as caught:
        parsed(home)
    assert str(home / configured.NAME) == caught.value.where


def test_an_unknown_key_is_told_all_known_ones_once(home: Path) -> None:
    """As they stand on a command line."""
    with pytest.raises(OptionError) as caught:
        said(home, "clip = 24")
    known = caught.value.what.partition("known here: ")[2].split(", ")

    assert sorted(one.flag.removeprefix("--") for one in KNOWN.values()) == known


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("gone.toml"), os.mkfifo], ids=["folder", "link", "pipe"])
def test_what_is_no_file_beside_the_artifacts_is_not_passed_over(home: Path, make: Callable[[Path], None]) -> None:
    """Somebody has meant it to say something; a link to a file is one."""
    path = home / configured.NAME
    make(path)

    with pytest.raises(OptionError, match="the file of options cannot be read: it is no file, or a link to none") as caught:
        parsed(home)
    assert str(path) == caught.value.where
    assert 0 == parsed(home, "--config=off").clips

    path.rmdir() if path.is_dir() else path.unlink()
    path.symlink_to(written(home, "clips = 24", "other.toml"))
    assert 24 == parsed(home).clips


def test_the_file_lies_beside_the_artifacts_folder_or_is_named(home: Path) -> None:
    """`--config off` reads none, and a named one is read instead; one that is not there is an error."""
    written(home, "clips = 24")
    other = written(home, "clips = 7", "other.toml")

    assert (24, 7, 0) == tuple(parsed(home, *more).clips for more in ((), (f"--config={other}",), ("--config=off",)))
    assert 0 == parsed(home / "elsewhere").clips
    with pytest.raises(OptionError, match="cannot be read: No such file"):
        parsed(home, "--config=gone.toml")


@pytest.mark.parametrize(("text", "argument", "name"), [
    ("clips = 24", "--clips=all", "clips"), ("budget-s = 3", "--budget-s=60", "budget_s"), ('data = "mini"', "--data=auto", "data"),
    ('expect = "top1=0.9"', "--expect=top1=0.5", "expect"), ('history = "off"', "--history=", "history"),
    ("confirm = 3", "--confirm=auto", "confirm"), ('models = "root"', f"--models={KNOWN['models'].default}", "models"),
])
def test_a_command_line_is_above_the_file(home: Path, text: str, argument: str, name: str) -> None:
    """Also where it says what would hold without the file: that is said all the same."""
    usual = getattr(parsed(home, argument, "--config=off"), name)
    written(home, text)

    assert usual == getattr(parsed(home, argument), name)
    assert usual != getattr(parsed(home), name)


@pytest.mark.parametrize(("argument", "words"), [
    ("--clips=1e29", "no such list"), ("--clips=10000001", "no such list"), ("--confirm=10000001", "that often"),
    (f"--confirm={'9' * 5000}", "that often"),
], ids=["clips", "one clip", "confirm", "digits"])
def test_numbers_that_nothing_can_have_are_refused_on_a_command_line(home: Path, argument: str, words: str) -> None:
    """What is just below is taken; a list that is shorter has a word of its own to say."""
    with pytest.raises(OptionError, match=words):
        parsed(home, argument)
    assert (10**7, 10**7) == ((found := parsed(home, "--clips=10000000", "--confirm=10000000")).clips, found.confirm)


def test_an_option_that_is_given_several_times_leaves_out_what_the_file_has(home: Path) -> None:
    written(home, 'expect = "top5=0.9"')

    assert parsed(home, "--config=off", "--expect=top1=0.5,bs4:clips/s=8").expect == parsed(
        home, "--expect=top1=0.5", "--expect=bs4:clips/s=8").expect


def test_a_command_takes_of_the_file_what_it_takes(home: Path) -> None:
    """Options of other commands stand there for those; which count is said."""
    path = written(home, 'clips = 24\ntimeout-s = 9\nnightly = true\nsurgery = "all"')
    found = parsed(home, flags=("--clips", "--artifacts"))

    assert (24, 900.0, "needed") == (found.clips, found.timeout_s, found.surgery)
    assert f"from {path}: --clips 24" == found.configured
    assert f"from {path}: none of these options" == parsed(home, flags=("--locks", "--artifacts")).configured


def test_a_line_that_repeats_a_run_does_not_depend_on_the_file(home: Path) -> None:
    """Its arguments hold all options, and so do the few that are chosen where a file was read."""
    path = written(home, 'clips = 24\ndata = "own.txt"\ngraph = "own.onnx"')
    settings = parsed(home, "--data=auto")
    again = settings.arguments()
    path.write_text("[tool.clipgate]\nclips = 7\nsurgery = 'all'\n")

    assert settings == parsed(home, *again)
    assert ["--clips", "24", "--data", "auto"] == settings.chosen("--clips", "--data")
    path.write_text("broken")
    assert settings == parsed(home, *again)


def test_a_sentence_tells_the_file_and_its_options() -> None:
    """As they would stand on a command line."""
    file = Configured(Path("/x/clipgate.toml"), {"clips": "7", "nightly": "yes", "data": "a b"})

    assert "from /x/clipgate.toml: --clips 7 --nightly --data 'a b'" == file.sentence(("clips", "nightly", "data"))
    assert {"clips": "7"} == file.over(["clips", "surgery"])


def test_every_option_has_one_plain_line() -> None:
    """At most 100 letters, without parentheses within parentheses; its words are values that it takes."""
    for one in (*OF_PYTEST, *OPTIONS):
        assert 15 <= len(one.text) <= 100, one.flag
        assert one.text.count("(") < 2
        assert not one.text.endswith(".")
        assert not one.text.count("%")
    assert {flag for flags in USES.values() for flag in flags} <= set(FLAGS)
    assert {"auto", "mini", "full"} == set(KNOWN["data"].words)
    assert ["all"] == KNOWN["clips"].words
