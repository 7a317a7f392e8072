"""A module's definitions as syntax trees from which everything is taken that shapes no result; pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

EVENTS = "tools.machine.events"
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True, slots=True)
class Module:
    """*definitions*: the statements that bind each name at the top; under "" those that only run on import.

    imports: the dotted names that each imported name stands for, wherever in the module it is imported.
    """

    name: str
    definitions: Mapping[str, list[ast.stmt]]
    imports: Mapping[str, set[str]]


class _Bare(ast.NodeTransformer):
    """Takes out docstrings, what errors and assertions say, and statements that only report."""

    def __init__(self, imports: Mapping[str, set[str]]) -> None:
        self._imports = imports

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        value = node.value
        reports = isinstance(value, ast.Call) and self._reports(value.func)
        return None if isinstance(value, ast.Constant) or reports else self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(exc=error, cause=None)

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        return ast.Assert(test=self.visit(node.test), msg=None)

    def _reports(self, called: ast.expr) -> bool:
        first = called.value if isinstance(called, ast.Attribute) else called
        told = isinstance(first, ast.Name) and any(target.startswith(EVENTS) for target in self._imports.get(first.id, ()))
        return told or (isinstance(called, ast.Attribute) and called.attr == "say")


@cache
def read(name: str, source: str) -> Module:
    """The module of that dotted name, parsed."""
    tree = ast.parse(source)
    imports = _imports(tree)
    definitions: dict[str, list[ast.stmt]] = {"": []}
    for statement in _Bare(imports).visit(tree).body:
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            for bound in _bound(statement) or [""]:
                definitions.setdefault(bound, []).append(statement)
    return Module(name, definitions, imports)


def _imports(tree: ast.Module) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name.partition(".")[0], set()).add(alias.name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, set()).add(f"{node.module}.{alias.name}")
    return found


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module binds; none if it is there for what it does."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
        return [name for inner in statement.body for name in _bound(inner)] or ["TYPE_CHECKING"]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [node.id for target in targets if target is not None for node in ast.walk(target)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def names(tree: ast.AST, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every name that *tree* uses and does not bind itself, with attributes: `networks.deployed`."""
    if isinstance(tree, SCOPES):
        bound |= {*_own(tree)}
    attributes: list[str] = []
    while isinstance(tree, ast.Attribute):
        attributes.insert(0, tree.attr)
        tree = tree.value
    if not isinstance(tree, ast.Name):
        for child in ast.iter_child_nodes(tree):
            yield from names(child, bound)
    elif isinstance(tree.ctx, ast.Load) and tree.id not in bound:
        yield ".".join([tree.id, *attributes])


def _own(scope: ast.AST) -> Iterator[str]:
    """The arguments and variables of a scope, without those of the scopes inside it."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.arg):
            yield child.arg
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        if not isinstance(child, SCOPES):
            yield from _own(child)


def text(node: object) -> str:
    """A syntax tree as text: the types of its nodes and their fields, without empty ones and places."""
    if isinstance(node, list):
        return f"[{','.join(text(one) for one in node)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, getattr(node, name, None)) for name in node._fields if name not in ("ctx", "kind", "type_comment"))
    return f"{type(node).__name__}({','.join(f'{name}={text(value)}' for name, value in fields if value not in (None, []))})"
