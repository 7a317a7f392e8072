"""Values and functions as bytes for a child process: those of a model's file too, which no import statement finds."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from tools.spec import catalog


def pickled(value: object) -> bytes:
    """*value* as bytes, which `pickle.load` reads where our modules can be imported."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(value)
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """Names a function of a model's file by that file: the other process loads it from there."""

    def reducer_override(self, found: object) -> Any:  # noqa: ANN401 - what pickle takes
        if isinstance(found, FunctionType) and found.__module__.startswith(catalog.MODULE):
            return _function, (Path(found.__code__.co_filename), found.__qualname__)
        return NotImplemented


def _function(path: Path, name: str) -> Callable[..., object]:
    found: Callable[..., object] = getattr(catalog.load_module(path), name)
    return found
