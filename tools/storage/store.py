"""The artifact store: what was built once is found by the digest of everything that shaped it.

An entry is a folder `store/<kind>/<name>-<digest>` whose `entry.json` lists its files with their SHA-256. A hosted
entry adds files to another entry's folder under a manifest of its own (the graphs of all batch sizes lie beside the
one weights file they share, since ONNX forbids links and parent folders in external data). Building happens under a
lock and a temporary name, is flushed to disk and renamed last; finding verifies.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tools import elsewhere, events, packing
from tools.catalog import load_spec
from tools.entries import HOST, Entry, Facts, Key, Manifest, damage_of, files_of, manifests, read_manifest, size_of
from tools.errors import StoreError
from tools.files import flush, sha256
from tools.locks import hold
from tools.settings import ARTIFACTS, MODELS
from tools.shelf import PARTIAL, UNFINISHED, empty_partial, folder_of, is_ours, label, lock_path, manifest_path, publish, unwritable
from tools.unpacking import unpack

Say = Callable[[str], None]


class Store:
    """Finds and builds entries below *root* (the `store` folder of the artifacts folder)."""

    def __init__(self, root: Path, say: Say = lambda text: None) -> None:
        self.root = root
        self._say = say

    def folder(self, key: Key) -> Path:
        return folder_of(self.root, key)

    def manifest_path(self, key: Key) -> Path:
        return manifest_path(self.root, key)

    def unfinished(self, key: Key) -> Path:
        """Where what is made over hours keeps what it has so far, found again by the same key."""
        return self.root / UNFINISHED / str(key)

    def find(self, key: Key) -> Entry | None:
        """The entry if it is there and whole; a damaged one is announced and reported as absent.

        Where a package that shapes it is not installed here, an entry made with any version of it is the one; the
        returned entry's key is then that entry's own.
        """
        if key.host:
            host = self.find(key.host)
            if host is None:
                return None
            key = replace(key, host=host.key)
        return self._whole(key) or self._made_elsewhere(key)

    def _whole(self, key: Key) -> Entry | None:
        path = self.manifest_path(key)
        if not path.is_file():
            return None
        damage = damage_of(path)
        if damage:
            self._say(f"{key} is damaged ({damage}); it will be built again")
            return None
        manifest = read_manifest(path)
        with suppress(OSError):
            os.utime(path)  # the time of last use, for prune
        return Entry(key, path.parent, manifest["files"], manifest["facts"])

    def _made_elsewhere(self, key: Key) -> Entry | None:
        candidates = elsewhere.counterparts(self.root, key)
        found = next((entry for candidate in candidates if (entry := self._whole(candidate))), None)
        if found and len(candidates) > 1:
            versions = elsewhere.made_by(found.key, elsewhere.absent(key))
            self._say(f"{len(candidates)} entries made elsewhere fit {key.kind}/{key.name}; "
                      f"the one used last is taken: {found.key} ({versions})")
        return found

    def build(self, key: Key, builder: Callable[[Path], Facts]) -> Entry:
        """Find the entry, or run *builder* on an empty folder and publish what it leaves there.

        Two processes building the same entry build it once: the second waits and finds it.

        Raises:
            StoreError: the store is not writable, or the disk is full.
        """
        try:
            with hold(lock_path(self.root, key.digest[:16]), self._on_wait(key)):
                return self.find(key) or self._build(key, builder)
        except OSError as error:
            if not is_ours(error, self.root):
                raise
            raise unwritable(error, self.root) from error

    def _on_wait(self, key: Key) -> Say:
        return lambda holder: self._say(f"waiting: {holder} is building {key}")

    def _build(self, key: Key, builder: Callable[[Path], Facts]) -> Entry:
        elsewhere.require_makers(self.root, key, f"making {key.kind}/{key.name}")
        partial = empty_partial(self.root, key.digest[:16])
        try:
            facts = builder(partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        files = {str(path.relative_to(partial)): sha256(path) for path in sorted(partial.rglob("*")) if path.is_file()}
        manifest: Manifest = {"kind": key.kind, "name": key.name, "shaped_by": dict(key.shaped_by),
                              "files": files, "facts": dict(facts)}
        final = self.manifest_path(key)
        written = partial / final.name
        written.write_text(json.dumps(manifest, indent=1, sort_keys=True))
        flush(partial)
        publish(partial, final)
        return Entry(key, final.parent, files, facts)


def require_writable(root: Path) -> None:
    """Check, before anything is built, that the store can be written.

    Raises:
        StoreError: naming the folder and the option.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise unwritable(error, root) from error


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.store", description="Look after the artifact store.")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--artifacts", type=Path, default=ARTIFACTS, metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", parents=[shared], help="every entry with its size")
    commands.add_parser("verify", parents=[shared], help="name what is damaged")
    prune = commands.add_parser("prune", parents=[shared], help="remove what is damaged or half-built")
    prune.add_argument("--unused-days", type=float, metavar="N", help="also remove what was not used for N days")
    export = commands.add_parser("export", parents=[shared], help="pack entries for another machine, one without torch say")
    export.add_argument("file", type=Path, metavar="FILE")
    export.add_argument("-m", "--model", nargs="+", action="extend", default=[], help="what belongs to these; all without it")
    export.add_argument("--batch", nargs="+", action="extend", type=int, default=[], help="graphs of these batch sizes; all without it")
    export.add_argument("--models", type=Path, default=MODELS, metavar="DIR", help="folder of <model>.py and <model>.toml")
    importing = commands.add_parser("import", parents=[shared], help="take in the entries of such a file that are not here yet")
    importing.add_argument("file", type=Path, metavar="FILE")
    return parser.parse_args()


def main() -> int:
    """List, verify or prune the store, or carry entries to another one; 1 if verify found damage."""
    options = _arguments()
    root = options.artifacts / "store"
    if options.command == "export":
        _export(root, options)
    elif options.command == "import":
        require_writable(root)
        unpack(root, options.file, say=print)
    else:
        return _look_after(root, options.command, getattr(options, "unused_days", None))
    return 0


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


def _look_after(root: Path, command: str, unused_days: float | None) -> int:
    damaged = 0
    for path in manifests(root):
        if not path.exists():
            continue  # its host was removed just now
        damage = damage_of(path) if command != "list" else None
        unused = unused_days is not None and _unused_days(path) > unused_days
        if command == "list":
            print(f"{size_of(path) / 2**20:9.1f} MiB  {label(root, path)}")
        elif damage or (command == "prune" and unused):
            damaged += damage is not None
            print(f"{label(root, path)}: {damage or 'not used lately'}")
            if command == "prune":
                _remove(path)
    if command == "prune":
        _remove_partials(root, unused_days)
    elif command == "verify":
        print(f"{len(manifests(root))} entries, {damaged} damaged")
    return int(command == "verify" and damaged > 0)


def _unused_days(path: Path) -> float:
    return (time.time() - path.stat().st_mtime) / 86400


def _remove_partials(root: Path, unused_days: float | None) -> None:
    """Half-built entries whose builder is gone, and work of hours that nobody goes on with; what is being built now holds its lock."""

    def busy(holder: str) -> None:
        raise StoreError(holder)

    for partial in (root / PARTIAL).glob("*"):
        with suppress(StoreError), hold(lock_path(root, partial.name), busy):
            shutil.rmtree(partial, ignore_errors=True)
    for kept in (root / UNFINISHED).glob("*/*"):
        if unused_days is not None and _unused_days(kept) > unused_days:
            print(f"{kept.relative_to(root)}: not gone on with lately")
            shutil.rmtree(kept)
    with suppress(OSError):
        (root / PARTIAL).rmdir()


def _remove(manifest: Path) -> None:
    if manifest.name == HOST:
        shutil.rmtree(manifest.parent)
        return
    for file in files_of(manifest):
        file.unlink(missing_ok=True)
    manifest.unlink()


if __name__ == "__main__":
    raise SystemExit(events.stage(main))
