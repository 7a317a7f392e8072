"""The store as its manifests list it, for a question that must not take the time to read files."""

from __future__ import annotations

from tools.machine import versions
from tools.storage import entries
from tools.storage.entries import Entry, Key
from tools.storage.store import Store


class Index(Store):
    """Finds what a store would find; the files of an entry are there, but nobody has verified them."""

    def _whole(self, key: Key) -> Entry | None:
        path = entries.manifest_path(self.root, key)
        manifest = entries.readable_manifest(path)
        if manifest is None or not all((path.parent / name).is_file() for name in manifest["files"]):
            return None
        return Entry(key, path.parent, manifest["files"], manifest["facts"], manifest.get("commit", versions.UNKNOWN))
