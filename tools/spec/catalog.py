"""Finds the models: every `<name>.py` with a `<name>.toml` beside it in a models folder.

A file without a toml that assigns no SPEC is none: it is a config or a module that a model is built by.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import FunctionType, ModuleType

from tools.errors import OptionError, TruthError
from tools.spec import own
from tools.spec.model import LocaliserSpec, ModelSpec, Spec
from tools.spec.truth import Truth, read_truth

SPEC = re.compile(rb"^SPEC\b", re.MULTILINE)
MODULE = "clipgate_model_"  # begins the name of a model's module


def model_names(folder: Path) -> list[str]:
    """The models a folder declares, sorted."""
    files = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
    if not files:
        raise OptionError("no models here", where=str(folder), remedy="--models takes a folder of <model>.py and <model>.toml")
    return [path.stem for path in files if _is_model(path)] or [path.stem for path in files]


def _is_model(path: Path) -> bool:
    return path.with_suffix(".toml").is_file() or SPEC.search(path.read_bytes()) is not None


def load_spec(folder: Path, name: str) -> Spec:
    """The SPEC of a model file.

    Raises:
        OptionError: there is no such model.
        TruthError: the file holds no SPEC of that name.
    """
    path = folder / f"{name}.py"
    if not path.is_file():
        raise OptionError(f"unknown model {name!r}", where=str(folder), remedy=f"choose one of: {', '.join(model_names(folder))}")
    spec = getattr(load_module(path), "SPEC", None)
    if not isinstance(spec, ModelSpec | LocaliserSpec) or spec.name != name:
        raise TruthError(f"the file must define SPEC, a ModelSpec or LocaliserSpec named {name!r}", where=str(path))
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


def load_module(path: Path) -> ModuleType:
    """A model's file as a module of its own, which no import statement finds."""
    description = importlib.util.spec_from_file_location(f"{MODULE}{path.stem}", path)
    assert description is not None
    assert description.loader is not None
    module = importlib.util.module_from_spec(description)
    description.loader.exec_module(module)
    return module


def load_truth(folder: Path, name: str) -> Truth:
    """The stored numbers of a model."""
    return read_truth(folder / f"{name}.toml")
