"""Entries into an archive for another machine, chosen by model; and the command line that stages share with the store's own."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.errors import StoreError
from tools.spec.catalog import load_spec
from tools.spec.settings import ARTIFACTS, MODELS
from tools.storage import packing
from tools.storage.store import require_writable
from tools.storage.unpacking import unpack

COMMANDS = ("export", "import")


def export_models(root: Path, archive: Path, models: Path, names: Sequence[str], batches: Sequence[int]) -> None:
    """Pack what belongs to the models of these names, or everything, and say what a host without torch will miss."""
    entries = {name: _entry_names(models, name) for name in names}
    chosen = packing.choose(root, frozenset().union(*entries.values()) if entries else None, batches)
    if not chosen:
        raise StoreError(f"nothing of {' or '.join(names) or 'any model'} is in the store", where=str(root),
                         remedy=f"make it: pytest -m {next(iter(names), 'tsm')} -k bs1")
    _pack(root, chosen, archive)
    for name, mine in entries.items():
        print(*(f"note: {line}\n" for line in packing.lacking(chosen, name, mine, batches)), sep="", end="")


def _entry_names(models: Path, model: str) -> frozenset[str]:
    """What the entries of a model are called."""
    spec = load_spec(models, model)
    return frozenset({spec.name, f"{spec.name}-mini", *(network.name for network in spec.networks)})


def _pack(root: Path, chosen: Sequence[Path], archive: Path) -> None:
    packing.pack(root, chosen, archive, say=print)
    print(f"{len(chosen)} entries, {archive.stat().st_size / 2**20:.1f} MiB: {archive}")


def main(module: str, kind: str, arguments: Sequence[str]) -> int:
    """`python -m <module> export MODEL FILE` and `import FILE`, of entries of *kind*, as an archive of `tools.store`.

    Raises:
        StoreError: there is nothing of that kind, or the archive cannot be written or is none.
    """
    options = _parser(module, kind).parse_args(arguments)
    root = options.artifacts / "store"
    if options.command == "import":
        require_writable(root)
        unpack(root, options.file, say=print)
        return 0
    spec = load_spec(options.models, options.model)
    chosen = packing.choose(root, frozenset({spec.name}), [], kind)
    if not chosen:
        raise StoreError(f"no {kind} of {spec.name} is in the store", where=str(root), remedy=f"make it: python -m {module} {spec.name}")
    _pack(root, chosen, options.file)
    return 0


def _parser(module: str, kind: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=f"Carry {kind}s between machines.")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help=f"pack every {kind} of a model")
    export.add_argument("model", metavar="MODEL")
    export.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="folder of <model>.py and <model>.toml")
    for command in (export, commands.add_parser("import", help="take in what is not here yet")):
        command.add_argument("file", type=Path, metavar="FILE")
        command.add_argument("--artifacts", type=Path, default=ARTIFACTS, metavar="DIR")
    return parser
