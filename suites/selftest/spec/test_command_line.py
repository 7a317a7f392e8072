"""A command takes the options that it uses and refuses others; a shell is told how a line may go on."""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS, clean_environment, ran, tiny_places
from suites.selftest.whole.test_arrow import imported, modules, nodes
from tools.spec import command_line
from tools.spec.command_line import ASKED, complete, parsed
from tools.spec.options import ARTIFACTS, FLAGS, MODELS, OPTIONS, ROOT, USES, UsualPath, add_arguments, names
from tools.spec.settings import Settings

COMMANDS = {  # the least that each command must be given
    "measure": "tiny --batch 4", "locate": "tiny --batch 4", "export": "tiny", "specialise": "tiny 4", "compile": "tiny 4",
    "reference": "tiny", "score": "tiny x", "record": "tiny accuracy x", "evaluate": "bsn x.json", "doctor": "", "data check": "ucf101",
    "data clips": "tiny", "data dump": "tiny --out x", "data rawframes": "",
}


@pytest.mark.parametrize(("command", "flag"), [(command, flag) for command, flags in USES.items() for flag in FLAGS if flag not in flags])
def test_a_command_refuses_by_name_what_it_makes_no_use_of(command: str, flag: str) -> None:
    """With status 2, whichever way the value is written; nothing is done."""
    for words in ([flag, "x"], [f"{flag}=x"]):
        done = ran(*command.split(), *COMMANDS[command].split(), *words)

        assert (2, "") == (done.returncode, done.stdout)
        assert f"error: {flag}: not for this command, which makes no use of it; --help lists what it takes" in done.stderr


@pytest.mark.parametrize("command", USES)
def test_help_lists_the_options_that_a_command_takes(command: str) -> None:
    """Those, and no others of the shared ones."""
    listed = {word.partition("=")[0].strip("[],") for word in ran(*command.split(), "--help").stdout.split()}

    assert {"--config", *USES[command]} == listed & {"--config", *FLAGS}


def test_every_command_that_takes_shared_options_is_in_the_table() -> None:
    """And no other one is."""
    assert set(COMMANDS) == set(USES)
    assert {command.partition(" ")[0] for command in USES} <= {path.stem for path in (ROOT / "tools").glob("*.py")}


@cache
def used(module: str) -> frozenset[str]:
    """The settings that modules read which a module leads to by its imports, wherever these stand."""
    seen, waiting = set[str](), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += led_to(name)
    return frozenset[str]().union(*(attributes(name) for name in seen if not name.startswith("tools.spec")))


@cache
def led_to(name: str) -> frozenset[str]:
    """The modules of tools that one imports, or has the name of as a text."""
    known = modules("tools")
    named = [node.value for node in nodes("tools")[name] if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return frozenset({*imported(known[name], {*known}), *named} & known.keys())


@cache
def attributes(name: str) -> frozenset[str]:
    """The names of all attributes in a module."""
    return frozenset(node.attr for node in nodes("tools")[name] if isinstance(node, ast.Attribute))


@pytest.mark.parametrize(("command", "flag"), [(command, flag) for command, flags in USES.items() for flag in flags])
def test_what_a_command_takes_is_read_somewhere_behind_it(command: str, flag: str) -> None:
    """By a module that it leads to."""
    assert flag[2:].replace("-", "_") in used(f"tools.{command.partition(' ')[0]}")


class Watched:
    """A field of the settings that notes that it is read."""

    def __init__(self, name: str, field: Any, read: set[str]) -> None:
        self.name, self.field, self.read = name, field, read

    def __get__(self, settings: Settings | None, kind: type | None = None) -> Any:
        if settings is None:
            return self
        self.read.add(self.name)
        return self.field.__get__(settings, kind)

    def __set__(self, settings: Settings, value: object) -> None:
        self.field.__set__(settings, value)


@pytest.mark.torch
@pytest.mark.parametrize(("command", "more"), [
    ("export", ""), ("specialise", ""), ("reference", "--clips=8"), ("data clips", "--data={data}/test_rawframes.txt"),
    ("data dump", "--clips=3"), ("score", "--data=mini --info none"), ("record", "--data=mini"),
])
def test_a_command_reads_no_option_that_it_does_not_take(monkeypatch: pytest.MonkeyPatch, tiny_store: Path, tmp_path: Path, command: str,
                                                         more: str) -> None:
    """Whatever it did with it, nobody could set it."""
    read = set[str]()
    data = next((tiny_store / "store" / "data").glob("mini-*"))
    least = [str(tmp_path) if word == "x" else word for word in COMMANDS[command].split()]
    for name in names():
        monkeypatch.setattr(Settings, name, Watched(name, vars(Settings)[name], read))
    done = ran(*command.split(), *least, *more.format(data=data).split(), *tiny_places(tiny_store))

    assert done.returncode == 0 or command in ("score", "record"), done.stderr
    assert {"artifacts", "models"} <= read
    assert set() == {f"--{name.replace('_', '-')}" for name in read} - set(USES[command])


def test_an_option_is_no_abbreviation_of_another() -> None:
    """`--data` of one command is not `--data-root` of another that has no `--data`."""
    parser = argparse.ArgumentParser()
    add_arguments(parser, ("--data-root", "--artifacts"))

    assert "x" == parsed(parser, ["--data-root", "x"]).data_root
    with pytest.raises(SystemExit):
        parsed(parser, ["--data", "x"])


def test_what_nobody_knows_is_refused_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(argparse.ArgumentParser(), ["--nonsense"])
    assert "unrecognized arguments: --nonsense" in capsys.readouterr().err


class Asking:
    """A parser as a shell asks it: what the last word of a line may become."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self.parser = parser

    def __call__(self, line: str) -> list[str]:
        from argcomplete.finders import CompletionFinder

        words = line.split(" ")
        finder: Any = CompletionFinder(self.parser, always_complete_options=False)
        return sorted(word.strip() for word in finder._get_completions(words[:-1], words[-1], "", None))


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asking:
    """The parser of a command with all options, in a folder with one file."""
    monkeypatch.setenv(ASKED, "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").touch()
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--device", metavar="auto|cpu")
    parser.add_argument("--batch", type=int, choices=(1, 4, 16))
    add_arguments(parser)
    complete(parser, lambda: ("npu:0", "npu:1", "cpu"))
    return Asking(parser)


@pytest.mark.parametrize(("line", "found"), [
    ("x ts", ["tsm"]), ("x --models none ", []), (f"x --models {TINY_MODELS} ", ["tiny"]),
    ("x tsm --device ", ["auto", "cpu", "npu:0", "npu:1"]),
    ("x tsm --device npu:0,", ["npu:0,cpu", "npu:0,npu:1"]), ("x tsm --batch ", ["1", "16", "4"]), ("x tsm --surgery ", ["all", "needed"]),
    ("x tsm --data ", ["auto", "full", "mine.txt", "mini"]), ("x tsm --weights pu", ["published"]), ("x tsm --clips ", ["all"]),
    ("x tsm --budget-s ", []), ("x tsm --auto-tune o", ["off", "on"]), ("x tsm --bud", ["--budget-s"]), ("x tsm --config o", ["off"]),
])
def test_a_shell_is_told_how_a_line_may_go_on(asking: Asking, line: str, found: list[str]) -> None:
    """Models of the folder that is named, devices of this machine, words and files of an option."""
    assert found == asking(line)


@pytest.mark.parametrize(("text", "artifacts", "history", "models"), [
    ("clips = 7", ARTIFACTS, ARTIFACTS / "history", MODELS),
    ('artifacts = "/data/made"', Path("/data/made"), Path("/data/made/history"), MODELS),
    ('artifacts = "made"\nhistory = "/nights"\nmodels = "mine"', Path("{}/made"), Path("/nights"), Path("{}/mine")),
    ('artifacts = "made"\nhistory = "off"', Path("{}/made"), Path("{}/made/history"), MODELS),
])
def test_commands_that_look_after_things_find_them_where_the_file_says(tmp_path: Path, text: str, artifacts: Path, history: Path,
                                                                       models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But not what their own command line names."""
    monkeypatch.setattr(command_line, "require", lambda *_: None)
    path = tmp_path / "options.toml"
    path.write_text(f"[tool.clipgate]\n{text}\n")
    names = {"artifacts": ARTIFACTS, "history": ARTIFACTS / "history", "models": MODELS}
    found = command_line.with_places(argparse.Namespace(config=str(path), **{name: UsualPath(place) for name, place in names.items()}))
    given = command_line.with_places(argparse.Namespace(config=str(path), **names))

    assert [Path(str(one).format(tmp_path)) for one in (artifacts, history, models)] == [found.artifacts, found.history, found.models]
    assert names == {name: place for name, place in vars(given).items() if name != "config"}


def test_where_no_shell_asks_nothing_is_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ASKED, raising=False)
    monkeypatch.setitem(sys.modules, "argcomplete", None)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    complete(parser)

    assert [] == [one for one in parser._actions if hasattr(one, "completer")]
    assert "7" == parsed(parser, ["--clips", "7"]).clips


def test_every_command_is_marked_for_the_completion_of_modules() -> None:
    """Argcomplete looks for the mark in the first kilobyte of the file that `python -m` runs."""
    files = [path for path in (ROOT / "tools").glob("[!_]*.py") if path.stem not in ("errors", "pytest_paths")]

    assert [] == [path.name for path in files if "PYTHON_ARGCOMPLETE_OK" not in path.read_text()[:1024]]


BASH = """
{lines}
COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=($COMP_LINE); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9
[[ "$COMP_LINE" == *" " ]] && COMP_WORDS+=("")
{function} {program} ""
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(("line", "found"), [
    ("python -m tools.reference ts", ["tsm"]), ("python -m tools.inspect --batch 3", ["32"]),
    ("pytest --surgery ", ["all", "needed"]), ("pytest -m tsm", ["tsm"]),
])
def test_bash_completes_once_the_lines_of_the_page_are_run(line: str, found: list[str]) -> None:
    """Models, batch sizes and words, of commands and of pytest."""
    program, path = line.partition(" ")[0], Path(sys.executable).parent
    lines = [one for one in (ROOT / "suites" / "README.md").read_text().splitlines() if one.startswith("eval ")]
    script = BASH.format(lines="\n".join(lines), line=line, program=program,
                         function="_python_argcomplete_global" if program == "python" else "_python_argcomplete")
    environment = clean_environment() | {"PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert sorted(found) == sorted(word.strip() for word in done.stdout.splitlines()), done.stderr


def test_models_of_a_folder_that_is_none_are_no_completion() -> None:
    assert [] == command_line._models("", argparse.Namespace(models="/nowhere"))
    assert "tsm" in command_line._models("t", argparse.Namespace())
    assert "bs16" in command_line._marks("b")
    assert MODELS.is_dir()
    assert len(OPTIONS) == len(FLAGS)
