"""What a person has written for a network: a config beside the model's file, or a module of torch."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

from tools.errors import TruthError
from tools.spec.installed import installed
from tools.spec.model import Network
from tools.spec.sources import KEYED, Own, Root, module_file, sources

PLACE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
FORM = 'write module="my_net:build": a file my_net.py beside the model\'s, or an installed module, and a function in it'


def resolved(network: Network, path: Path) -> Network:
    """*network* of the model's file *path*, with what its own config or module is made of.

    A config that exists at that path from the model's folder, or at an absolute one, is a person's own; any
    other is one of mmaction2's package.

    Raises:
        TruthError: what is named is not there or is no Python.
    """
    folder = path.parent.resolve()
    if network.module and network.overrides:
        raise TruthError(f"{network.name} has overrides, and is built by a module", where=str(path),
                         remedy="overrides change a config: write the values into the module")
    if network.module:
        return replace(network, own=_of_module(network, folder, path))
    config = folder / network.config
    if network.config and config.is_file():
        return replace(network, own=_own(config, path, [(str(folder), "")]))
    if Path(network.config).is_absolute():
        raise TruthError(f"{network.name} is built by a config that is not there: {network.config}", where=str(path),
                         remedy="put it there, or name it by its path from the model's file")
    return network


def require_unchanged(own: Own) -> None:
    """Check, after they were run, that the files are still those that the keys are made of."""
    if sources(Path(own.start), own.roots, own.name).digest != own.digest:
        raise TruthError(f"{Path(own.start).name}, or what it imports, has changed since this run found it", where=own.start,
                         remedy="leave it as it is while it is used, and run this again")


def _of_module(network: Network, folder: Path, path: Path) -> Own:
    if not PLACE.fullmatch(network.module):
        raise TruthError(f"module = {network.module!r} names no function of a module", where=str(path), remedy=FORM)
    name = network.module.partition(":")[0]
    top = name.partition(".")[0]
    local = (str(folder), "")
    there = None if module_file(top, [local]) else installed(top)
    roots = [local, *(there.roots if there else ())]
    start = module_file(name, roots)
    if start is None:
        raise TruthError(f"the module {name} is neither in {folder} nor installed", where=str(path), remedy=FORM)
    return _own(start, path, roots, name)


def _own(start: Path, asked: Path, roots: list[Root], name: str = "") -> Own:
    found = sources(start, roots, name)
    taken = [path for module in sorted(KEYED & set(found.modules)) + sorted(sys.stdlib_module_names & set(found.modules))
             if (path := module_file(module, roots))]
    if taken:
        raise TruthError(f"{taken[0].name} has the name of a module that others need", where=str(taken[0]),
                         remedy=f"give it another name, and use that in {asked.name}")
    return Own(str(start), tuple(roots), found.digest, name, found.modules, found.packages)
