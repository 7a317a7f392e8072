# PYTHON_ARGCOMPLETE_OK
"""Lists, verifies and prunes what was built, and carries it to other machines."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from math import inf
from pathlib import Path

from tools.machine import events
from tools.spec.command_line import parsed, with_places
from tools.spec.options import ARTIFACTS, CONFIG, MODELS, UsualPath
from tools.storage import access
from tools.storage.carry import export_models
from tools.storage.entries import damage_of, files_of, label, manifests
from tools.storage.pruning import folders, prune
from tools.storage.store import require_writable
from tools.storage.unpacking import unpack

STATUS = "Exit status: 0 if all is well; 1 if verify found damage, or the store cannot be read or written; 2 for wrong options."


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.store", description="Look after the artifact store.", epilog=STATUS)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--artifacts", type=Path, default=UsualPath(ARTIFACTS), metavar="DIR")
    CONFIG.add_to(shared.add_argument)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[shared], help="every entry with its size")
    commands.add_parser("verify", parents=[shared], help="name what is damaged")
    prune = commands.add_parser("prune", parents=[shared], help="remove what is damaged or half-built")
    prune.add_argument("--unused-days", type=_days, metavar="N", help="also remove what was not used for N days")
    export = commands.add_parser("export", parents=[shared], help="pack entries for another machine, one without torch say")
    export.add_argument("file", type=Path, metavar="FILE")
    export.add_argument("-m", "--model", nargs="+", action="extend", default=[], help="what belongs to these; all without it")
    export.add_argument("--batch", nargs="+", action="extend", type=int, default=[], help="graphs of these batch sizes; all without it")
    export.add_argument("--models", type=Path, default=UsualPath(MODELS), metavar="DIR", help="folder of <model>.py and <model>.toml")
    importing = commands.add_parser("import", parents=[shared], help="take in the entries of such a file that are not here yet")
    importing.add_argument("file", type=Path, metavar="FILE")
    return parser


def main(arguments: Sequence[str]) -> int:
    """List, verify or prune the store, or carry entries to another one; 1 if verify found damage."""
    options = with_places(parsed(_parser(), arguments))
    root = options.artifacts / "store"
    if options.command == "export":
        export_models(root, options.file, options.models, options.model, options.batch)
    elif options.command == "import":
        require_writable(root)
        unpack(root, options.file, say=print)
    else:
        return _look_after(root, options.command, getattr(options, "unused_days", None))
    return 0


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0.0
    if not 0 < days < inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days above 0; what is in use now must stay")
    return days


def _look_after(root: Path, command: str, days: float | None) -> int:
    """List, verify or prune, and say what was found; 1 if verify found damage."""
    if not _is_there(root):
        print(f"nothing is stored yet in {root.parent}")
        return 0
    if command == "list":
        return _list(root)
    if command == "verify":
        return _verify(root)
    removed = prune(root, days, print)
    print(f"{removed} removed, {len(manifests(root))} entries stay")
    return 0


def _is_there(root: Path) -> bool:
    """Whether anything was stored below the artifacts folder.

    Raises:
        StoreError: there is no such folder, it is none, or a part of it may not be read.
    """
    try:
        for folder in (root.parent, root, *(path for path in root.glob("[!.]*") if path.is_dir()), *folders(root)):
            with os.scandir(folder):
                pass
    except OSError as error:
        if isinstance(error, FileNotFoundError) and root.parent.is_dir():
            return False
        raise access.unreadable(error, root) from error
    return True


def _list(root: Path) -> int:
    found = manifests(root)
    for path in found:
        size = sum(file.stat().st_size for file in files_of(path) if file.is_file())
        print(f"{size / 2**20:9.1f} MiB  {label(root, path)}")
    if not found:
        print(f"no entries in {root}")
    return 0


def _verify(root: Path) -> int:
    found, damaged = manifests(root), 0
    for path in found:
        damage = damage_of(path)
        if damage:
            damaged += 1
            print(f"{label(root, path)}: {damage}")
    print(f"{len(found)} entries, {damaged} damaged")
    return int(damaged > 0)


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
