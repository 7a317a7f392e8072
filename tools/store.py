"""The artifact store: what was built once is found by the digest of everything that shaped it.

An entry is a folder `store/<kind>/<name>-<digest>` whose `entry.json` lists its files with their SHA-256. A hosted
entry adds files to another entry's folder under a manifest of its own (the graphs of all batch sizes lie beside the
one weights file they share, since ONNX forbids links and parent folders in external data). Building happens under a
lock and a temporary name, is flushed to disk and renamed last; finding verifies.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tools.entries import Entry, Facts, Key, Manifest, damage_of, files_of, manifests, read_manifest, size_of
from tools.errors import StoreError
from tools.files import flush, sha256
from tools.locks import hold
from tools.settings import ARTIFACTS

Say = Callable[[str], None]
PARTIAL = ".partial"


class Store:
    """Finds and builds entries below *root* (the `store` folder of the artifacts folder)."""

    def __init__(self, root: Path, say: Say = lambda text: None) -> None:
        self.root = root
        self._say = say

    def folder(self, key: Key) -> Path:
        home = key.host or key
        return self.root / home.kind / f"{home.name}-{home.digest[:16]}"

    def manifest_path(self, key: Key) -> Path:
        name = f"{key.name}-{key.digest[:16]}.json" if key.host else "entry.json"
        return self.folder(key) / name

    def find(self, key: Key) -> Entry | None:
        """The entry if it is there and whole; a damaged one is announced and reported as absent."""
        path = self.manifest_path(key)
        if not path.is_file() or (key.host and self.find(key.host) is None):
            return None
        damage = damage_of(path)
        if damage:
            self._say(f"{key} is damaged ({damage}); it will be built again")
            return None
        manifest = read_manifest(path)
        with suppress(OSError):
            os.utime(path)  # the time of last use, for prune
        return Entry(key, path.parent, manifest["files"], manifest["facts"])

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
            if not _is_ours(error, self.root):
                raise
            raise _unwritable(error, self.root) from error

    def _on_wait(self, key: Key) -> Say:
        return lambda holder: self._say(f"waiting: {holder} is building {key}")

    def _build(self, key: Key, builder: Callable[[Path], Facts]) -> Entry:
        partial = self.root / PARTIAL / f"{key.digest[:16]}"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
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
        self._publish(partial, final, hosted=key.host is not None)
        return Entry(key, final.parent, files, facts)

    def _publish(self, partial: Path, final: Path, *, hosted: bool) -> None:
        if hosted:
            for path in sorted(partial.iterdir(), key=lambda path: path.name == final.name):
                os.replace(path, final.parent / path.name)
            partial.rmdir()
        else:
            shutil.rmtree(final.parent, ignore_errors=True)
            final.parent.parent.mkdir(parents=True, exist_ok=True)
            os.rename(partial, final.parent)


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
        raise _unwritable(error, root) from error


def _is_ours(error: OSError, root: Path) -> bool:
    """Whether an error is the store's own and not one of the things a builder reads."""
    inside = error.filename is not None and Path(str(error.filename)).is_relative_to(root)
    return inside or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def _unwritable(error: OSError, root: Path) -> StoreError:
    return StoreError(f"cannot write the artifact store: {error.strerror or error}", where=str(error.filename or root),
                      remedy="make it writable and not full, or choose another folder with --artifacts DIR")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.store", description="Look after the artifact store.")
    parser.add_argument("command", choices=("list", "verify", "prune"))
    parser.add_argument("--artifacts", type=Path, default=ARTIFACTS, metavar="DIR")
    parser.add_argument("--unused-days", type=float, metavar="N", help="prune: also remove what was not used for N days")
    return parser.parse_args()


def main() -> int:
    """List, verify or prune the store; 1 if verify found damage."""
    options = _arguments()
    root = options.artifacts / "store"
    damaged = 0
    for path in manifests(root):
        label = str(path.parent.relative_to(root)) + ("" if path.name == "entry.json" else f"/{path.name}")
        if not path.exists():
            continue  # its host was removed just now
        damage = damage_of(path) if options.command != "list" else None
        unused = options.unused_days is not None and time.time() - path.stat().st_mtime > options.unused_days * 86400
        if options.command == "list":
            print(f"{size_of(path) / 2**20:9.1f} MiB  {label}")
        elif damage or (options.command == "prune" and unused):
            damaged += damage is not None
            print(f"{label}: {damage or 'not used lately'}")
            if options.command == "prune":
                _remove(path)
    if options.command == "prune":
        _remove_partials(root)
    elif options.command == "verify":
        print(f"{len(manifests(root))} entries, {damaged} damaged")
    return int(options.command == "verify" and damaged > 0)


def _remove_partials(root: Path) -> None:
    """Half-built entries whose builder is gone; one that is being built now holds its lock."""

    def busy(holder: str) -> None:
        raise StoreError(holder)

    for partial in (root / PARTIAL).glob("*"):
        with suppress(StoreError), hold(lock_path(root, partial.name), busy):
            shutil.rmtree(partial, ignore_errors=True)
    with suppress(OSError):
        (root / PARTIAL).rmdir()


def lock_path(root: Path, digest16: str) -> Path:
    return root / "locks" / f"{digest16}.lock"


def _remove(manifest: Path) -> None:
    if manifest.name == "entry.json":
        shutil.rmtree(manifest.parent)
        return
    for file in files_of(manifest):
        file.unlink(missing_ok=True)
    manifest.unlink()


if __name__ == "__main__":
    raise SystemExit(main())
