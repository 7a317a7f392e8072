"""Entries into an archive for another machine, chosen by model; and the command line that stages share with the store's own."""

from __future__ import annotations

import argparse
from pathlib import Path

from tools.errors import StoreError
from tools.spec.catalog import load_spec
from tools.spec.settings import ARTIFACTS, MODELS
from tools.storage import packing
from tools.storage.store import require_writable
from tools.storage.unpacking import unpack


def _export(root: Path, options: argparse.Namespace) -> None:
    names = {model: _names(options.models, model) for model in options.model}
    chosen = packing.choose(root, frozenset().union(*names.values()) if names else None, options.batch)
    if not chosen:
        raise StoreError(f"nothing of {' or '.join(names) or 'any model'} is in the store", where=str(root),
                         remedy=f"make it: pytest -m {next(iter(names), 'tsm')} -k bs1")
    packing.pack(root, chosen, options.file, say=print)
    print(f"{len(chosen)} entries, {options.file.stat().st_size / 2**20:.1f} MiB: {options.file}")
    for model, mine in names.items():
        print(*(f"note: {line}\n" for line in packing.lacking(chosen, model, mine, options.batch)), sep="", end="")


def _names(models: Path, model: str) -> frozenset[str]:
    """What the entries of a model are called."""
    spec = load_spec(models, model)
    return frozenset({spec.name, f"{spec.name}-mini", *(network.name for network in spec.networks)})


def main(module: str, kind: str) -> int:
    """`python -m <module> export MODEL FILE` and `import FILE`, of entries of *kind*, as an archive of `tools.store`.

    Raises:
        StoreError: there is nothing of that kind, or the archive cannot be written or is none.
    """
    options = _arguments(module, kind)
    root = options.artifacts / "store"
    if options.command == "import":
        require_writable(root)
        unpack(root, options.file, say=print)
        return 0
    spec = load_spec(options.models, options.model)
    chosen = packing.choose(root, frozenset({spec.name}), [], kind)
    if not chosen:
        raise StoreError(f"no {kind} of {spec.name} is in the store", where=str(root), remedy=f"make it: python -m {module} {spec.name}")
    packing.pack(root, chosen, options.file, say=print)
    print(f"{len(chosen)} entries, {options.file.stat().st_size / 2**20:.1f} MiB: {options.file}")
    return 0


def _arguments(module: str, kind: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=f"Carry {kind}s between machines.")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help=f"pack every {kind} of a model")
    export.add_argument("model", metavar="MODEL")
    export.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="folder of <model>.py and <model>.toml")
    for command in (export, commands.add_parser("import", help="take in what is not here yet")):
        command.add_argument("file", type=Path, metavar="FILE")
        command.add_argument("--artifacts", type=Path, default=ARTIFACTS, metavar="DIR")
    return parser.parse_args()
