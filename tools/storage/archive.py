"""The archive in which entries travel between machines: a plain tar whose first member says what follows it.

That member maps the path of every entry's manifest to its SHA-256. Each manifest is then followed by the
files it lists, in its order, as `<kind>/<name>-<digest>/<file>`. Nothing else may be in the archive, so that
a reader needs to trust no name.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from tools.errors import StoreError
from tools.machine.opening import stays_inside
from tools.machine.reading import json_of, refusing
from tools.storage.entries import HOST, Manifest, is_manifest, parse_manifest

CONTENTS = "clipgate-entries.json"
FORMAT = 1
MANIFEST = re.compile(r"[a-z][a-z0-9_]*/[\w.+-]+-[0-9a-f]{16}/(entry|[\w.+-]+-[0-9a-f]{16})\.json")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Packed:
    """An entry as it travels: its manifest's *path* below the store's root, the bytes and their meaning."""

    path: str
    text: bytes
    manifest: Manifest

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def hosted(self) -> bool:
        return not self.path.endswith(f"/{HOST}")

    @property
    def full_name(self) -> str:
        """The entry's name and the first 16 digits of its digest, as its path spells them."""
        return self.path.rpartition("/")[2].removesuffix(".json") if self.hosted else self.folder.partition("/")[2]

    @property
    def digest16(self) -> str:
        return self.full_name[-16:]

    def member(self, name: str) -> str:
        """What a file of the entry is called in the archive."""
        return f"{self.folder}/{name}"


def contents_text(entries: dict[str, str]) -> bytes:
    """The first member: every manifest's path with its SHA-256."""
    return json.dumps({"format": FORMAT, "entries": entries}, indent=0).encode()


def read_contents(text: bytes, archive: Path) -> dict[str, str]:
    """The first member read back.

    Raises:
        StoreError: it has another format, or a path in it is not that of a manifest.
    """
    remedy = "make one with: python -m tools.store export FILE"
    content = json_of(text, StoreError, f"not an archive of store entries: {CONTENTS}", str(archive), remedy)
    with refusing(StoreError, f"not an archive of store entries: {CONTENTS} is unreadable", str(archive), remedy):
        number, entries = content["format"], content["entries"].copy()
        if not isinstance(entries, dict):
            raise TypeError("its entries are no object")
    if number != FORMAT:
        raise StoreError(f"the archive has format {number}, not {FORMAT}", where=str(archive),
                         remedy="use the same version of clipgate on both machines")
    for path, sha in entries.items():
        if not MANIFEST.fullmatch(path) or not isinstance(sha, str) or not SHA256.fullmatch(sha):
            raise foreign(archive, f"{path!r} is not the manifest of an entry")
    return entries


def read_packed(path: str, text: bytes, archive: Path) -> Packed:
    """An entry's manifest out of an archive; all its files lie in the entry's folder, and none is a manifest.

    Raises:
        StoreError: the manifest is damaged, or belongs to an entry of another path.
    """
    try:
        packed = Packed(path, text, parse_manifest(text, f"{archive}: {path}"))
    except StoreError as error:
        raise foreign(archive, f"{path} is unreadable: {error.what}") from error
    if packed.full_name != f"{packed.manifest['name']}-{packed.digest16}":
        raise foreign(archive, f"{path} is the manifest of another entry")
    for file, sha in packed.manifest["files"].items():
        if not stays_inside(file) or is_manifest(file) or not SHA256.fullmatch(sha):
            raise foreign(archive, f"{path} lists {file!r}, which cannot be a file of an entry")
    return packed


def foreign(archive: Path, why: str) -> StoreError:
    return StoreError(f"not an archive of store entries: {why}", where=str(archive),
                      remedy="make one with: python -m tools.store export FILE")


def damaged(archive: Path, what: str) -> StoreError:
    return StoreError(f"the archive is damaged: {what}", where=str(archive),
                      remedy="copy it again, and import it again: entries that are here are left alone")
