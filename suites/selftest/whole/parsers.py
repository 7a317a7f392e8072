"""Every function of tools that reads what somebody else wrote, found by what it calls, and how to call it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import typing
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.locating.found_ones import located
from suites.selftest.whole.test_arrow import modules, nodes
from tools.datasets.splits import Classes
from tools.exchange.outputs import OutputFile
from tools.judging.rows import Row
from tools.locating import kept
from tools.locating.kept import Kept
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec, Spec
from tools.spec.options import Option
from tools.spec.settings import require
from tools.storage.entries import Say

LAYER = "tools.machine.reading"
LIBRARIES = {"tomllib"}  # what a room below the layer reads with
FILE_NAME = re.compile(r"[\w-]+\.(json|jsonl|npz|txt|csv|lock|toml)")
STEPS = {"Context", "Store", "Options", "Job", "Settings", "Published", "Network", "Truth", "Given", "LocaliserSpec", "Sequence", "Mapping",
         "Weights", "Key", "VideoSet", "Runner", "Own", "Ended", "Answer"}
ROW = Row("tiny-bs4-cpu", "accuracy", "mini", "mini", "top1", "0.5", "0.5", "PASS (mini)", "as good", model="tiny", batch=4,
          device="cpu")
PARTS = Callable[[], Sequence[bytes]]  # of what travels to a node
CHECK = Callable[[Option, str], object]
FOLDERS = {"folder", "run", "root", "models", "artifacts", "data_root", "videos"}  # parameters that take one
Function = tuple[str, str]  # module and name


@dataclass(frozen=True, slots=True)
class Parser:
    """A public function that reads."""

    name: str
    call: Callable[..., object]

    def __str__(self) -> str:
        return self.name

    def arguments(self, folder: Path, path: Path, text: bytes) -> Iterator[dict[str, object]]:
        """Every choice of arguments that lets it read *folder*, the file *path* or the *text*."""
        names = [name for name, one in inspect.signature(self.call).parameters.items() if one.default is one.empty]
        given = SimpleNamespace(__annotations__={name: self.call.__annotations__[name] for name in names})
        hints = typing.get_type_hints(given, vars(importlib.import_module(self.call.__module__)))
        for chosen in product(*(values(name, hints[name], folder, path, text) for name in names)):
            yield dict(zip(names, chosen, strict=True))


def values(name: str, hint: object, folder: Path, path: Path, text: bytes) -> list[object]:
    """What may stand for a parameter."""
    said = {"dataset": ["ucf101", "kinetics400"], "format": ["txt", "bin", "npy"], "model": ["tiny"]}
    if name in said:
        return list(said[name])
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    known: dict[object, object] = {Path: folder if name in FOLDERS else path, bool: False, Device: Device("cpu"),
                                   str: text.decode("utf-8", "replace"), bytes: text, int: 3, float | None: 3.0,
                                   OutputFile: OutputFile(path, "0"), Case: Case("tiny", 4, Device("cpu")),
                                   tuple[tuple[Path, str], ...]: ((path, "0"),),
                                   Collection[str]: ("v_a",), Say: list[str]().append, list[str]: [],
                                   PARTS: lambda: [text],
                                   Row: ROW, Kept: kept.of(located(None), {}, complete=False), CHECK: require,
                                   Classes: Classes(("a", "b"), path)}
    if hint in (Spec, ModelSpec):
        return [load_spec(TINY_MODELS, "tiny")]
    assert hint in known, f"{hint}, the type of the parameter {name}, is not known here yet: add a value of it"
    return [known[hint]]


@cache
def parsers() -> list[Parser]:
    """Every public function that reaches the layer, or is called `parse`, and that takes plain input."""
    trees = {name: tree for name, tree in modules("tools").items() if name.count(".") > 1 and name != LAYER}
    calls = {(name, node.name): called(node, names) for name, tree in trees.items() for names in [named(name, tree)]
             for node in tree.body if isinstance(node, ast.FunctionDef)}
    reading = {one for one, others in calls.items() if any(module in {LAYER, *LIBRARIES} for module, _ in others)}
    while more := {one for one, others in calls.items() if others & reading} - reading:
        reading |= more
    found = []
    for name, tree in trees.items():
        module = importlib.import_module(name)
        found += [Parser(f"{name}.{one}", getattr(module, one)) for place, one in sorted(calls) if place == name
                  if not one.startswith("_") and one != "build" and ((name, one) in reading or one.startswith("parse"))
                  and takes_input(getattr(module, one))]
        found += [Parser(f"{name}.{node.name}.parse", getattr(module, node.name).parse) for node in tree.body
                  if isinstance(node, ast.ClassDef) and hasattr(getattr(module, node.name), "parse")
                  and takes_input(getattr(module, node.name).parse)]
    return found


@cache
def file_names() -> list[str]:
    """The names of all files that tools look for in a folder."""
    words = {node.value for found in nodes("tools").values() for node in found if isinstance(node, ast.Constant)
             and isinstance(node.value, str)}
    return sorted(word for word in words if FILE_NAME.fullmatch(word))


def named(module: str, tree: ast.Module) -> dict[str, Function]:
    """What each name of a module stands for that is a function of it, or is imported anywhere in it."""
    origin: dict[str, Function] = {node.name: (module, node.name) for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in nodes("tools")[module]:
        if isinstance(node, ast.ImportFrom) and node.module:
            origin |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        elif isinstance(node, ast.Import):
            origin |= {alias.name: (alias.name, "") for alias in node.names}
    return origin


def called(function: ast.FunctionDef, origin: Mapping[str, Function]) -> set[Function]:
    """The functions that one names: of its own module, or imported by their name or that of their module."""
    found = set[Function]()
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in origin:
            found.add(origin[node.id])
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in origin:
            module, name = origin[node.value.id]
            found.add((f"{module}.{name}", node.attr))
    return found


def takes_input(function: Callable[..., object]) -> bool:
    """Whether it takes a path, text or bytes, and nothing that a step of a run works with, as a graph."""
    if "graph" in inspect.signature(function).parameters:
        return False
    words = [str(one.annotation) for one in inspect.signature(function).parameters.values()]
    named = set(re.findall(r"\w+", " ".join(words)))
    return bool(words) and not named & STEPS and bool({"Path", "str", "bytes", "OutputFile"} & named) and "Callable" not in named
