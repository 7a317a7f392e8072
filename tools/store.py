"""Lists, verifies and prunes what was built, and carries it to other machines."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from pathlib import Path

from tools.errors import StoreError
from tools.machine import events
from tools.machine.locks import hold
from tools.spec.settings import ARTIFACTS, MODELS
from tools.storage.carry import export_models
from tools.storage.entries import HOST, PARTIAL, UNFINISHED, damage_of, files_of, is_inside, label, lock_path, manifests
from tools.storage.store import require_writable
from tools.storage.unpacking import unpack


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.store", description="Look after the artifact store.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--artifacts", type=Path, default=ARTIFACTS, metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[shared], help="every entry with its size")
    commands.add_parser("verify", parents=[shared], help="name what is damaged")
    prune = commands.add_parser("prune", parents=[shared], help="remove what is damaged or half-built")
    prune.add_argument("--unused-days", type=_days, metavar="N", help="also remove what was not used for N days")
    export = commands.add_parser("export", parents=[shared], help="pack entries for another machine, one without torch say")
    export.add_argument("file", type=Path, metavar="FILE")
    export.add_argument("-m", "--model", nargs="+", action="extend", default=[], help="what belongs to these; all without it")
    export.add_argument("--batch", nargs="+", action="extend", type=int, default=[], help="graphs of these batch sizes; all without it")
    export.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="folder of <model>.py and <model>.toml")
    importing = commands.add_parser("import", parents=[shared], help="take in the entries of such a file that are not here yet")
    importing.add_argument("file", type=Path, metavar="FILE")
    return parser


def main(arguments: Sequence[str]) -> int:
    """List, verify or prune the store, or carry entries to another one; 1 if verify found damage."""
    options = _parser().parse_args(arguments)
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


def _look_after(root: Path, command: str, unused_days: float | None) -> int:
    damaged = 0
    for path in manifests(root):
        if not path.exists():
            continue  # its host was removed just now
        damage = damage_of(path) if command != "list" else None
        unused = unused_days is not None and _unused_days(path) > unused_days
        if command == "list":
            size = sum(file.stat().st_size for file in files_of(path) if file.is_file())
            print(f"{size / 2**20:9.1f} MiB  {label(root, path)}")
        elif damage or (command == "prune" and unused):
            damaged += damage is not None
            print(f"{label(root, path)}: {damage or 'not used lately'}")
            if command == "prune":
                _remove(root, path)
    if command == "prune":
        _remove_partials(root, unused_days)
    elif command == "verify":
        print(f"{len(manifests(root))} entries, {damaged} damaged")
    return int(command == "verify" and damaged > 0)


def _unused_days(path: Path) -> float:
    return (time.time() - path.stat().st_mtime) / 86400


def _remove_partials(root: Path, unused_days: float | None) -> None:
    """Remove half-built entries that no builder has locked, and unfinished work that is long unused."""

    def busy(holder: str) -> None:
        raise StoreError(holder)

    for partial in (root / PARTIAL).glob("*"):
        if not is_inside(root, partial):
            break  # somebody's link: what it leads to is another's
        with suppress(StoreError), hold(lock_path(root, partial.name), busy):
            shutil.rmtree(partial, ignore_errors=True)
    for kept in (root / UNFINISHED).glob("*/*"):
        if unused_days is not None and _unused_days(kept) > unused_days and is_inside(root, kept):
            print(f"{kept.relative_to(root)}: not gone on with lately")
            shutil.rmtree(kept)
    with suppress(OSError):
        (root / PARTIAL).rmdir()


def _remove(root: Path, manifest: Path) -> None:
    """Remove an entry; what a link in the store leads to is another's, and stays."""
    if not is_inside(root, manifest):
        print(f"{label(root, manifest)}: it lies behind a link and is left alone")
        return
    if manifest.name == HOST:
        shutil.rmtree(manifest.parent)
        return
    for file in files_of(manifest):
        if is_inside(root, file):
            file.unlink(missing_ok=True)
    manifest.unlink()


if __name__ == "__main__":
    raise SystemExit(events.run_command(main))
