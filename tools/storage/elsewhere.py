"""Entries made on another machine: where a package is not installed, whatever version of it made an entry will do.

The versions of packages are part of a key. A host without torch cannot have made what torch makes, so that a key with
`absent` in it stands for every entry that is equal in all its other parts; upstream digests in it are those of the
entries that were found, not of keys with `absent` in them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tools.errors import StoreError
from tools.machine.versions import ABSENT
from tools.storage.entries import Key, Manifest, label, manifest_path, namesakes, read_manifest

MAKERS = ("torch", "mmaction2", "mmengine", "onnxsim")  # the others can be replaced: decord by PyAV, mmcv-lite by mmcv
SHA256_LENGTH = 64


def absent(key: Key) -> tuple[str, ...]:
    """The packages that shape *key* and are not installed here."""
    return tuple(name for name, value in key.shaped_by if value == ABSENT)


def missing_makers(key: Key) -> tuple[str, ...]:
    """The packages without which an entry cannot be built here."""
    return tuple(name for name in absent(key) if name in MAKERS)


def counterparts(root: Path, key: Key) -> list[Key]:
    """The keys of the entries that differ from *key* only in packages absent here, the one used last first."""
    return _alike(root, key, []) if absent(key) else []


def differing_in(root: Path, key: Key, part: str) -> list[Key]:
    """The keys of the entries that differ from *key* in the digest *part*, and in packages absent here; the one used last first."""
    return _alike(root, key, [part])


def _alike(root: Path, key: Key, but: list[str]) -> list[Key]:
    found: list[tuple[float, Key]] = []
    for path in namesakes(root, key):
        manifest = _readable(path)
        if manifest is not None and _differing(key, manifest) == but:
            shaped_by = tuple((name, manifest["shaped_by"][name]) for name, _ in key.shaped_by)
            real = replace(key, shaped_by=shaped_by)
            if manifest_path(root, real) == path and real != key:
                found.append((path.stat().st_mtime, real))
    return [real for _, real in sorted(found, key=lambda one: one[0], reverse=True)]


def made_by(key: Key, packages: tuple[str, ...]) -> str:
    """The versions of *packages* that made an entry, for messages."""
    return ", ".join(f"{name} {value}" for name, value in key.shaped_by if name in packages)


def require_makers(root: Path, key: Key, doing: str, model: str = "MODEL") -> None:
    """Check, before an entry is built, that the packages that make it are installed.

    Raises:
        StoreError: naming what needs them, the entry nearest to the wanted one, and the two ways out.
    """
    missing = missing_makers(key)
    if not missing:
        return
    packages, which = ", ".join(missing), "which is" if len(missing) == 1 else "which are"
    batch = dict(key.shaped_by).get("batch", "1")
    raise StoreError(
        f"{doing} needs {packages}, {which} not installed here, and the store has no entry made elsewhere that fits",
        where=f"{root}: {_nearest(root, key) or f'no entry is named {key.kind}/{key.name}'}",
        remedy=f"install {packages} here; or on a machine that has {packages}, with the same options: pytest -m {model} -k bs{batch}, "
               f"then python -m tools.store export {model}.tar -m {model}; and here: python -m tools.store import {model}.tar")


def _nearest(root: Path, key: Key) -> str | None:
    """The entry of the same kind and name that differs in the fewest parts, and in which."""
    differing = [(_differing(key, manifest), path) for path in namesakes(root, key) if (manifest := _readable(path))
                 and manifest["name"] == key.name]
    if not differing:
        return None
    parts, path = min(differing, key=lambda one: len(one[0]))
    return f"{label(root, path)} {'differs in ' + ', '.join(parts) if parts else 'is damaged'}"


def _differing(key: Key, manifest: Manifest) -> list[str]:
    """The parts in which an entry is not what *key* wants; versions are told, digests only named."""
    if (manifest["kind"], manifest["name"]) != (key.kind, key.name):
        return ["its name"]
    wanted, there = dict(key.shaped_by), manifest["shaped_by"]
    parts = [name for name, value in wanted.items() if value not in (ABSENT, there.get(name))]
    lost = [name for name in wanted.keys() ^ there.keys() if name not in parts]
    told = {name: f"{name} ({there[name]} there, {wanted[name]} here)" for name in parts
            if name in there and len(wanted[name]) < SHA256_LENGTH}
    return [told.get(name, name) for name in parts] + lost


def _readable(path: Path) -> Manifest | None:
    """A manifest, or None if it is damaged."""
    try:
        return read_manifest(path)
    except (OSError, ValueError):
        return None
