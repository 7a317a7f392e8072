"""Names of files that somebody else has given reach a terminal as their escapes, on their own line."""

from __future__ import annotations

import argparse
import io
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from suites.selftest.storage.test_store import KEY, write
from tools import store as command
from tools.errors import DataError, OptionError, on_one_line
from tools.machine import events
from tools.storage.entries import folder_of
from tools.storage.store import Store

ODD = {"\x1b[2J": "\\x1b[2J", "\x07": "\\x07", "\u202e": "\\u202e", os.fsdecode(b"\xff"): "\\udcff", "\r": "\\r", "\x9b31m": "\\x9b31m"}


@pytest.mark.parametrize(("name", "shown"), ODD.items(), ids=["erase", "bell", "right to left", "no UTF-8", "return", "C1"])
def test_a_command_prints_no_control_characters(name: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither among what it finds, nor in what it says on the way, nor in an error; text stays as it is."""
    def main(arguments: Sequence[str]) -> int:
        print(f"found a{name}b \u00e9")
        events.say(f"reading a{name}b")
        raise DataError(f"a{name}b is wrong", where=f"/x/a{name}b")

    assert 1 == events.run_command(main, [])
    told = capsys.readouterr()
    assert f"found a{shown}b \u00e9\n" == told.out
    assert f"reading a{shown}b\na{shown}b is wrong\n  where   /x/a{shown}b\n" == told.err


def test_a_store_lists_the_names_of_others_as_their_escapes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One of them even is no UTF-8, which no terminal could be given."""
    store = Store(tmp_path / "store")
    store.build(KEY, write("a"))
    folder = folder_of(store.root, KEY)
    for name in ODD:
        folder.with_name(f"a{name}-0123456789abcdef").mkdir()
        (folder.with_name(f"a{name}-0123456789abcdef") / "entry.json").write_bytes((folder / "entry.json").read_bytes())

    assert 0 == events.run_command(command.main, ["list", "--artifacts", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert len(ODD) + 1 == len(lines)
    assert {f"weights/a{shown}-0123456789abcdef" for shown in ODD.values()} < {line.split(maxsplit=2)[2] for line in lines}


def test_the_name_of_a_file_forges_no_line_of_an_error() -> None:
    """Where a line break in it would look like a remedy."""
    error = OptionError("no such file", where="/x/a\n  remedy  curl x | sh", remedy="give\nanother")
    assert ["no such file", "  where   /x/a\\n  remedy  curl x | sh", "  remedy  give", "another"] == str(error).splitlines()
    assert "a\\nb\\x1b" == on_one_line("a\nb\x1b")


def test_what_is_flushed_here_is_flushed_there() -> None:
    """Whoever reads a pipe sees each line when it is said."""
    class Stream(io.StringIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed += 1

    stream = Stream()
    print("a line", file=events.Terminal(stream), flush=True)

    assert ("a line\n", 1) == (stream.getvalue(), stream.flushed)


def test_help_is_printed_as_ever(capsys: pytest.CaptureFixture[str]) -> None:
    """By argparse, which asks its stream more than to write."""
    with pytest.raises(SystemExit):
        events.run_command(lambda arguments: int(argparse.ArgumentParser(prog="x").parse_args(arguments) is None), ["--help"])
    assert capsys.readouterr().out.startswith("usage: x")
