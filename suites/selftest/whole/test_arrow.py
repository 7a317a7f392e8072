"""The arrow of imports: suites -> fixtures -> tools; inside tools from a room to the rooms below it only."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tools.spec.settings import ROOT

ALLOWED: dict[str, set[str]] = {  # room -> rooms whose modules it may import, the lowest room first
    "spec": set(),
    "machine": {"spec"},
    "storage": {"spec", "machine"},
    "media": {"spec", "machine"},
    "localisation": {"spec", "machine", "media"},
    "engines": {"spec", "machine", "media"},
    "datasets": {"spec", "machine", "storage", "media", "localisation"},
    "pytorch": {"spec", "machine", "storage", "media", "localisation"},
    "deployment": {"spec", "machine", "storage", "engines", "datasets", "pytorch"},
    "measuring": {"spec", "machine", "storage", "media", "localisation", "engines", "datasets", "pytorch", "deployment"},
    "cluster": {"spec", "machine", "storage", "media", "engines", "datasets", "pytorch", "deployment", "measuring"},
    "judging": {"spec", "machine", "storage", "media", "localisation", "datasets", "deployment", "measuring"},
    "locating": {"spec", "machine", "storage", "media", "localisation", "engines", "datasets", "pytorch", "deployment", "measuring",
                 "judging"},
    "nights": {"spec", "machine", "storage", "measuring", "judging"},
    "exchange": {"spec", "machine", "storage", "media", "datasets", "measuring", "judging", "nights"},
    "reporting": {"spec", "machine", "storage", "media", "datasets", "measuring", "judging", "locating", "nights"},
}
BESIDE = {"errors", "pytest_paths"}  # of tools/, what is neither a room nor a command
HEAVY = {"torch", "mmaction", "mmcv", "mmengine", "onnx", "onnxsim", "onnxruntime", "cv2", "av", "decord", "aclruntime", "scipy",
         "jinja2", "vl_convert", "rich", "ray"}
HOMES = {  # heavy library -> the only places in tools that import it, at the top or inside a function
    "torch": ("pytorch/", "deployment/export.py", "measuring/reference_localiser.py"),
    "mmaction": ("pytorch/", "deployment/export.py", "measuring/reference_localiser.py"),
    "mmengine": ("pytorch/",),
    "aclruntime": ("engines/ascend/",),
    "pynvml": ("engines/cuda/",),
    "cv2": ("media/", "datasets/", "engines/host.py"),
    "av": ("media/", "datasets/", "pytorch/"),
    "decord": (),
    "jinja2": ("reporting/",),
    "ray": ("cluster/",),
    "vl_convert": ("reporting/",),
}
MODULE = re.compile(r"tools(?:\.[a-z_]+)+")


@cache
def modules(package: str) -> dict[str, ast.Module]:
    """The parsed modules of a package, by dotted name."""
    paths = sorted((ROOT / package).rglob("*.py"))
    return {dotted(path): ast.parse(path.read_text(), str(path)) for path in paths}


@cache
def nodes(package: str) -> dict[str, tuple[ast.AST, ...]]:
    """All nodes of each of these modules: a walk is slow, and many look for something."""
    return {name: tuple(ast.walk(tree)) for name, tree in modules(package).items()}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room_of(name: str) -> str:
    """The room of a dotted name, or what stands in its place at the top of tools."""
    return name.split(".")[1] if "." in name else ""


def imported(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Every module imported anywhere below *tree*; a relative import begins with its dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from (full if (full := f"{module}.{alias.name}") in known else module for alias in node.names)


def on_import(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: not functions', nor those for type checkers."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for_types = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
        for name in ("body", "orelse", "handlers", "finalbody"):
            if not (for_types and name == "body"):
                yield from on_import(getattr(statement, name, []))


@pytest.mark.parametrize(("package", "above"), [("tools", {"fixtures", "suites", "pytest", "_pytest", "pytest_benchmark", "conftest"}),
                                                ("fixtures", {"suites", "conftest"})])
def test_a_package_imports_nothing_above_it(package: str, above: set[str]) -> None:
    """Tools import no pytest, fixtures or suites; fixtures import no suites."""
    found = modules(package)
    wrong = [f"{name} imports {other}" for name, tree in found.items() for other in imported(tree, set(found))
             if other.partition(".")[0] in above]

    assert [] == wrong


def test_the_folders_of_tools_are_the_rooms() -> None:
    """Each room of the table is a package of tools, and every package of tools is in the table."""
    assert sorted(ALLOWED) == sorted(path.parent.name for path in (ROOT / "tools").glob("*/__init__.py"))


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_rooms_below_it(room: str) -> None:
    """And no command: a command calls rooms, never the other way round."""
    found = modules("tools")
    may = ALLOWED[room] | {room, "errors"}
    wrong = [f"{name} imports {other}" for name, tree in found.items() if room_of(name) == room
             for other in imported(tree, set(found)) if other.partition(".")[0] in ("tools", "") and room_of(other) not in may]

    assert [] == wrong


def test_the_table_has_no_room_above_itself() -> None:
    """A room may import rooms before it in the table, so that the order of the rooms is one order."""
    order = list(ALLOWED)

    assert [] == [room for room, below in ALLOWED.items() if not below <= set(order[: order.index(room)])]


def test_no_modules_import_each_other() -> None:
    """There is no circle, inside a room or anywhere in tools; type checkers' imports count as well."""
    found = modules("tools")
    arrows = {name: {other for other in imported(tree, set(found)) if other in found and other != name} for name, tree in found.items()}

    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_every_module_named_in_a_string_is_there() -> None:
    """A text that is a dotted name of ours names a module, which mypy and ruff do not see."""
    texts = {node.value for package in ("tools", "fixtures") for found in nodes(package).values() for node in found
             if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    named = {word for text in texts for word in ([text] if MODULE.fullmatch(text) else re.findall(rf"-m ({MODULE.pattern})", text))}

    assert named
    assert [] == sorted(name for name in named if importlib.util.find_spec(name) is None)


@pytest.mark.parametrize("package", ["tools", "fixtures"])
def test_importing_a_module_loads_nothing_heavy(package: str) -> None:
    """No module has a network, codec or device library at its top, so that the matrix collects at once."""
    wrong = [f"{name}:{statement.lineno} imports {other}" for name, tree in modules(package).items()
             for statement in on_import(tree.body) if isinstance(statement, ast.Import | ast.ImportFrom)
             for other in imported(statement, set()) if other.partition(".")[0] in HEAVY]

    assert [] == wrong


def at_run_time(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node below *tree* but those that only type checkers read."""
    yield tree
    if not (isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING"):
        for child in ast.iter_child_nodes(tree):
            yield from at_run_time(child)


@pytest.mark.parametrize("library", HOMES)
def test_a_heavy_library_stays_in_its_rooms(library: str) -> None:
    """Even inside functions: who needs torch, a decoder or a device's runtime asks the room that has it."""
    users = {name.removeprefix("tools.").replace(".", "/") + ".py" for name, tree in modules("tools").items()
             for node in at_run_time(tree) if isinstance(node, ast.Import | ast.ImportFrom)
             for other in imported(node, set()) if other.partition(".")[0] == library}

    assert [] == sorted(path for path in users if not path.startswith(HOMES[library]))
