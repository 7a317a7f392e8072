"""What the pages say is so: commands parse, paths and links are there, and the first page stays short."""

from __future__ import annotations

import argparse
import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path

import pytest

from suites.selftest.whole.pages import PAGES, Page, columns, readings
from suites.selftest.whole.test_arrow import ALLOWED
from tools.__main__ import commands
from tools.errors import ClipgateError, OptionError
from tools.spec.case import BATCHES
from tools.spec.catalog import load_spec, model_names
from tools.spec.settings import MODELS, ROOT, Settings

MOST_LINES, MOST_COLUMNS, PROSE_COLUMNS = 150, 160, 110  # of README.md the first two, of every page's running text the last
NAMED_PAGE = re.compile(r"(?:[\w.]+/)+README\.md")
OF_OURS = ("suites/", "fixtures/", "tools/", "artifacts/README.md")  # how a path of ours begins; all else below artifacts is made by runs
CHECKED = ("expect", "clips", "budget_s", "timeout_s", "surgery", "auto_tune")  # options whose values can be read without a file
HELP = ["--help"]
QUESTIONS = ("accuracy", "fidelity", "throughput")
TAKES_PYTESTS = ("bench", "test", "check", "coverage")  # scripts that hand on what is given to them; coverage has --html of its own
COMMANDS = list(dict.fromkeys((page.name, command) for page in PAGES for command in page.commands()))


class ParsedError(BaseException):
    """Ends a command as soon as its arguments are parsed."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options


@contextmanager
def stopping_when_parsed() -> Iterator[None]:
    """Whatever parses a command line raises what it read, so no command does anything.

    Parsers of subcommands go on.
    """
    real, running = argparse.ArgumentParser.parse_known_args, []

    def parse(self: argparse.ArgumentParser, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None,
              ) -> tuple[argparse.Namespace, list[str]]:
        running.append(self)
        options, unknown = real(self, args, namespace)
        running.pop()
        if not running and unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        if not running:
            raise ParsedError(options)
        return options, unknown

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(argparse.ArgumentParser, "parse_known_args", parse)
        yield


def options_of(module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """What `python -m <module> <arguments>` reads; a `main` may take arguments or look in sys.argv."""
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    main = import_module(module).main
    try:
        with stopping_when_parsed():
            main(*([arguments] if inspect.signature(main).parameters else []))
    except ParsedError as parsed:
        return parsed.options
    except OptionError as error:
        pytest.fail(str(error))
    pytest.fail(f"{module} has not parsed its arguments")


def check_tool(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m tools.<command> ...`: the command is there and takes these; without any it is only named."""
    module, arguments = words[2], words[3:]
    assert module.removeprefix("tools").removeprefix(".") in {"", *commands()}
    if not arguments or arguments == HELP:
        return
    try:
        options = vars(options_of(module, arguments, monkeypatch))
    except SystemExit:
        pytest.fail(capsys.readouterr().err)
    Settings.parse({name: str(options[name]) for name in CHECKED if name in options})
    models = options.get("model", [])
    if Path(options.get("models", MODELS)) == MODELS:  # those of a folder of a reader's own are theirs to name
        assert {models} if isinstance(models, str) else set(models) <= set(model_names(MODELS))


def check_pytest(words: list[str], config: pytest.Config) -> None:
    """`pytest ...`: options that pytest, a plugin or conftest.py knows; markers and keywords that select."""
    if words == HELP:
        return  # which pytest answers before it reads anything else
    if "-n" in words and not config.pluginmanager.hasplugin("xdist"):  # this run is without pytest-xdist, whose option it is
        del words[words.index("-n") : words.index("-n") + 2]
    options = config._parser.parse(words)  # what pytest itself reads its command line with
    marks = {line.partition(":")[0].partition("(")[0] for line in config.getini("markers")}
    assert names_of(options.markexpr) <= marks
    assert [] == [path for path in options.file_or_dir if not (ROOT / path).exists()]
    if not options.file_or_dir:
        cells = [f"test_{question}[{model}-bs{batch}-cpu]" for question in QUESTIONS
                 for model in model_names(MODELS) for batch in BATCHES]
        assert [] == [word for word in names_of(options.keyword) if not any(word in cell for cell in cells)]
        Settings.parse({name: str(getattr(options, name)) for name in CHECKED})


def names_of(expression: str) -> set[str]:
    """The names in an expression of -m or -k."""
    return set(re.findall(r"[\w-]+", expression)) - {"and", "or", "not"}


def check_script(words: list[str], config: pytest.Config) -> None:
    """`./tools/<script> ...`: it is there and can be run, and what is given to it is pytest's or its own."""
    script = ROOT / words[0]
    assert os.access(script, os.X_OK)
    if script.name in TAKES_PYTESTS:
        ours = ["suites/selftest"] if script.name in ("test", "check") else []
        check_pytest([*ours, *(word for word in words[1:] if word != "--html")], config)
    else:
        assert [] == [word for word in words[1:] if not re.search(rf"\n{word}\)| = {word} \]", script.read_text())]


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_of_a_page_parses(page: str, command: str, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever copies it gets no error about an option, a model, a marker or a script that is not there."""
    for words in readings(command):
        if words[0].endswith("python"):
            check_tool(words, monkeypatch, capsys)
        elif words[0] == "pytest":
            check_pytest(words[1:], pytestconfig)
        else:
            check_script(words, pytestconfig)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Page) -> None:
    """Links are relative, stay in this repository, and their anchor is a heading of the page they lead to."""

    def leads_somewhere(link: str) -> bool:
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        if path.startswith("/") or not target.exists() or not target.is_relative_to(ROOT):
            return False
        return not anchor or anchor in Page(str(target.relative_to(ROOT))).anchors

    assert [] == [link for link in page.links if not link.startswith("https://") and not leads_somewhere(link)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_paths_of_a_page_are_there(page: Page) -> None:
    """A path that begins with a folder of ours, anywhere in code; `<model>` stands for any one name."""
    words = {word.removeprefix("./").rstrip("/,;.") for text in page.code for word in text.split()}

    assert [] == sorted(word for word in words if f"{word}/".startswith(OF_OURS) and not any(ROOT.glob(re.sub(r"<\w+>", "*", word))))


def test_a_page_that_a_message_names_is_there() -> None:
    """Messages and comments send their reader to pages by their path from the root."""
    files = [path for room in ("tools", "fixtures") for path in (ROOT / room).rglob("*") if path.suffix in ("", ".py") and path.is_file()]
    named = {found for file in files for found in NAMED_PAGE.findall(file.read_text(encoding="utf-8"))}

    assert {"tools/storage/README.md", "tools/engines/ascend/README.md"} <= named
    assert [] == sorted(name for name in named if not (ROOT / name).is_file())


def test_every_page_is_one_step_from_the_first() -> None:
    """README.md links to every other page, so that nothing is written where nobody looks."""
    assert {page.name for page in PAGES} - {"README.md"} <= {link.partition("#")[0] for link in Page("README.md").links}


def test_the_first_page_shows_every_room_in_its_order() -> None:
    """Who may import whom can be read off README.md: a room imports only rooms above it there."""
    assert list(ALLOWED) == re.findall(r"^\| `tools/(\w+)/` \|", Page("README.md").text, re.MULTILINE)


@pytest.mark.parametrize("name", ["README.md", "suites/README.md"])
def test_pages_say_that_a_folder_of_models_is_code(name: str, tmp_path: Path) -> None:
    """`--models DIR` runs what lies there, so wherever the option is explained its reader is warned."""
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    with suppress(ClipgateError):
        load_spec(tmp_path, "own")
    told = " ".join(Page(name).text.split()).partition("`--models DIR`" if name != "README.md" else "`pytest --models DIR`")[2]

    assert (tmp_path / "ran").exists()
    assert re.match(r"[^|]{0,60} runs the (code|Python files) in (it|them): name only a folder that you trust", told)


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_first_page_is_short(name: str) -> None:
    """README.md is read in the first ten minutes."""
    lines = Page(name).text.splitlines()

    assert len(lines) <= MOST_LINES
    assert [] == [line for line in lines if columns(line) > MOST_COLUMNS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_running_text_is_narrow(page: Page) -> None:
    """Tables and commands may be wider than what is read line after line."""
    assert [] == [line for line in page.prose.splitlines() if columns(line) > PROSE_COLUMNS and not line.startswith("|")]
