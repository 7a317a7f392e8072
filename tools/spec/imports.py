"""What a file of Python imports, as it is written; nothing is run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CUSTOM = "custom_imports"  # what mmengine calls the modules that a config needs
CALLS = {"import_module", "__import__"}  # functions that import what their first argument names
CAUGHT = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}  # what says that an import may fail


@dataclass(frozen=True, slots=True)
class Import:
    """A dotted name that a line of a file imports.

    base: the folder that a relative name begins in. all: whether it is `from name import *`.
    may_fail: whether the file goes on without it.
    """

    name: str
    line: int
    base: Path | None = None
    all: bool = False
    may_fail: bool = False

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


def imports(tree: ast.Module, path: Path) -> Iterator[Import]:
    """What a file imports, at any depth: by statements, by names in calls, and by `custom_imports`."""
    tried = set(_tried(tree))
    for node in ast.walk(tree):
        may_fail = node in tried
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno, may_fail=may_fail) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else None
            for alias in node.names:
                name = ".".join(filter(None, [node.module, alias.name.strip("*")])) or "__init__"
                yield Import(name, node.lineno, base, alias.name == "*", may_fail)
        elif isinstance(node, ast.Call):
            yield from _called(node, path, may_fail=may_fail)
        elif value := assigned(node, CUSTOM):
            told = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant)]
            yield from (Import(text, value.lineno, may_fail=any(one is True for one in told))
                        for text in told if isinstance(text, str) and text.replace(".", "").isidentifier())


def assigned(node: ast.AST, name: str) -> ast.expr | None:
    """The value that a statement gives to *name*."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
        return node.value
    return None


def _called(call: ast.Call, path: Path, *, may_fail: bool) -> Iterator[Import]:
    """What `importlib.import_module("name")` or `__import__("name")` imports."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""
    given = [*call.args[:1], *(one.value for one in call.keywords if one.arg == "name")]
    if function not in CALLS or not given or not isinstance(given[0], ast.Constant) or not isinstance(given[0].value, str):
        return
    name = given[0].value.lstrip(".")
    level = len(given[0].value) - len(name)
    yield Import(name or "__init__", call.lineno, path.parents[level - 1] if level else None, may_fail=may_fail)


def _tried(tree: ast.Module) -> Iterator[ast.AST]:
    """What stands in a `try` that goes on after an ImportError."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Try) and any(_catches(one) for one in node.handlers):
            yield from (inner for statement in node.body for inner in ast.walk(statement))


def _catches(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(isinstance(one, ast.Name) and one.id in CAUGHT for one in ast.walk(handler.type))
