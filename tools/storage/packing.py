"""Packs entries into an archive: chosen by model, verified while packed, written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from tools.errors import StoreError
from tools.machine import opening
from tools.machine.files import require_room, write_whole
from tools.storage import code
from tools.storage.archive import CONTENTS, Packed, contents_text
from tools.storage.elsewhere import CAUSES
from tools.storage.entries import HOST, LARGEST_MANIFEST, Manifest, Say, label, last_use, manifests, readable_manifest

# of use on one machine only: digests of its files, graphs compiled for its device; or made in seconds on any
STAYING = {"manifest", "features", "om", "engine", "half", "control", "segment"}
NEEDED = {"onnx": "python -m tools.specialise {} BATCH", "reference": "python -m tools.reference {}"}


class Digesting(io.RawIOBase):
    """A file that is read once; *sha* takes in what is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self.sha.update(chunk)
        return chunk


def choose(root: Path, names: frozenset[str] | None, batches: Sequence[int], kind: str = "") -> list[Path]:
    """The manifests of the entries to pack, hosts before what they host, what was used last at the end.

    Args:
        names: what the entries of the chosen models are called (`home_name`); None for all models.
        batches: pack the graphs of these batch sizes only; all of them if empty.
        kind: pack entries of this kind only, and those they were made from; all that travel if empty.

    Raises:
        StoreError: a manifest cannot be read.
    """
    there = manifests(root)
    chosen = {path: _manifest(root, path) for path in there if (names is None or home_name(path) in names)
              and kind in ("", path.parent.parent.name)}
    kept = {path for path, manifest in chosen.items() if manifest["kind"] not in STAYING and _of_batch(path, manifest, batches)}
    kept -= _superseded({path: chosen[path] for path in kept})
    kept = {path for path in kept if path.with_name(HOST) in kept}
    kept = _last_of_each_file({path: chosen[path] for path in kept})
    upstream = {sha[:16] for path in kept for sha in chosen[path]["shaped_by"].values()}
    kept |= {path for path in there if path.name == HOST and path.parent.name[-16:] in upstream}
    return sorted(kept, key=lambda path: (last_use(path.with_name(HOST)), path.parent, path.name != HOST, last_use(path)))


def _superseded(kept: Mapping[Path, Manifest]) -> set[Path]:
    """Of manifests that other code made, those whose request our code has an entry for as well."""
    ours: dict[tuple[object, ...], bool] = {}
    request, other = {}, {}
    for path, manifest in kept.items():
        asked = frozenset((name, value) for name, value in manifest["shaped_by"].items() if name not in CAUSES)
        request[path] = (manifest["kind"], manifest["name"], path.parent if path.name != HOST else None, asked)
        other[path] = code.is_other(manifest.get("made_by"), manifest["shaped_by"].get(code.CODE, ""))
        ours[request[path]] = ours.get(request[path], False) or not other[path]
    return {path for path in kept if other[path] and ours[request[path]]}


def _last_of_each_file(kept: Mapping[Path, Manifest]) -> set[Path]:
    """Of manifests in one folder that list the same files, the one used last: the others hold the same."""
    last = {}
    for path in sorted(kept, key=last_use):
        last[path.parent, tuple(sorted(kept[path]["files"])) or (path.name,)] = path
    return set(last.values())


def home_name(manifest: Path) -> str:
    """The name of the entry in whose folder a manifest lies, without its digest: tsm, tsm-mini."""
    return manifest.parent.name[:-17]


def _of_batch(path: Path, manifest: Manifest, batches: Sequence[int]) -> bool:
    return path.name == HOST or not batches or manifest["shaped_by"].get("batch") in [str(batch) for batch in batches]


def lacking(chosen: Sequence[Path], model: str, names: frozenset[str], batches: Sequence[int]) -> list[str]:
    """What a host without torch will miss of a model among *chosen*, with the command that makes it."""
    mine = [path for path in chosen if home_name(path) in names]
    kinds = {path.parent.parent.name for path in mine if path.name == HOST}
    graphs = {path.name[:-22] for path in mine if path.name != HOST}
    lines = [f"no {kind} of {model} is in the store: {command.format(model)}" for kind, command in NEEDED.items() if kind not in kinds]
    return lines + [f"no graph of {model} for batch {batch} is in the store: python -m tools.specialise {model} {batch}"
                    for batch in batches if f"bs{batch}" not in graphs]


def pack(root: Path, chosen: Sequence[Path], archive: Path, say: Say) -> None:
    """Write the entries of these manifests to *archive*.

    Raises:
        StoreError: naming the entry that is damaged, or the archive that cannot be written or has no room.
    """
    packed = _packed(root, chosen)
    files = [root / entry.folder / name for entry in packed for name in entry.manifest["files"]]
    require_room(sum(file.stat().st_size for file in files if file.is_file()), archive.parent, f"the archive {archive.name}")
    try:
        write_whole(archive, lambda file: _write(root, packed, file, say))
    except OSError as error:
        raise StoreError(f"cannot write the archive: {error.strerror or error}", where=str(error.filename or archive),
                         remedy="give a place that is writable and large enough") from error


def write(root: Path, chosen: Sequence[Path], file: BinaryIO) -> None:
    """Write the archive of the entries of these manifests to *file*; errors as for `pack`."""
    _write(root, _packed(root, chosen), file, lambda label: None)


def _packed(root: Path, chosen: Sequence[Path]) -> list[Packed]:
    return [Packed(path.relative_to(root).as_posix(), opening.read_bytes(path, LARGEST_MANIFEST), _manifest(root, path))
            for path in chosen]


def _write(root: Path, entries: Sequence[Packed], file: BinaryIO, say: Say) -> None:
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, CONTENTS, contents_text({entry.path: hashlib.sha256(entry.text).hexdigest() for entry in entries}))
        for entry in entries:
            _add(tar, entry.path, entry.text)
            for name, sha in entry.manifest["files"].items():
                _add_file(tar, root, entry, name, sha)
            say(label(root, root / entry.path))


def _add(tar: tarfile.TarFile, name: str, text: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(text)
    tar.addfile(member, io.BytesIO(text))


def _add_file(tar: tarfile.TarFile, root: Path, entry: Packed, name: str, sha: str) -> None:
    path = root / entry.folder / name
    try:
        file = opening.to_read(path)
    except OSError as error:
        raise _damaged(root, root / entry.path, f"{name} is missing") from error
    with file:
        member = tarfile.TarInfo(entry.member(name))
        member.size = os.fstat(file.fileno()).st_size
        digesting = Digesting(file)
        tar.addfile(member, digesting)
        if digesting.sha.hexdigest() != sha:
            raise _damaged(root, root / entry.path, f"{name} does not have its digest")


def _manifest(root: Path, path: Path) -> Manifest:
    manifest = readable_manifest(path)
    if manifest is None:
        raise _damaged(root, path, f"{path.name} is unreadable")
    return manifest


def _damaged(root: Path, path: Path, damage: str) -> StoreError:
    return StoreError(f"{label(root, path)} is damaged ({damage}); nothing was written", where=str(path.parent),
                      remedy="python -m tools.store prune removes it; make it again, then export again")
