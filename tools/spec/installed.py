"""Where a module lies that is not beside a model's file; nothing of it is imported to find that."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

SITE = {"site-packages", "dist-packages"}  # folders whose content its version tells


@dataclass(frozen=True, slots=True)
class Installed:
    """A module or package that Python finds by its path.

    roots: the folders it lies in, each with its name. file: of a module that is one file. distributions: the
    names under which it is installed. told: whether their versions tell its content.
    """

    roots: tuple[tuple[str, str], ...]
    file: Path | None
    distributions: tuple[str, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.file,) if self.file else tuple(Path(root, name) for root, name in self.roots)

    @property
    def told(self) -> bool:
        return bool(self.distributions) and all(in_site(path) for path in self.paths)


def installed(top: str) -> Installed | None:
    """What Python finds under the first part of a dotted name."""
    there = next((found for finder in sys.meta_path if (found := finder.find_spec(top, None))), None)
    if there is None:
        return None
    if there.submodule_search_locations is not None:
        folders = tuple((str(Path(place).parent), top) for place in there.submodule_search_locations)
        return Installed(folders, None, _distributions(top)) if folders else None
    file = Path(there.origin) if there.origin else None
    return Installed(((str(file.parent), top),), file, _distributions(top)) if file and file.is_file() else None


def in_site(path: Path) -> bool:
    """Whether it lies where packages are installed, which nobody edits."""
    return not SITE.isdisjoint(path.resolve().parts)


def _distributions(top: str) -> tuple[str, ...]:
    """Those that bring a module of that name; one of the same name is the quickest to ask for."""
    try:
        version(top)
    except PackageNotFoundError:
        return tuple(sorted(set(_brought().get(top, ()))))
    return (top,)


@cache
def _brought() -> dict[str, list[str]]:
    return {**packages_distributions()}
