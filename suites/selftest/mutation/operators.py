"""Every change of a single line of a module that a test of its room should see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

SWAPS: dict[type[ast.AST], tuple[str, str, str]] = {  # operator in the tree -> kind of change, its text, the text instead
    ast.Lt: ("comparison", "<", "<="), ast.LtE: ("comparison", "<=", "<"), ast.Gt: ("comparison", ">", ">="),
    ast.GtE: ("comparison", ">=", ">"), ast.Eq: ("comparison", "==", "!="), ast.NotEq: ("comparison", "!=", "=="),
    ast.In: ("comparison", "in", "not in"), ast.NotIn: ("comparison", "not in", "in"), ast.Is: ("comparison", "is", "is not"),
    ast.IsNot: ("comparison", "is not", "is"), ast.Add: ("arithmetic", "+", "-"), ast.Sub: ("arithmetic", "-", "+"),
    ast.Mult: ("arithmetic", "*", "/"), ast.Div: ("arithmetic", "/", "*"), ast.FloorDiv: ("arithmetic", "//", "*"),
    ast.And: ("and or", "and", "or"), ast.Or: ("and or", "or", "and"),
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
KINDS = ("comparison", "arithmetic", "and or", "not", "condition", "number", "boolean", "call", "return", "statement")
NOT_RUN = ("TYPE_CHECKING", "__name__ == '__main__'")  # conditions of what no test runs in its own process


@dataclass(frozen=True, slots=True)
class Mutant:
    """A line of a module, by its path from the root, and what it becomes.

    within: the class and function around it, as `Store.build`; empty at the top of the module.
    """

    path: str
    within: str
    line: int
    kind: str
    before: str
    after: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What stays the same when lines above it come or go."""
        return self.path, self.within, self.before.strip(), self.after.strip()

    @property
    def about(self) -> tuple[str, ...]:
        """The names that it belongs to: of its class and function, or of its constant."""
        return tuple((self.within or self.before.partition(" ")[0].rstrip(":")).split("."))

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.kind}\n    - {self.before.strip()}\n    + {self.after.strip()}"

    def applied(self, source: str) -> str:
        """The source with this line changed."""
        lines = source.split("\n")
        lines[self.line - 1] = self.after
        return "\n".join(lines)

    def changes(self, source: str) -> bool:
        """Whether Python reads the changed source, and reads something else than before."""
        try:
            changed = ast.parse(self.applied(source))
        except SyntaxError:
            return False
        return ast.dump(changed) != ast.dump(ast.parse(source))


def mutants(path: str, source: str) -> list[Mutant]:
    """All of a module in the order of its lines; some few may not parse, which `Mutant.changes` tells."""
    finder = _Finder(path, source)
    finder.visit(ast.parse(source))
    return sorted(set(finder.found), key=lambda one: (one.line, one.kind, one.after))


class _Finder(ast.NodeVisitor):
    """Left out: annotations, decorators, assertions, `__all__`, docstrings, and what errors and texts say."""

    def __init__(self, path: str, source: str) -> None:
        self.found: list[Mutant] = []
        self._path, self._lines, self._within = path, source.split("\n"), list[str]()

    def _edit(self, kind: str, line: int, start: int, end: int, text: str) -> None:
        """*start* and *end* count bytes, as in syntax trees."""
        before = self._lines[line - 1]
        raw = before.encode()
        after = (raw[:start] + text.encode() + raw[end:]).decode()
        self.found.append(Mutant(self._path, ".".join(self._within), line, kind, before, after))

    def _replace(self, kind: str, node: ast.expr | ast.stmt, text: str) -> None:
        if node.lineno == node.end_lineno:
            self._edit(kind, node.lineno, node.col_offset, node.end_col_offset or 0, text)

    def _swap(self, operator: ast.AST, left: ast.expr, right: ast.expr) -> None:
        """Change the operator between two operands, on whichever line it stands."""
        if type(operator) not in SWAPS:
            return
        kind, text, other = SWAPS[type(operator)]
        start, last = left.end_col_offset or 0, left.end_lineno or 0
        spans = [(last, start, right.col_offset)] if last == right.lineno else [(last, start, None), (right.lineno, 0, right.col_offset)]
        pattern = r"\b" + text.replace(" ", r"\s+") + r"\b" if text[0].isalpha() else re.escape(text)
        for line, first, end in spans:
            if match := re.search(pattern.encode(), self._lines[line - 1].encode()[first:end].partition(b"#")[0]):
                self._edit(kind, line, first + match.start(), first + match.end(), other)
                return

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        self._within.append(node.name)
        for statement in node.body:
            self.visit(statement)
        self._within.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for default in (*node.args.defaults, *node.args.kw_defaults):
            if default is not None:
                self.visit(default)
        self._inside(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._inside(node)

    def visit_Assert(self, node: ast.Assert) -> None:
        pass

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pass

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Assign(self, node: ast.Assign) -> None:
        if ast.unparse(node.targets[0]) != "__all__":
            self.visit(node.value)

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            self._replace("statement", node, "pass")
        self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._replace("statement", node, "pass")
        self._swap(node.op, node.target, node.value)
        self.visit(node.value)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._replace("statement", node, "pass")

    def visit_Delete(self, node: ast.Delete) -> None:
        self._replace("statement", node, "pass")

    def visit_Continue(self, node: ast.Continue) -> None:
        self._replace("statement", node, "pass")

    def visit_Break(self, node: ast.Break) -> None:
        self._replace("statement", node, "pass")

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and not (isinstance(node.value, ast.Constant) and not node.value.value):
            self._replace("return", node, "return None")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) in NOT_RUN:
            for statement in node.orelse:
                self.visit(statement)
        else:
            self._condition(node.test)
            self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._condition(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._condition(test)
        self.generic_visit(node)

    def _condition(self, test: ast.expr) -> None:
        """Turn a condition round that has no operator of its own to swap."""
        if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
            self._edit("condition", test.lineno, test.col_offset, test.col_offset, "not ")

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        if isinstance(node.op, ast.Not) and node.lineno == node.operand.lineno:
            self._edit("not", node.lineno, node.col_offset, node.operand.col_offset, "")
        self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> None:
        for operator, left, right in zip(node.ops, [node.left, *node.comparators], node.comparators, strict=False):
            self._swap(operator, left, right)
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        for left, right in zip(node.values, node.values[1:], strict=False):
            self._swap(node.op, left, right)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        self._swap(node.op, node.left, node.right)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in CALLS:
            self._replace("call", node.func, CALLS[node.func.id])
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._replace("boolean", node, str(not node.value))
        elif isinstance(node.value, int | float):
            self._replace("number", node, repr(node.value + 1))


def chosen(population: list[Mutant], sources: dict[str, str]) -> Iterator[Mutant]:
    """Those of a shuffled population that change what Python reads."""
    return (one for one in population if one.changes(sources[one.path]))
