"""What is found of a family's device nodes: whether they are there, and this user may open them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.engines.findings import MISSING, NOTE, OK, WRONG, Finding
from tools.engines.nodes import Nodes, folder
from tools.errors import OptionError
from tools.spec.case import Device


@dataclass(frozen=True, slots=True)
class Steps:
    """What to do where there is no node, or where those beside them are missing.

    group: which users may open the nodes, where a node does not say it.
    """

    absent: str
    without: str
    group: str


def of(thing: str, nodes: Nodes, beside: Sequence[str], steps: Steps) -> list[Finding]:
    """The nodes of the devices. beside: names of other nodes that their driver makes."""
    devices = nodes.devices()
    if not devices:
        try:
            nodes.named(Device(nodes.family, 0))
        except OptionError as error:
            return [Finding(MISSING, thing, error.what, steps.absent)]
    closed = [path for path in sorted(folder().glob(f"{nodes.stem}[0-9]*")) if not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        return [Finding(WRONG, thing, f"closed to this user: {', '.join(path.name for path in closed)}",
                        f"add the user to their group: sudo usermod -aG {_group(closed[0], steps.group)} $USER, then log in again")]
    told = f"{len(devices)} in {folder()}{', simulated' if devices[0].simulated else ''}"
    absent = [name for name in beside if not (folder() / name).exists()]
    if absent:
        return [Finding(NOTE, thing, f"{told}; without {', '.join(absent)}", steps.without)]
    return [Finding(OK, thing, told)]


def _group(path: Path, usual: str) -> str:
    try:
        return path.group()
    except KeyError:  # its number has no name here
        return usual
