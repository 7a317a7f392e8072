"""Lets every process that finds this folder on its path wait for a while where it would only decode a clip.

Python imports a module of this name at its start. The frames are those of the clip all the same.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

DECODER = "tools.media.decode"
CLIP_S = 0.25


class Asleep(Loader):
    """Loads the decoder as *theirs* does, and lets it sleep."""

    def __init__(self, theirs: Loader) -> None:
        self._theirs = theirs

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._theirs.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._theirs.exec_module(module)
        decode = module.sampled_frames

        def sampled_frames(*given: object) -> object:
            time.sleep(CLIP_S)
            return decode(*given)

        module.sampled_frames = sampled_frames  # type: ignore[attr-defined] # a module takes any name


class Finder(MetaPathFinder):
    """Finds the decoder, once its package is there, and nothing else."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == DECODER else None
        if spec and spec.loader:
            spec.loader = Asleep(spec.loader)
        return spec


sys.meta_path.insert(0, Finder())
