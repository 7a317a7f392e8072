"""Carries entries to other machines: all of a model, or its references alone by their own command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tools.errors import StoreError
from tools.spec.catalog import load_spec
from tools.spec.command_line import parsed, with_places
from tools.spec.options import ARTIFACTS, CONFIG, MODELS, UsualPath
from tools.storage import packing
from tools.storage.store import require_writable
from tools.storage.unpacking import unpack

COMMANDS = ("export", "import")


def export_models(root: Path, archive: Path, models: Path, names: Sequence[str], batches: Sequence[int]) -> None:
    """Pack the entries of these models, or of all, and say what a host without torch will miss."""
    entry_names = {}
    for name in names:
        spec = load_spec(models, name)
        entry_names[name] = frozenset({spec.name, f"{spec.name}-mini", *(network.name for network in spec.networks)})
    chosen = packing.choose(root, frozenset().union(*entry_names.values()) if names else None, batches)
    if not chosen:
        raise StoreError(f"nothing of {' or '.join(names) or 'any model'} is in the store", where=str(root),
                         remedy=f"make it: pytest -m {next(iter(names), 'tsm')} -k bs1")
    _pack(root, chosen, archive)
    for name, mine in entry_names.items():
        print(*(f"note: {line}\n" for line in packing.lacking(chosen, name, mine, batches)), sep="", end="")


def _pack(root: Path, chosen: Sequence[Path], archive: Path) -> None:
    packing.pack(root, chosen, archive, say=print)
    print(f"{len(chosen)} entries, {archive.stat().st_size / 2**20:.1f} MiB: {archive}")


def carry_references(arguments: Sequence[str]) -> int:
    """`python -m tools.reference export MODEL FILE` and `import FILE`; `tools.store` can import the FILE too.

    Raises:
        StoreError: the model has no reference here, the archive cannot be written, or FILE is no archive.
    """
    options = with_places(parsed(_parser(), arguments))
    root = options.artifacts / "store"
    if options.command == "import":
        require_writable(root)
        unpack(root, options.file, say=print)
        return 0
    spec = load_spec(options.models, options.model)
    scores, inputs = (packing.choose(root, frozenset({spec.name}), [], kind) for kind in ("reference", "inputs"))
    if not scores:
        raise StoreError(f"no reference of {spec.name} is in the store", where=str(root),
                         remedy=f"make it: python -m tools.reference {spec.name}")
    _pack(root, list(dict.fromkeys([*scores, *inputs])), options.file)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.reference", description="Carry references between machines.")
    commands = parser.add_subparsers(dest="command", required=True)
    export = commands.add_parser("export", help="pack every reference of a model")
    export.add_argument("model", metavar="MODEL")
    export.add_argument("--models", type=Path, default=UsualPath(MODELS), metavar="DIR", help="folder of <model>.py and <model>.toml")
    for command in (export, commands.add_parser("import", help="take in what is not here yet")):
        command.add_argument("file", type=Path, metavar="FILE")
        CONFIG.add_to(command.add_argument)
        command.add_argument("--artifacts", type=Path, default=UsualPath(ARTIFACTS), metavar="DIR")
    return parser
