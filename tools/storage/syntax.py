"""A module's definitions as syntax trees from which everything is taken that shapes no result; pure."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

EVENTS = "tools.machine.events"
NAMES = (ast.Attribute, ast.Name)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, *COMPREHENSIONS)
CLOSED = (*SCOPES, ast.ClassDef)  # what they bind is no variable of the scope around them
SILENT = ("ctx", "kind", "type_comment")
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # the fields of a statement that hold statements


@dataclass(frozen=True)
class Definition:
    """The statements that bind a name at the top of a module."""

    statements: tuple[ast.stmt, ...]

    @cached_property
    def texts(self) -> tuple[str, ...]:
        return tuple(text(statement) for statement in self.statements)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names that they use, with attributes, sorted."""
        return tuple(sorted({name for statement in self.statements for name in names(statement)}))


@dataclass(frozen=True, slots=True)
class Module:
    """*definitions* by the name that they bind; under "" are the statements that only run on import.

    imports: the dotted names that each imported name stands for, wherever in the module it is imported.
    """

    name: str
    definitions: Mapping[str, Definition]
    imports: Mapping[str, set[str]]


@cache
def read(name: str, source: str) -> Module:
    """The module of that dotted name, parsed."""
    tree = ast.parse(source)
    imports = _imports(tree)
    definitions: dict[str, list[ast.stmt]] = {"": []}
    for statement in _bare(tree.body, imports):
        if not isinstance(statement, ast.Import | ast.ImportFrom):
            for bound in _bound(statement) or [""]:
                definitions.setdefault(bound, []).append(statement)
    return Module(name, {bound: Definition(tuple(statements)) for bound, statements in definitions.items()}, imports)


def _imports(tree: ast.Module) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                found.setdefault(alias.asname or first, set()).add(alias.name if alias.asname else first)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, set()).add(f"{node.module}.{alias.name}")
    return found


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements in *tree*, at every depth."""
    for block in BLOCKS:
        inner = getattr(tree, block, None)
        for statement in inner if isinstance(inner, list) else ():
            yield statement
            yield from _statements(statement)


def _bare(statements: list[ast.stmt], imports: Mapping[str, set[str]]) -> list[ast.stmt]:
    """Statements without docstrings, what errors and assertions say, and statements that only report."""
    found: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, ast.Expr) and _is_idle(statement.value, imports):
            continue
        if isinstance(statement, ast.Raise):
            error = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
            found.append(ast.Raise(exc=error, cause=None))
        elif isinstance(statement, ast.Assert):
            found.append(ast.Assert(test=statement.test, msg=None))
        else:
            _bare_inside(statement, imports)
            found.append(statement)
    return found


def _bare_inside(node: ast.AST, imports: Mapping[str, set[str]]) -> None:
    for block in BLOCKS:
        inner = getattr(node, block, None)
        if isinstance(inner, list) and block in ("handlers", "cases"):
            for branch in inner:
                _bare_inside(branch, imports)
        elif isinstance(inner, list):
            setattr(node, block, _bare(inner, imports))


def _is_idle(value: ast.expr, imports: Mapping[str, set[str]]) -> bool:
    """Whether a statement of that value is a docstring or only reports."""
    if not isinstance(value, ast.Call):
        return isinstance(value, ast.Constant)
    called = value.func
    first = called.value if isinstance(called, ast.Attribute) else called
    told = isinstance(first, ast.Name) and any(target.startswith(EVENTS) for target in imports.get(first.id, ()))
    return told or (isinstance(called, ast.Attribute) and called.attr == "say")


def _bound(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module binds; none if it is there for what it does."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
        return [name for inner in statement.body for name in _bound(inner)] or ["TYPE_CHECKING"]
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []  # a loop that fills a table, say: the names it binds are not all that it is for
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def names(tree: ast.AST, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """Every name that *tree* uses and does not bind itself, with attributes: `networks.deployed`."""
    if type(tree) in NAMES:
        yield from _dotted(tree, bound)
        return
    if type(tree) in SCOPES:
        for part in _around(tree):
            yield from names(part, bound)
        bound |= _own(tree)
    for child in ast.iter_child_nodes(tree):
        if child._fields:
            yield from names(child, bound)


def _dotted(tree: ast.AST, bound: frozenset[str]) -> Iterator[str]:
    attributes: list[str] = []
    while isinstance(tree, ast.Attribute):
        attributes.insert(0, tree.attr)
        tree = tree.value
    if not isinstance(tree, ast.Name):
        yield from names(tree, bound)
    elif isinstance(tree.ctx, ast.Load) and tree.id not in bound:
        yield ".".join([tree.id, *attributes])


def _around(scope: ast.AST) -> Iterator[ast.AST]:
    """What of a scope is evaluated outside it, where its own names mean something else."""
    if isinstance(scope, COMPREHENSIONS):
        yield scope.generators[0].iter
    elif isinstance(scope, ast.Lambda):
        yield scope.args
    elif isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (scope.args, *scope.decorator_list, *filter(None, [scope.returns]))


def _own(scope: ast.AST) -> frozenset[str]:
    """The arguments and variables of a scope, without those of the scopes inside it."""
    found, outer, waiting = set[str](), set[str](), [*ast.iter_child_nodes(scope)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                found.add(node.id)
            continue
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Global):
            outer |= {*node.names}
        if type(node) not in CLOSED:
            waiting += ast.iter_child_nodes(node)
    return frozenset(found - outer)


def text(node: object) -> str:
    """A syntax tree as text: the types of its nodes and their fields, without empty ones and places."""
    if isinstance(node, list):
        return f"[{','.join(text(one) for one in node)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, getattr(node, name, None)) for name in node._fields if name not in SILENT)
    return f"{type(node).__name__}({','.join([f'{name}={text(value)}' for name, value in fields if value is not None and value != []])})"
