"""Entries of the store as they lie on disk: what names one, what its manifest lists, and whether it is whole."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from tools.files import sha256
from tools.spec import digest

Facts = Mapping[str, str | int | float]
HOST = "entry.json"  # the manifest of an entry that has a folder of its own


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
    """What an entry's json holds."""

    kind: str
    name: str
    shaped_by: dict[str, str]
    files: dict[str, str]
    facts: dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Entry:
    """A verified artifact: its folder, its files by name with their SHA-256, and facts noted when it was built."""

    key: Key
    folder: Path
    files: Mapping[str, str]
    facts: Facts = field(default_factory=dict)

    def file(self, name: str) -> Path:
        return self.folder / name


def read_manifest(path: Path) -> Manifest:
    manifest: Manifest = json.loads(path.read_text())
    return manifest


def damage_of(path: Path) -> str | None:
    """What is wrong with the entry of manifest *path*, or None if every file has its digest."""
    try:
        files = read_manifest(path)["files"]
    except (OSError, ValueError, KeyError):
        return f"{path.name} is unreadable"
    for name, expected in files.items():
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


def size_of(manifest: Path) -> int:
    """Bytes of the files an entry lists, as far as they are there."""
    return sum(file.stat().st_size for file in files_of(manifest) if file.is_file())


def files_of(manifest: Path) -> list[Path]:
    """The files an entry lists; none if its manifest is broken."""
    try:
        return [manifest.parent / name for name in read_manifest(manifest)["files"]]
    except (ValueError, KeyError):
        return []
