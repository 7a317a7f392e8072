"""Entries made on another machine: where a package is not installed, any version of it may have made them.

The versions of packages are part of a key. A host without torch cannot have made what torch makes. So on
such a host a key with the version `absent` stands for every entry that equals it in all other parts. Where a
key holds the digest of an earlier entry, that entry was found; its own key never has `absent` in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from tools.errors import StoreError
from tools.machine import versions
from tools.machine.versions import ABSENT
from tools.storage.code import CODE, FORM
from tools.storage.entries import Key, Manifest, label, last_use, manifest_path, namesakes, readable_manifest

MAKERS = ("torch", "mmaction2", "mmengine", "onnxsim")  # the others can be replaced, as mmcv-lite by mmcv
SHA256_LENGTH = 64
# kinds that torch has no part in: graphs made or compiled for a device, parts of them, the fixed small graph
MADE_ANYWHERE = ("om", "engine", "half", "control", "segment")
CAUSES = frozenset({CODE, FORM, "data", "cann", "driver", "cuda", "tensorrt", *MAKERS, "mmcv-lite", "onnx", "onnxruntime", "numpy", "av",
                    "decord", "opencv-python-headless"})
PACKAGES = CAUSES - {CODE, FORM}  # and the data that these made


def absent(key: Key) -> tuple[str, ...]:
    """The packages that shape *key* and are not installed here."""
    return tuple(name for name, value in key.shaped_by if value == ABSENT)


def missing_makers(key: Key) -> tuple[str, ...]:
    """The packages without which an entry cannot be built here."""
    return tuple(name for name in absent(key) if name in MAKERS)


def takes_other_code(key: Key) -> bool:
    """Whether an entry that other code made must do: torch is not installed, and it may travel."""
    return key.kind not in MADE_ANYWHERE and versions.of("torch") == (("torch", ABSENT),)


def alike(root: Path, key: Key, *parts: str) -> list[Key]:
    """The keys of entries that differ from *key* in *parts* and in packages absent here; last used first."""
    if not parts and not absent(key):
        return []  # no other key can fit, so no manifest needs to be read
    used: dict[Key, tuple[bool, float]] = {}
    for path in namesakes(root, key):
        manifest = readable_manifest(path)
        if manifest is not None and _apart(key, manifest) == list(parts):
            there = manifest["shaped_by"]
            real = replace(key, shaped_by=tuple((name, there[name]) for name, _ in key.shaped_by if name in there))
            if manifest_path(root, real) == path and real != key:
                used[real] = last_use(path)
    return sorted(used, key=lambda real: used[real], reverse=True)


def among(root: Path, key: Key, sent: Collection[Path]) -> Key | None:
    """The key of the one of the entries *sent* that is what *key* asks for, whatever packages made it."""
    for path in sent:
        manifest = readable_manifest(path)
        if manifest is not None and PACKAGES.issuperset(_apart(key, manifest)):
            there = manifest["shaped_by"]
            real = replace(key, shaped_by=tuple((name, there[name]) for name, _ in key.shaped_by if name in there))
            if manifest_path(root, real) == path:
                return real
    return None


def require_makers(root: Path, key: Key, doing: str, model: str = "MODEL") -> None:
    """Check, before an entry is built, that the packages that make it are installed.

    Raises:
        StoreError: naming what needs them, the entry nearest to the wanted one, and the two ways out.
    """
    if missing := missing_makers(key):
        raise unmakeable(root, key, doing, missing, model)


def unmakeable(root: Path, key: Key, doing: str, missing: Sequence[str], model: str = "MODEL", later: Sequence[str] = ()) -> StoreError:
    """The error for an entry that cannot be built without the packages *missing*.

    later: packages without which what is made of it cannot be built, so that all are installed at once.
    """
    packages, which = ", ".join(missing), "which is" if len(missing) == 1 else "which are"
    every = ", ".join(dict.fromkeys((*missing, *later)))
    batch = dict(key.shaped_by).get("batch", "1")
    there = f"on a machine that has {every}, with the same options: pytest -m {model} -k bs{batch}"
    return StoreError(
        f"{doing} needs {packages}, {which} not installed here, and the store has no entry made elsewhere that fits",
        where=f"{root}: {_nearest(root, key) or f'no entry is named {key.kind}/{key.name}'}",
        remedy=f"install {every} here with ./tools/setup; or {there}, then python -m tools.store export {model}.tar -m {model}; "
               f"and here: python -m tools.store import {model}.tar")


def why_anew(root: Path, key: Key) -> str | None:
    """Why an entry is made although one of its name is there; None if that one was asked for otherwise."""
    found = [(parts, path, manifest) for path in namesakes(root, key) if (manifest := readable_manifest(path))
             and (parts := _apart(key, manifest)) and CAUSES.issuperset(parts)]
    if not found:
        return None
    parts, path, manifest = max(found, key=lambda one: (-len(one[0]), last_use(one[1])))
    commit = manifest.get("commit", versions.UNKNOWN)
    return f"{key.kind}/{key.name} is made anew: {label(root, path)}, made at commit {commit}, differs in {_told(key, manifest, parts)}"


def _nearest(root: Path, key: Key) -> str | None:
    """The entry of the same kind and name that differs from *key* in the fewest parts, and these parts."""
    differing = [(_apart(key, manifest), path, manifest) for path in namesakes(root, key)
                 if (manifest := readable_manifest(path)) and manifest["name"] == key.name]
    if not differing:
        return None
    parts, path, manifest = min(differing, key=lambda entry: len(entry[0]))
    return f"{label(root, path)} {f'differs in {_told(key, manifest, parts)}' if parts else 'is damaged'}"


def _apart(key: Key, manifest: Manifest) -> list[str]:
    """The names of the parts in which an entry differs from *key*."""
    if (manifest["kind"], manifest["name"]) != (key.kind, key.name):
        return ["its name"]
    wanted, there = dict(key.shaped_by), manifest["shaped_by"]
    parts = [name for name, value in wanted.items() if value not in (ABSENT, there.get(name))]
    return parts + [name for name in wanted.keys() ^ there.keys() if name not in parts]


def _told(key: Key, manifest: Manifest, parts: list[str]) -> str:
    """These parts in words: versions with both values, digests by name only."""
    wanted, there = dict(key.shaped_by), manifest["shaped_by"]
    told = {name: f"{name} ({there[name]} there, {wanted[name]} here)" for name in parts
            if name in there and name in wanted and len(wanted[name]) < SHA256_LENGTH}
    return ", ".join(told.get(name, name) for name in parts)
