"""The artifact store: what was built once is found by the digest of everything that shaped it.

An entry is a folder `store/<kind>/<name>-<digest>` whose `entry.json` lists its files with their SHA-256.
A hosted entry adds files to another entry's folder under a manifest of its own: the graphs of all batch sizes
lie beside the weights file they share, since ONNX forbids links and parent folders in external data.
An entry is built under a lock and a temporary name, flushed to disk and renamed last. Finding it verifies it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

from tools.errors import StoreError
from tools.machine import versions
from tools.machine.files import flush, is_full, sha256
from tools.machine.locks import hold
from tools.storage import access, code, elsewhere, entries, publishing
from tools.storage.entries import Entry, Facts, Key, Manifest, Say


class Store:
    """Finds and builds entries below *root* (the `store` folder of the artifacts folder)."""

    def __init__(self, root: Path, say: Say = lambda text: None, on_other: Say = lambda text: None,
                 on_use: Callable[[Path], object] = lambda manifest: None, sent: Collection[Path] = ()) -> None:
        self.root = root
        self._say = say
        self._on_other = on_other  # is told what is found although other code made it
        self._on_use = on_use  # is told the manifest of each entry that is found
        self._sent = sent  # the manifests of entries that whoever gave the work made for it, with packages of theirs

    def unfinished(self, key: Key) -> Path:
        """The folder in which an entry that takes hours keeps its results until it is complete."""
        return self.root / entries.UNFINISHED / str(key)

    def find(self, key: Key) -> Entry | None:
        """The entry if it is there and whole; a damaged one is announced and not returned.

        Where a package that shapes it is not installed here, an entry made with any version of it will do; it
        is returned with its own key. Where torch is not installed, so will an entry that other code made.

        Raises:
            StoreError: a folder of the store may not be read.
        """
        if key.host:
            host = self.find(key.host)
            if host is None:
                return None
            key = replace(key, host=host.key)
        try:
            return self._of_sent(key) or self._whole(key) or self._made_elsewhere(key) or self._lent(key)
        except PermissionError as error:
            raise access.unreadable(error, self.root) from error

    def _whole(self, key: Key) -> Entry | None:
        """The entry of exactly this key if each of its files has its digest."""
        path = entries.manifest_path(self.root, key)
        if not path.is_file():
            return None
        damage = entries.damage_of(path)
        if damage:
            self._say(f"{key} is damaged ({damage}); it will be built again")
            return None
        manifest = entries.read_manifest(path)
        entries.note_use(path)
        self._on_use(path)
        return Entry(key, path.parent, manifest["files"], manifest["facts"], manifest.get("commit", versions.UNKNOWN))

    def _of_sent(self, key: Key) -> Entry | None:
        found = elsewhere.among(self.root, key, self._sent)
        return self._whole(found) if found else None

    def _made_elsewhere(self, key: Key) -> Entry | None:
        candidates = elsewhere.alike(self.root, key)
        found = next((entry for candidate in candidates if (entry := self._whole(candidate))), None)
        if found and len(candidates) > 1:
            absent = elsewhere.absent(key)
            versions = ", ".join(f"{name} {version}" for name, version in found.key.shaped_by if name in absent)
            self._say(f"{len(candidates)} entries made elsewhere fit {key.kind}/{key.name}; "
                      f"the one used last is taken: {found.key} ({versions})")
        return found

    def _lent(self, key: Key) -> Entry | None:
        entry = self.by_other_code(key) if elsewhere.takes_other_code(key) else None
        if entry:
            self._on_other(f"{key.kind}/{key.name} made by other code ({entry.commit})")
        return entry

    def by_other_code(self, key: Key) -> Entry | None:
        """The whole entry used last that differs from *key* in code alone, where *key* is not here."""
        if entries.manifest_path(self.root, key).is_file():
            return None
        return next((entry for other in elsewhere.alike(self.root, key, code.CODE) if (entry := self._whole(other))), None)

    def build(self, key: Key, builder: Callable[[Path], Facts]) -> Entry:
        """Find the entry, or run *builder* on an empty folder and publish what it leaves there.

        Of two processes that build the same entry one does; the other waits and finds it.

        Raises:
            StoreError: the store is not writable, or the disk is full.
        """
        try:
            with hold(entries.lock_path(self.root, key.digest[:16]), lambda holder: self._say(f"waiting: {holder} is building {key}")):
                return self.find(key) or self._build(key, builder)
        except OSError as error:
            if not access.is_ours(error, self.root):
                raise
            raise access.broken(error, self.root) from error

    def _build(self, key: Key, builder: Callable[[Path], Facts]) -> Entry:
        elsewhere.require_makers(self.root, key, f"making {key.kind}/{key.name}")
        _require_same_code(key, builder)
        why = elsewhere.why_anew(self.root, key)
        if why:
            self._say(why)
        partial = publishing.empty_partial(self.root, key.digest[:16])
        try:
            entry = self._made(key, builder, partial)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        shutil.rmtree(self.unfinished(key), ignore_errors=True)
        return entry

    def _made(self, key: Key, builder: Callable[[Path], Facts], partial: Path) -> Entry:
        try:
            facts = builder(partial)
        except RuntimeError as error:  # as torch and its like tell that a file cannot be written
            if is_full(partial):
                raise access.full(self.root) from error
            raise
        files = {str(path.relative_to(partial)): sha256(path) for path in sorted(partial.rglob("*")) if path.is_file()}
        manifest: Manifest = {"kind": key.kind, "name": key.name, "shaped_by": dict(key.shaped_by),
                              "files": files, "facts": dict(facts), "made_by": code.place_of(builder), "commit": versions.commit()}
        final = entries.manifest_path(self.root, key)
        (partial / final.name).write_text(entries.manifest_text(manifest))
        flush(partial)
        publishing.publish(self.root, partial, final)
        return Entry(key, final.parent, files, facts, manifest["commit"])


def _require_same_code(key: Key, builder: Callable[[Path], Facts]) -> None:
    """Check that the key covers the code that is about to run: somebody may edit it meanwhile."""
    place = code.place_of(builder)
    wanted, here = dict(key.shaped_by).get(code.CODE), code.current(place)
    if wanted and here and wanted != here:
        raise StoreError(f"the code of {place} has changed since this run looked for {key}", where=str(code.file_of(place)),
                         remedy="run it again")


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
        raise access.unwritable(error, root) from error
