"""Entries of the store as they lie on disk: their keys, places and manifests, and whether they are whole."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path, PurePosixPath
from typing import NotRequired, TypedDict

from tools.errors import StoreError
from tools.machine import opening
from tools.machine.files import require_unchanged, sha256
from tools.machine.reading import can_be_path, json_of, shown
from tools.machine.versions import UNKNOWN
from tools.spec.digest import digest

Facts = Mapping[str, str | int | float]
Say = Callable[[str], None]
HOST = "entry.json"  # the manifest of an entry that has a folder of its own
PARTIAL = ".partial"  # the folder of entries that are being built
VERIFY = "python -m tools.store verify names what is damaged; it is built anew"
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

    commit: of the checkout that made it. Both are missing from entries that were made before they were noted.
    """

    kind: str
    name: str
    shaped_by: dict[str, str]
    files: dict[str, str]
    facts: dict[str, str | int | float]
    made_by: NotRequired[str]
    commit: NotRequired[str]


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
    return manifest


def stays_inside(name: str) -> bool:
    """Whether *name* is a plain path below the folder of its entry."""
    path = PurePosixPath(name)
    return str(path) == name and not path.is_absolute() and ".." not in path.parts and name != "." and "\0" not in name


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
    """What is wrong with the entry of manifest *path*, or None if every file has its digest."""
    manifest = readable_manifest(path)
    if manifest is None:
        return f"{path.name} is unreadable"
    for name, expected in manifest["files"].items():
        file = path.parent / name
        if not file.is_file():
            return f"{name} is missing"
        if sha256(file) != expected:
            return f"{name} does not have its digest"
    return None


def is_manifest(name: str) -> bool:
    """Whether a file of that name in an entry's folder is the manifest of the entry or of one it hosts."""
    return name == HOST or re.search(r"-[0-9a-f]{16}\.json$", name) is not None


def manifests(root: Path) -> list[Path]:
    """Every entry's manifest below the store's root, sorted."""
    return sorted(path for kind in root.glob("[!.]*") for path in kind.glob("*-*/*.json") if is_manifest(path.name))


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
    return sorted((root / key.kind).glob(f"{escape(key.name)}-*/{HOST}"))


def label(root: Path, manifest: Path) -> str:
    """An entry as commands name it: its folder; for a hosted entry, its manifest in that folder."""
    folder = str(manifest.parent.relative_to(root))
    return folder if manifest.name == HOST else f"{folder}/{manifest.name}"


def lock_path(root: Path, digest16: str) -> Path:
    return root / "locks" / f"{digest16}.lock"


def empty_partial(root: Path, digest16: str) -> Path:
    """An empty folder to make an entry in; the caller holds the entry's lock."""
    partial = root / PARTIAL / digest16
    if partial.parent.is_symlink():
        raise opening.PlantedError(errno.ELOOP, opening.PLANTED, str(partial.parent))
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def publish(partial: Path, final: Path) -> None:
    """Move the flushed files in *partial*, the manifest among them, to the folder of the manifest *final*."""
    if final.name != HOST:
        for path in sorted(partial.iterdir(), key=lambda path: path.name == final.name):
            os.replace(path, final.parent / path.name)
        partial.rmdir()
    else:
        shutil.rmtree(final.parent, ignore_errors=True)
        final.parent.parent.mkdir(parents=True, exist_ok=True)
        os.rename(partial, final.parent)


def is_ours(error: OSError, root: Path) -> bool:
    """Whether an error came from writing the store, not from a file that a builder reads."""
    inside = error.filename is not None and Path(str(error.filename)).is_relative_to(root)
    return inside or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def unwritable(error: OSError, root: Path) -> StoreError:
    return StoreError(f"cannot write the artifact store: {error.strerror or error}", where=str(error.filename or root),
                      remedy="make it writable and not full, or choose another folder with --artifacts DIR")
