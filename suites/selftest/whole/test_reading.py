"""What others wrote never ends a command with an exception of Python: it is a typed error, or a value."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from suites.selftest.whole.hostile import contents
from suites.selftest.whole.parsers import Parser, file_names, parsers
from suites.selftest.whole.test_arrow import nodes
from tools.errors import ClipgateError

BY_THE_LAYER = {"json.loads", "json.load", "np.load", "np.loadtxt", "np.fromfile", "np.genfromtxt", "csv.reader", "csv.DictReader",
                "tomllib.loads", "tomllib.load", "torch.load"}
ELSEWHERE = {  # who else calls a parser, and why
    ("tools.spec.truth", "tomllib.loads"): "the room below the layer",
    ("tools.spec.configured", "tomllib.loads"): "the room below the layer",
    ("tools.machine.child", "json.loads"): "the pipe of our own child",
    ("tools.machine.channel", "json.loads"): "the socket of our own workers, in a folder that nobody else may enter",
    ("tools.storage.durations", "json.loads"): "inside a refusal of its own: what is no time is none",
    ("tools.pytorch.checkpoints", "torch.load"): "the home of torch; it refuses what the layer names unreadable",
    ("tools.exchange.outputs", "np.fromfile"): "inside `refusing`, and any bytes are numbers",
    ("tools.exchange.raw_rows", "np.fromfile"): "any bytes are numbers",
}


def of_torch(parser: Parser) -> pytest.MarkDecorator | tuple[()]:
    return pytest.mark.torch if ".pytorch." in parser.name else ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every name of a file that tools know in any folder is one file, `content`."""
    for place in (".", "tiny-bs4-cpu", "devices"):
        (tmp_path / "given" / place).mkdir(parents=True, exist_ok=True)
        for name in (*file_names(), "cpu.json"):
            (tmp_path / "given" / place / name).symlink_to(tmp_path / "content")
    for name in ("given.json", "given.txt", "weights.bin"):
        (tmp_path / name).symlink_to(tmp_path / "content")
    return tmp_path


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("parser", [pytest.param(one, id=str(one), marks=of_torch(one)) for one in parsers()])
def test_no_content_leaves_a_parser_with_an_exception_of_python(parser: Parser, step: int, folder: Path) -> None:
    """Whatever a file or text holds, a parser returns a value, or raises an error of ours that says where.

    Each fifth content is tried at once, all of them where minutes may pass.
    """
    leaks: dict[str, bytes] = {}
    for content in contents()[::step]:
        (folder / "content").write_bytes(content)
        for path in (folder / "given.txt", folder / "given.json")[: 1 + content.startswith((b"{", b"["))]:
            for arguments in parser.arguments(folder / "given", path, content):
                try:
                    found = parser.call(**arguments)
                    list(found) if isinstance(found, Iterator) else found
                except ClipgateError as error:
                    assert error.where, error
                except BaseException as error:  # noqa: BLE001 - which it is, is what the test is about
                    leaks.setdefault(f"{type(error).__name__} {error}"[:200], content[:120])

    assert {} == leaks


def test_parsers_are_found() -> None:
    """Those that read each kind of file are among them: none is lost by another way of being called."""
    found = {str(one).removeprefix("tools.") for one in parsers()}

    assert found >= {  # a line a kind
                     "exchange.speeds.read", "exchange.labels.read_info", "exchange.outputs.rows", "exchange.runs.rows",
                     "spec.truth.read_truth",
                     "datasets.splits.split_clips", "datasets.lists.read_list", "storage.unpacking.unpack", "storage.archive.read_contents",
                     "measuring.predictions.load", "measuring.cell.read", "pytorch.checkpoints.read_checkpoint", "spec.case.Case.parse",
                     "engines.ascend.npu_smi.parse_table", "localisation.activitynet.read_ground_truth", "deployment.published.read_lock"}


def test_only_the_layer_calls_parsers_of_libraries() -> None:
    """A new parser calls the layer, and is found by that; whoever else calls a library's is named here."""
    calls = {(name, f"{node.value.id}.{node.attr}") for name, found in nodes("tools").items() for node in found
             if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and name != "tools.machine.reading"}

    assert set(ELSEWHERE) == {one for one in calls if one[1] in BY_THE_LAYER}
