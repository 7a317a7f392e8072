"""Entries of the store on their way to a node: found by name, whole and as they were, or refused.

A parcel is an entry, with its host where it has one, as an archive in pieces. It is called
`<path of the manifest>@<digest of its files>`, so that a node knows whether it has the same without looking
inside. What a parcel holds is checked file by file before it appears in the node's store.
Published weights lie beside the store. Such a file is called `published:<file>@<sha256>`.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from tools.deployment.published import Published, published
from tools.errors import ClusterError, StoreError
from tools.machine.files import require_room, sha256, write_whole, writing
from tools.machine.reading import shown
from tools.spec.digest import digest
from tools.spec.model import Spec
from tools.spec.settings import Settings
from tools.storage import packing, unpacking
from tools.storage.archive import MANIFEST
from tools.storage.context import Context
from tools.storage.entries import HOST, damage_of, note_use, readable_manifest

CHUNK = 64 * 2**20  # bytes
PUBLISHED = "published:"  # begins the name of a checkpoint, which is no entry
MADE_THERE = frozenset({*packing.STAYING, "checked", "given"})  # about a node's own files, or for its device
Parts = Callable[[], Sequence[bytes]]  # the pieces of a parcel; whoever asks has them fetched


def used(context: Context[Spec]) -> tuple[str, ...]:
    """The names of the parcels of what *context* has found so far; a host comes with what it hosts."""
    root = context.settings.store
    found = [path for path in context.used if path.relative_to(root).parts[0] not in packing.STAYING]
    hosts = {path.parent for path in found if path.name != HOST}
    return tuple(_name(root, path) for path in found if path.name != HOST or path.parent not in hosts)


def packed(root: Path, name: str) -> Iterator[bytes]:
    """The pieces of a parcel out of the store *root*.

    Raises:
        StoreError: the entry is damaged, or is another one by now.
    """
    manifest = root / _path(name)
    chosen = [manifest] if manifest.name == HOST else [manifest.with_name(HOST), manifest]
    with tempfile.TemporaryFile(dir=root) as file:
        packing.write(root, chosen, file)
        if _name(root, manifest) != name:
            raise StoreError(f"{name} is another entry by now", where=str(manifest), remedy="run it again")
        file.seek(0)
        while piece := file.read(CHUNK):
            yield piece


def manifests(root: Path, names: Collection[str]) -> tuple[Path, ...]:
    """The manifests of the entries in these parcels, those of hosts among them."""
    named = [root / _path(name) for name in names if not name.startswith(PUBLISHED)]
    return tuple(dict.fromkeys(path for manifest in named for path in (manifest.with_name(HOST), manifest)))


def take(root: Path, name: str, parts: Parts) -> bool:
    """Bring a parcel into the store *root* unless its entry is there and whole.

    It returns whether its parts were asked for.

    Raises:
        StoreError: it was damaged on the way, or there is no room.
        ClusterError: the store has an entry of that name with other content.
    """
    manifest = root / _path(name)
    if _has(root, manifest, name):
        note_use(manifest)  # of several that would do, the one used last is taken
        return False
    with writing(name, root, StoreError), tempfile.NamedTemporaryFile(dir=root, suffix=".tar") as file:
        for part in parts():
            file.write(part)
        file.flush()
        try:
            unpacking.unpack(root, Path(file.name), lambda text: None)
        except StoreError as error:
            raise StoreError(f"{name} did not arrive: {error.what}", where=str(root), remedy="run it again") from error
    if not _has(root, manifest, name):
        raise StoreError(f"{name} did not arrive: its parcel held other entries", where=str(manifest))
    return True


def _path(name: str) -> str:
    """The path of the manifest in a parcel's name, which leads nowhere but into a store."""
    path, _, sha = name.rpartition("@")
    if not MANIFEST.fullmatch(path) or not re.fullmatch(r"[0-9a-f]{16}", sha):
        raise ClusterError(f"{shown(name)} is not the name of a parcel", where="what a task is sent")
    return path


def _has(root: Path, manifest: Path, name: str) -> bool:
    """Whether the entry is there and whole.

    Raises:
        ClusterError: it is, and has other content.
    """
    if not manifest.is_file() or damage_of(manifest):
        return False
    if _name(root, manifest) != name:
        raise ClusterError(f"this node's store has {manifest.relative_to(root)} with other content", where=str(manifest.parent),
                           remedy="give the node an artifacts folder of its own for the cluster, or move that entry away")
    return True


def _name(root: Path, manifest: Path) -> str:
    found = readable_manifest(manifest)
    files = dict(found["files"]) if found else {}
    return f"{manifest.relative_to(root).as_posix()}@{digest(files)[:16]}"


def weights(settings: Settings, spec: Spec) -> tuple[tuple[str, Path], ...]:
    """The published checkpoints of a model as they travel: the name of each with its file on the driver."""
    return tuple((f"{PUBLISHED}{one.place.name}@{sha256(one.place)}", one.place)
                 for one in published(settings.models, settings.artifacts, spec))


def in_pieces(path: Path) -> Iterator[bytes]:
    """A file in pieces, as `take_weights` takes it."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def take_weights(settings: Settings, spec: Spec, name: str, parts: Parts) -> bool:
    """Put a published checkpoint where it belongs on this node, unless a file is there.

    Raises:
        StoreError: it was damaged on the way, or there is no room.
        WeightsError: it is not what was published.
    """
    file, _, sha = name.removeprefix(PUBLISHED).rpartition("@")
    place = next((one for one in published(settings.models, settings.artifacts, spec) if one.place.name == file), None)
    if place is None:
        raise ClusterError(f"{file} is no published checkpoint of {spec.name}")
    if place.place.exists():
        return False  # whether it is the same shows when weights are compared
    _write(place, parts(), sha)
    return True


def _write(place: Published, pieces: Sequence[bytes], sha: str) -> None:
    arrived = hashlib.sha256()
    for piece in pieces:
        arrived.update(piece)
    if arrived.hexdigest() != sha:
        raise StoreError(f"{place.place.name} did not arrive: it does not have its digest", where=str(place.place), remedy="run it again")
    require_room(sum(map(len, pieces)), place.folder, place.place.name)
    place.folder.mkdir(parents=True, exist_ok=True)
    write_whole(place.place, lambda file: file.writelines(pieces))
