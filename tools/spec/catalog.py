"""Finds the models: every `<name>.py` with a `<name>.toml` beside it in a models folder.

A file without a toml that assigns no SPEC is none: it is a config or a module that a model is built by.
"""

from __future__ import annotations

import importlib.util
import re
import traceback
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from tools.errors import OptionError, TruthError
from tools.spec import own, spec_rules, spec_source
from tools.spec.case import CONTROL
from tools.spec.faults import Faults, Place
from tools.spec.model import LocaliserSpec, ModelSpec, Spec
from tools.spec.sources import NO_ROOM
from tools.spec.truth import Truth, read_truth

SPEC = re.compile(rb"^SPEC\b", re.MULTILINE)
MODULE = "clipgate_model_"  # begins the name of a model's module
RAISED = (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, MemoryError, NameError, OSError, RuntimeError,
          SyntaxError, TypeError, ValueError)  # what a file of Python may raise that is not of ours
IMPORTS = f"a model's file can import {', '.join(spec_source.KINDS)} from tools.spec; other libraries it imports inside functions"
PYTHON = "correct that line: the file is Python, and is run when it is read"
SPEC_PAGE = "tools/spec/model.py and mini.py say what each value means; suites/README.md, 'Adding a model', how one begins"


def model_names(folder: Path) -> list[str]:
    """The models a folder declares, sorted."""
    files = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
    if not files:
        raise OptionError("no models here", where=str(folder), remedy="--models takes a folder of <model>.py and <model>.toml")
    _require_no_control(folder)
    return [path.stem for path in files if _is_model(path)] or [path.stem for path in files]


def _require_no_control(folder: Path) -> None:
    """Refuse a model that is called as the control is, whose cells and nights would be taken for its own."""
    path = folder / f"{CONTROL}.py"
    if path.is_file() and _is_model(path):
        raise TruthError(f"no model can be named {CONTROL!r}: the fixed graph that doubtful cells are measured in turn with is",
                         where=str(path), remedy="choose another name for the model and its files")


def _is_model(path: Path) -> bool:
    return path.with_suffix(".toml").is_file() or SPEC.search(path.read_bytes()) is not None


def load_spec(folder: Path, name: str) -> Spec:
    """The SPEC of a model file.

    Raises:
        OptionError: there is no such model.
        TruthError: the file cannot be run, holds no SPEC of that name, or values that cannot be meant; or a
            model is called as the control is.
    """
    path = folder / f"{name}.py"
    _require_no_control(folder)
    if not path.is_file():
        raise OptionError(f"unknown model {name!r}", where=str(folder), remedy=f"choose one of: {', '.join(model_names(folder))}")
    spec = getattr(load_module(path), "SPEC", None)
    if not isinstance(spec, ModelSpec | LocaliserSpec):
        raise TruthError(f"the file must define SPEC, a ModelSpec or LocaliserSpec named {name!r}", where=str(path))
    faults = Faults()
    spec_rules.check(spec, faults)
    if not faults.found and spec.name != name:
        at: Place = ("name",) if isinstance(spec, LocaliserSpec) else ("network", "name")
        faults.add(at, f"{'.'.join(map(str, at))} = {spec.name!r}, and the file is called {path.name}: SPEC must be named {name!r}")
    faults.settle(path, lambda: spec_source.lines_of(path), SPEC_PAGE)
    for network in spec.networks:
        _require_plain(network.export_form, path)
    return _with_own_files(spec, path)


def _with_own_files(spec: Spec, path: Path) -> Spec:
    """The spec whose networks know what the configs and modules beside the model's file are made of."""
    if isinstance(spec, ModelSpec):
        return replace(spec, network=own.resolved(spec.network, path))
    return replace(spec, tem=own.resolved(spec.tem, path), pem=own.resolved(spec.pem, path))


def _require_plain(form: object, path: Path) -> None:
    """Check that an export form can travel to a child process, and be read for the store's keys."""
    plain = isinstance(form, FunctionType) and form.__code__.co_filename == str(path) and form.__qualname__ == form.__name__
    if form is not None and not plain:
        raise TruthError(f"export_form is {form!r}, and has to be a plain function of this file without a decorator", where=str(path),
                         remedy="write it with def at the top of the file")


class AsWritten(SourceFileLoader):
    """Runs a file as it is now: a compiled one is taken for that of any text of the same second and size."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def load_module(path: Path) -> ModuleType:
    """A model's file as a module of its own, which no import statement finds.

    Raises:
        TruthError: it cannot be run.
    """
    name = f"{MODULE}{path.stem}"
    description = importlib.util.spec_from_file_location(name, path, loader=AsWritten(name, str(path)))
    assert description is not None
    assert description.loader is not None
    module = importlib.util.module_from_spec(description)
    try:
        description.loader.exec_module(module)
    except RAISED as error:
        spec_source.check_calls(path)  # an argument that is unknown or missing is told with all others
        faults = Faults()
        line = _line(error, path)
        faults.add((line,), f"{type(error).__name__}: {_said(error)}")
        faults.settle(path, lambda: {(line,): line}, IMPORTS if isinstance(error, ImportError | NameError) else PYTHON)
    return module


def _said(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    return text or (NO_ROOM if isinstance(error, MemoryError) else "it says no more")


def _line(error: BaseException, path: Path) -> int:
    """The line of *path* at which it stopped; 0 where nothing tells."""
    name = str(path.absolute())
    if isinstance(error, SyntaxError) and error.filename == name:
        return error.lineno or 0
    return next((frame.lineno or 0 for frame in reversed(traceback.extract_tb(error.__traceback__)) if frame.filename == name), 0)


def load_truth(folder: Path, name: str) -> Truth:
    """The stored numbers of a model."""
    return read_truth(folder / f"{name}.toml")
