"""The files that a person's own Python is made of: those that one imports or inherits, from each to the next.

Nothing is run. What only a running program knows, as the name in `import_module(name)`, is not seen.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.errors import TruthError

BASE = "_base_"  # what mmengine calls the configs that one inherits
CUSTOM = "custom_imports"  # and the modules that one needs
PACKAGE = "mmaction::"  # begins a config of mmaction2's package, whose version is part of every key
KEYED = {"torch", "mmaction", "mmcv", "mmengine", "numpy", "tools"}  # whose versions or code are parts of keys

Root = tuple[str, str]  # a folder of modules, and the only one of them, with what is in it, that is meant; "" for all


@dataclass(frozen=True, slots=True)
class Own:
    """What a person has written that a network is made of.

    start: the file of the config or the module. roots: the folders in which its imports are looked for, each
    with the only module that is meant, or none. digest: of the content of every file that it is made of.
    name: of the module. modules: the names of all that are imported. packages: what these need beside them.
    """

    start: str
    roots: tuple[Root, ...]
    digest: str
    name: str = ""
    modules: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sources:
    """A digest of the content of all files; the names of the modules found and of *packages* beside them."""

    digest: str
    modules: tuple[str, ...]
    packages: tuple[str, ...]


def sources(start: Path, roots: Sequence[Root], name: str = "") -> Sources:
    """What *start* is made of, the module of that *name* if it is one; modules are looked for below *roots*.

    Raises:
        TruthError: a file is no Python, or inherits one that is not there.
    """
    found: dict[Path, str] = {}
    packages, modules = set[str](), dict(_files(name, roots))
    waiting = [*modules.values(), start.resolve()]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        content = _content(path)
        found[path] = hashlib.sha256(content).hexdigest()
        if path.suffix != ".py":
            continue
        tree = _parsed(content, path)
        waiting += _inherited(tree, path)
        for dotted, base in _imported(tree, path):
            files = dict(_files(dotted, [(str(base), "")] if base else roots))
            waiting += files.values()
            if not base:
                modules |= files
                packages |= set() if files else {dotted.partition(".")[0]}
    first, *others = found.items()
    listed = [first[1], *sorted(f"{path.name} {digest}" for path, digest in others)]
    known = KEYED | sys.stdlib_module_names
    return Sources(hashlib.sha256("\n".join(listed).encode()).hexdigest(), tuple(sorted(modules)), tuple(sorted(packages - known)))


def module_file(name: str, roots: Sequence[Root]) -> Path | None:
    """The file of the module of that dotted name below one of *roots*."""
    for root, only in roots:
        if only and name.partition(".")[0] != only:
            continue
        base = Path(root).joinpath(*name.split("."))
        for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
            if path.is_file():
                return path.resolve()
    return None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TruthError(f"the file cannot be read: {error.strerror}", where=str(path), remedy="put it there, readable") from error


def _parsed(content: bytes, path: Path) -> ast.Module:
    try:
        return ast.parse(content)
    except (SyntaxError, ValueError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        told = error.msg if isinstance(error, SyntaxError) else str(error)
        raise TruthError(f"the file is no Python: {told}", where=f"{path}{line}", remedy="correct that line") from error


def _files(name: str, roots: Sequence[Root]) -> Iterator[tuple[str, Path]]:
    """The files that importing a dotted name runs: of its packages and its own."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        dotted = ".".join(parts[:length])
        if path := module_file(dotted, roots):
            yield dotted, path


def _imported(tree: ast.Module, path: Path) -> Iterator[tuple[str, Path | None]]:
    """The dotted names that a file imports, at any depth; relative ones with the folder they begin in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else None
            for alias in node.names:
                yield ".".join(filter(None, [node.module, alias.name.strip("*")])) or "__init__", base
        elif value := _assigned(node, CUSTOM):
            texts = [one.value for one in ast.walk(value) if isinstance(one, ast.Constant)]
            yield from ((text, None) for text in texts if isinstance(text, str) and text.replace(".", "").isidentifier())


def _inherited(tree: ast.Module, path: Path) -> Iterator[Path]:
    """The files that a config inherits.

    Raises:
        TruthError: one is not there, is no config in Python, or is not named by a plain text.
    """
    for value in filter(None, (_assigned(node, BASE) for node in tree.body)):
        where = f"{path}:{value.lineno}"
        names = [one.value for one in (value.elts if isinstance(value, ast.List | ast.Tuple) else [value]) if isinstance(one, ast.Constant)]
        plain = [name for name in names if isinstance(name, str)]
        if len(plain) != (len(value.elts) if isinstance(value, ast.List | ast.Tuple) else 1):
            raise TruthError(f"{BASE} must be a text or a list of texts", where=where, remedy=f'write {BASE} = "other.py"')
        for name in plain:
            if name.startswith(PACKAGE):
                continue
            if "::" in name or not name.endswith(".py") or not (path.parent / name).is_file():
                raise TruthError(f"the config inherits {name!r}, and {path.parent / name} is no config", where=where,
                                 remedy=f'name a .py file by its path from this one, or one of mmaction2\'s as "{PACKAGE}recognition/..."')
            yield (path.parent / name).resolve()


def _assigned(node: ast.AST, name: str) -> ast.expr | None:
    """The value that a statement gives to *name*."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
        return node.value
    return None
