"""Runs the Python that a person has written beside a model's file, and says at which line it stopped.

What it is shapes results, and is a part of keys by its content; how it is run shapes none.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.errors import TruthError
from tools.machine.reading import UNREADABLE, reason
from tools.spec.own import require_unchanged
from tools.spec.sources import Own, module_file

RAISED = (*UNREADABLE, NameError, ImportError)
IMPORTED: dict[str, str] = {}  # what the modules of a person's folder were made of, by their first name


def function_of(place: str, start: Path) -> Callable[..., object]:
    """The function of `module:name`, asked for while a person's code is `running`; *start* is its file."""
    name, _, function = place.partition(":")
    found: Callable[..., object] | None = getattr(importlib.import_module(name), function, None)
    if not callable(found):
        raise TruthError(f"{name} has no function {function}", where=str(start), remedy=f"write def {function}(): in it")
    return found


@contextmanager
def running(own: Own | None, doing: str, start: Path) -> Iterator[None]:
    """Run a person's code, whose modules can be imported meanwhile, those of its own folder first.

    Raises:
        TruthError: the code raised something, or its files have changed since the keys were made of them.
    """
    folders = [root for root, only in own.roots if not only] if own else []
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    _forget_others(own)
    sys.path[:0] = folders
    try:
        yield
    except RAISED as error:
        raise TruthError(f"{doing}: {type(error).__name__}: {reason(error).splitlines()[0]}", where=_line(error, start, folders),
                         remedy="correct that line, or what it is given") from error
    finally:
        sys.dont_write_bytecode = before
        for folder in folders:
            sys.path.remove(folder)
    if own:
        require_unchanged(own)


def _forget_others(own: Own | None) -> None:
    """Drop the modules of a person's folder that this process has imported with another content."""
    importlib.invalidate_caches()
    folders = [root for root in own.roots if not root[1]] if own else []
    for top in {name.partition(".")[0] for name in own.modules} if own else ():
        made_of = f"{own} {folders}"
        if module_file(top, folders) and IMPORTED.get(top) != made_of:
            for name in list(sys.modules):
                if name == top or name.startswith(f"{top}."):
                    del sys.modules[name]
            IMPORTED[top] = made_of


def _line(error: BaseException, start: Path, folders: list[str]) -> str:
    """The last line of a person's files at which it stopped; else the file that was begun with."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__)
              if frame.filename == str(start) or frame.filename.startswith(tuple(f"{folder}/" for folder in folders))]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else str(start)
