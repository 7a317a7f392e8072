"""The code that shapes an entry, as a digest: what a builder's function reaches, and nothing beside it.

A definition counts with the definitions it names, through imports, in all modules of tools. Counted are
syntax trees. Docstrings, comments, what errors say and what is told while an entry is made do not count. The
machinery of files, locks, events and storage does not count either, except what reads and joins values. Empty
fields of a node are left out, so that versions of Python agree as long as they parse the same text to the
same nodes.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path

from tools.spec import settings
from tools.spec.digest import digest
from tools.storage.syntax import Definition, Module, read

CODE = "code"  # what the part of a key is called
FORM = "export_form"  # what the part of a key is called that stands for a model's own function
MACHINERY = ("tools.errors", "tools.machine", "tools.storage", "tools.spec.digest", "tools.spec.settings")
VALUES = ("tools.machine.reading", "tools.storage.shards")  # read what files hold, and join the parts of a result
EVERYTHING = "*"
Place = tuple[str, str]  # a module and the name of a definition in it; "" stands for what runs on import
Build = Callable[..., object]
Find = Callable[[str], Module | None]  # a module by its dotted name


def part(build: Build) -> tuple[str, str]:
    """The part of a key that stands for the code of the function *build*."""
    return CODE, current(place_of(build))


def place_of(build: Build) -> str:
    """Where a builder is defined, as `module:name`; of a `partial` it is the function inside."""
    while isinstance(build, partial):
        build = build.func
    return f"{build.__module__}:{build.__qualname__}"


def file_of(place: str) -> Path:
    """The file of the module in `module:name`."""
    return settings.ROOT.joinpath(*place.partition(":")[0].split(".")).with_suffix(".py")


def current(place: str) -> str:
    """The digest of the code behind `module:name` as it is on this machine; empty if there is none."""
    return code_digest(place, settings.ROOT)


def is_other(made_by: str | None, digest: str) -> bool:
    """Whether an entry of this builder and code was made by other code than is here, or by unknown code."""
    return made_by is None or digest != current(made_by)


@cache
def code_digest(place: str, root: Path) -> str:
    """The digest of the code behind `module:name` in the project at *root*; empty if there is none."""
    module, _, name = place.partition(":")
    with _nothing_collected():
        return _digest_of(reached((module, name), partial(_module, root)))


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Syntax trees are many, and none of them is garbage: to look for some takes a third of the time."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def form(function: Build | None) -> tuple[tuple[str, str], ...]:
    """The part of a key that stands for a function of a model's file and what it needs; none without one."""
    if function is None:
        return ()
    model = read(function.__module__, Path(function.__code__.co_filename).read_text(encoding="utf-8"))
    name = function.__name__ if function.__name__ in model.definitions else EVERYTHING
    found = reached((model.name, name), lambda wanted: model if wanted == model.name else _below_root(settings.ROOT, wanted))
    return ((FORM, _digest_of(found)),)


def _digest_of(found: dict[Place, list[str]]) -> str:
    return digest({":".join(where): [*words] for where, words in found.items()}) if found else ""


def reached(start: Place, find: Find) -> dict[Place, list[str]]:
    """The definitions that *start* needs, itself among them, each as text."""
    found: dict[Place, list[str]] = {}
    waiting, seen = [start], set[Place]()
    while waiting:
        place = waiting.pop()
        module = find(place[0])
        if place in seen or module is None or _is_machinery(place[0]):
            continue
        seen.add(place)
        waiting.append((module.name, ""))
        if place[1] == EVERYTHING:
            waiting += [(module.name, name) for name in module.definitions]
        elif place[1] in module.definitions:
            needed = set(_needed(module, module.definitions[place[1]], find))
            meant = sorted(f"{used} of {target}" for used, target in needed if not _is_machinery(target))
            found[place] = [*module.definitions[place[1]].texts, *meant]
            waiting += [_split(target, find) for _, target in needed]
        else:
            waiting += [_split(target, find) for target in module.imports.get(place[1], ())]
    return found


def _needed(module: Module, definition: Definition, find: Find) -> Iterator[tuple[str, str]]:
    """The names that a definition of *module* uses, each with the dotted name it stands for."""
    for chain in definition.names:
        first, *rest = chain.split(".")
        if first in module.definitions:
            yield first, f"{module.name}.{first}"
        for target in module.imports.get(first, ()):
            while rest and find(f"{target}.{rest[0]}"):
                target = f"{target}.{rest.pop(0)}"
            is_module = find(target) is not None
            yield first, f"{target}.{rest[0] if rest else EVERYTHING}" if is_module else target


def _split(target: str, find: Find) -> Place:
    """A dotted name as a module and a definition in it."""
    if find(target):
        return target, EVERYTHING
    module, _, name = target.rpartition(".")
    return module, name


def _is_machinery(name: str) -> bool:
    return _below(name, MACHINERY) and not _below(name, VALUES)


def _below(name: str, modules: tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in modules)


@cache
def _module(root: Path, name: str) -> Module | None:
    """A module of tools below *root*; None if there is none of that name."""
    return _below_root(root, name) if name.partition(".")[0] == "tools" else None


@cache
def _below_root(root: Path, name: str) -> Module | None:
    """Any module of the project: a model's file may import those beside tools. None if there is none."""
    base = root.joinpath(*name.split("."))
    for path in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if path.is_file():
            return read(name, path.read_text(encoding="utf-8"))
    return None
