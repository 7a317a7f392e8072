"""Pickles for a child process, with functions of a model's file too, which no import statement finds."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

from tools.spec import catalog


class Pickler(pickle.Pickler):
    """Names a function of a model's file by that file, from which the other process loads it."""

    def reducer_override(self, value: object) -> Any:  # noqa: ANN401 - what pickle takes
        if isinstance(value, FunctionType) and value.__module__.startswith(catalog.MODULE):
            if "<" in value.__qualname__:
                raise pickle.PicklingError(f"{value.__qualname__} is no function at the top of {value.__code__.co_filename}")
            return _function, (Path(value.__code__.co_filename), value.__qualname__)
        return NotImplemented


def _function(path: Path, name: str) -> Callable[..., object]:
    function: Callable[..., object] = getattr(catalog.load_module(path), name)
    return function
