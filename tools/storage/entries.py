"""Entries of the store as they lie on disk: their keys, places and manifests, and whether they are whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import NotRequired, TypedDict

from tools.errors import StoreError
from tools.machine import opening
from tools.machine.files import require_unchanged, sha256
from tools.machine.opening import stays_inside
from tools.machine.reading import can_be_path, json_of, shown
from tools.machine.versions import UNKNOWN
from tools.spec.digest import digest

Facts = Mapping[str, str | int | float]
Say = Callable[[str], None]
HOST = "entry.json"  # the manifest of an entry that has a folder of its own
PARTIAL = ".partial"  # the folder of entries that are being built
VERIFY = "python -m tools.store verify names what is damaged; it is built anew"
CLOCKS_DIFFER_S = 3600.0  # at most, those of this machine and of one that keeps its files
LARGEST_MANIFEST = 64 * 2**20  # bytes; a list of a hundred thousand files takes half of it
UNFINISHED = ".unfinished"  # hours of work that a later run goes on with


@dataclass(frozen=True, slots=True)
class Key:
    """What an artifact is: its kind, a readable name, and everything that shapes its content."""

    kind: str
    name: str
    shaped_by: tuple[tuple[str, str], ...]
    host: Key | None = None

    @property
    def digest(self) -> str:
        above = self.host.digest if self.host else ""
        return digest([self.kind, self.name, [list(pair) for pair in self.shaped_by], above])

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}-{self.digest[:16]}"


class Manifest(TypedDict):
    """What an entry's json holds; *made_by*: the builder, as `module:name`, whose code the key covers.

    commit: of the checkout that made it. sha256: the seal of all other parts, which tells a changed fact.
    They are missing from entries that were made before they were noted.
    """

    kind: str
    name: str
    shaped_by: dict[str, str]
    files: dict[str, str]
    facts: dict[str, str | int | float]
    made_by: NotRequired[str]
    commit: NotRequired[str]
    sha256: NotRequired[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A verified artifact: its folder, its files' SHA-256 by name, and facts noted when it was built.

    commit: of the checkout that built it.
    """

    key: Key
    folder: Path
    files: Mapping[str, str]
    facts: Facts = field(default_factory=dict)
    commit: str = UNKNOWN

    def file(self, name: str) -> Path:
        return self.folder / name

    def require_unchanged(self) -> None:
        """Check that its files still have their digests; a StoreError names the first that has not."""
        for name, sha in self.files.items():
            require_unchanged(self.file(name), sha)


def seal(manifest: Manifest) -> str:
    """The digest of all parts of a manifest but the seal itself."""
    parts = {part: value for part, value in manifest.items() if part != "sha256"}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def manifest_text(manifest: Manifest) -> str:
    """A manifest as it is written, sealed."""
    return json.dumps({**manifest, "sha256": seal(manifest)}, indent=1, sort_keys=True)


def parse_manifest(text: bytes, where: str) -> Manifest:
    """The content of a manifest.

    Raises:
        StoreError: it is no JSON, or a part of it is missing or has another type.
    """
    manifest: Manifest = json_of(text, StoreError, "the manifest", where, VERIFY)
    parts = {"kind": str, "name": str, "shaped_by": dict, "files": dict, "facts": dict}
    if not isinstance(manifest, dict) or not all(isinstance(manifest.get(part), type) for part, type in parts.items()):
        raise StoreError("not a manifest: a part is missing or has another type", where=where, remedy=VERIFY)
    if not all(isinstance(value, str) for value in manifest["shaped_by"].values()) or not all(
            isinstance(value, str | int | float) for value in manifest["facts"].values()):
        raise StoreError("not a manifest: what it says of the entry is neither text nor a number", where=where, remedy=VERIFY)
    if not all(isinstance(manifest.get(part, ""), str) for part in ("made_by", "commit")):
        raise StoreError("not a manifest: what it says of its making is no text", where=where, remedy=VERIFY)
    for name, sha in manifest["files"].items():
        if not (can_be_path(name) and stays_inside(name)):
            raise StoreError(f"the manifest lists {shown(name)}, which cannot be a file of an entry", where=where, remedy=VERIFY)
        if not isinstance(sha, str):
            raise StoreError(f"not a manifest: {name} has no digest", where=where, remedy=VERIFY)
    if manifest.get("sha256", whole := seal(manifest)) != whole:
        raise StoreError("the manifest has changed since it was written", where=where, remedy=VERIFY)
    return manifest


def read_manifest(path: Path) -> Manifest:
    """A manifest of the store, which others may write.

    Raises:
        OSError: it is no file, or not there; StoreError: as for `parse_manifest`.
    """
    return parse_manifest(opening.read_bytes(path, LARGEST_MANIFEST), str(path))


def readable_manifest(path: Path) -> Manifest | None:
    """The manifest, or None if it is damaged or not there."""
    try:
        return read_manifest(path)
    except (OSError, StoreError):
        return None


def damage_of(path: Path) -> str | None:
    """What is wrong with the entry of manifest *path*, or None if every file is there with its digest."""
    try:
        return damage_in(path)
    except OSError as error:
        return unreadable(path, error)


def unreadable(path: Path, error: OSError) -> str:
    return f"{Path(error.filename or path).name} cannot be read: {error.strerror or error}"


def damage_in(path: Path) -> str | None:
    """As `damage_of`, but an OSError where something cannot be read."""
    try:
        manifest = read_manifest(path)
    except StoreError:
        return f"{path.name} is unreadable"
    if not path.with_name(HOST).is_file():
        return f"{HOST} is missing"
    for name, expected in manifest["files"].items():
        file = path.parent / name
        if not file.is_file():
            return f"{name} is missing"
        if _readable_sha256(file) != expected:
            return f"{name} does not have its digest"
    return None


def _readable_sha256(file: Path) -> str:
    try:
        return sha256(file)
    except OSError as error:  # of a disk that is going bad, which names no file
        raise type(error)(error.errno, error.strerror, str(file)) from error


def is_manifest(name: str) -> bool:
    """Whether a file of that name in an entry's folder is the manifest of the entry or of one it hosts."""
    return name == HOST or re.search(r"-[0-9a-f]{16}\.json$", name) is not None


def manifests(root: Path) -> list[Path]:
    """Every entry's manifest below the store's root, sorted."""
    return sorted(path for kind in root.glob("[!.]*") for path in kind.glob("*-*/*.json") if is_manifest(path.name))


def note_use(path: Path) -> None:
    """Note that the entry of manifest *path* is used now; a clock that was set back makes no use older."""
    with suppress(OSError):
        if path.stat().st_mtime <= time.time():
            os.utime(path)


def last_use(path: Path) -> tuple[bool, float]:
    """When a manifest was used last, to compare; one in the future, of a wrong clock, counts least."""
    with suppress(OSError):  # it was removed just now
        used = path.stat().st_mtime
        return used <= time.time() + CLOCKS_DIFFER_S, used
    return False, 0.0


def files_of(path: Path) -> list[Path]:
    """The files that the manifest *path* lists; none if it is damaged."""
    manifest = readable_manifest(path)
    return [path.parent / name for name in manifest["files"]] if manifest else []


def is_inside(root: Path, path: Path) -> bool:
    """Whether *path* really lies at its place in the store: no folder on the way to it is a link."""
    return path.parent.resolve() == root.resolve() / path.parent.relative_to(root)


def folder_of(root: Path, key: Key) -> Path:
    home = key.host or key
    return root / home.kind / f"{home.name}-{home.digest[:16]}"


def manifest_path(root: Path, key: Key) -> Path:
    name = f"{key.name}-{key.digest[:16]}.json" if key.host else HOST
    return folder_of(root, key) / name


def namesakes(root: Path, key: Key) -> list[Path]:
    """The manifests of all entries of the key's kind and name, and of names that begin with that name."""
    if key.host:
        return sorted(folder_of(root, key).glob(f"{escape(key.name)}-*.json"))
    return named(root, key.kind, key.name)


def named(root: Path, kind: str, name: str) -> list[Path]:
    """The manifests of entries with a folder of their own, of that kind and of names that begin so."""
    return sorted((root / kind).glob(f"{escape(name)}-*/{HOST}"))


def label(root: Path, manifest: Path) -> str:
    """An entry as commands name it: its folder; for a hosted entry, its manifest in that folder."""
    folder = str(manifest.parent.relative_to(root))
    return folder if manifest.name == HOST else f"{folder}/{manifest.name}"


def lock_path(root: Path, digest16: str) -> Path:
    return root / "locks" / f"{digest16}.lock"
