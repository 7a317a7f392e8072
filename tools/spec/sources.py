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
from tools.spec.imports import Import, assigned, imports
from tools.spec.installed import in_site, installed

BASE = "_base_"  # what mmengine calls the configs that one inherits
PACKAGE = "mmaction::"  # begins a config of mmaction2's package, whose version is part of every key
KEYED = {"torch", "mmaction", "mmcv", "mmengine", "numpy", "tools"}  # whose versions or code are parts of keys
KNOWN = KEYED | sys.stdlib_module_names
NO_ROOM = "it is nested too deep, or takes more memory than there is"  # of what Python cannot hold, and tells no more

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

    Of a module that Python finds elsewhere the files count as well, where no version tells what they are.

    Raises:
        TruthError: a file is no Python, or inherits or imports one that is not there.
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
        for one in imports(tree, path):
            files = dict(_files(one.name, [(str(one.base), "")] if one.base else roots))
            if not files and not one.base and one.top not in KNOWN and not _is_folder(one.name, roots):
                files, brought = _elsewhere(one, path)
                packages |= brought
            waiting += files.values()
            waiting += _all_of(files.get(one.name)) if one.all else []
            modules |= {} if one.base else files
    first, *others = found.items()
    listed = [first[1], *sorted(f"{path.name} {digest}" for path, digest in others)]
    return Sources(hashlib.sha256("\n".join(listed).encode()).hexdigest(), tuple(sorted(modules)), tuple(sorted(packages)))


def module_file(name: str, roots: Sequence[Root]) -> Path | None:
    """The file of the module of that dotted name below one of *roots*."""
    for root, only in roots:
        if only and name.partition(".")[0] != only:
            continue
        base = Path(root).joinpath(*name.split("."))
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):  # in Python's order
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
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        told = error.msg if isinstance(error, SyntaxError) else str(error) or NO_ROOM
        raise TruthError(f"the file is no Python: {told}", where=f"{path}{line}", remedy="correct that line") from error


def _files(name: str, roots: Sequence[Root]) -> Iterator[tuple[str, Path]]:
    """The files that importing a dotted name runs: of its packages and its own."""
    parts = name.split(".")
    for length in range(1, len(parts) + 1):
        dotted = ".".join(parts[:length])
        if path := module_file(dotted, roots):
            yield dotted, path


def _is_folder(name: str, roots: Sequence[Root]) -> bool:
    """Whether it is a folder of modules that runs nothing when it is imported."""
    return any(not only and Path(root, *name.split(".")).is_dir() for root, only in roots)


def _elsewhere(one: Import, path: Path) -> tuple[dict[str, Path], set[str]]:
    """The files of a module that is not beside the model's file, and the packages it is installed with.

    Raises:
        TruthError: a person's file needs it, and it is nowhere: what it is would be in no key.
    """
    there = installed(one.top)
    if there is not None:
        files = {} if there.told else dict(_files(one.name, there.roots)) | ({one.top: there.file} if there.file else {})
        if files or there.told or in_site(path):
            return files, {*there.distributions}
    if one.may_fail or in_site(path):
        return {}, {one.top}
    what = f"the file imports {one.name}, which is neither beside the model's file nor installed"
    raise TruthError(what, where=f"{path}:{one.line}", remedy=(
        "put it beside the model's file, or install it; where the code can do without, write try: and except ImportError: around it"))


def _all_of(init: Path | None) -> list[Path]:
    """The files of a package, any of which `from package import *` may run."""
    return sorted(init.parent.rglob("*.py")) if init and init.name == "__init__.py" else []


def _inherited(tree: ast.Module, path: Path) -> Iterator[Path]:
    """The files that a config inherits.

    Raises:
        TruthError: one is not there, is no config in Python, or is not named by a plain text.
    """
    for value in filter(None, (assigned(node, BASE) for node in tree.body)):
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
