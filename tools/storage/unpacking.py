"""Unpacks an archive into the store: an entry appears once all its files are checked, and what is here stays.

Only files that the manifests list are read, in the order of the manifests, and only as regular files. They
are written under the names in the manifests, which were checked. No member's own name, type, owner or mode
is ever acted on. tarfile's data filter is laxer: it writes any name that stays inside, whatever its digest.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.errors import StoreError
from tools.machine import opening, versions
from tools.machine.files import flush, require_room
from tools.machine.locks import hold
from tools.machine.reading import UNREADABLE, reason
from tools.machine.versions import UNKNOWN
from tools.storage import access, code, entries, publishing
from tools.storage.archive import CONTENTS, Packed, damaged, foreign, read_contents, read_packed
from tools.storage.entries import HOST, LARGEST_MANIFEST, Say, damage_of, read_manifest

CHUNK = 2**20
SENSELESS = tuple(kind for kind in UNREADABLE if kind is not OSError)  # what tarfile lets out where a header makes no sense


class Archive(io.BufferedReader):
    """The file of an archive, of which tarfile reads little at once: a header may claim to have exabytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= CHUNK:
            raise tarfile.ReadError(f"a header claims to have {size} bytes")
        return super().read(size)


@dataclass(frozen=True, slots=True)
class Unpacking:
    """An archive that is being read into the store; *hosts*: the files of its host entries by folder."""

    root: Path
    archive: Path
    tar: tarfile.TarFile
    say: Say
    hosts: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def next(self) -> tarfile.TarInfo | None:
        """The next member, if there is one."""
        try:
            return self.tar.next()
        except SENSELESS as error:
            raise damaged(self.archive, f"a header cannot be read: {reason(error)}") from error

    def member(self, name: str) -> tarfile.TarInfo:
        """The next member, which must be a regular file of that name."""
        member = self.next()
        if member is None:
            raise damaged(self.archive, f"it ends before {name}")
        if member.name != name or not member.isreg() or member.issparse():
            raise foreign(self.archive, f"it has {member.name!r} where the file {name} belongs")
        return member

    def chunks(self, member: tarfile.TarInfo) -> Iterator[bytes]:
        file = self.tar.extractfile(member)
        assert file is not None
        while chunk := file.read(CHUNK):
            yield chunk

    def text(self, name: str) -> bytes:
        member = self.member(name)
        if member.size > LARGEST_MANIFEST:
            raise foreign(self.archive, f"{name} has {member.size} bytes")
        return b"".join(self.chunks(member))


def unpack(root: Path, archive: Path, say: Say) -> None:
    """Publish every entry of *archive* that is not here yet, saying of each `new` or `already here`.

    Raises:
        StoreError: the archive is truncated, damaged or none. Entries before the damage are published.
    """
    try:
        with _open(archive) as tar:
            unpacking = Unpacking(root, archive, tar, say)
            for path, sha in read_contents(unpacking.text(CONTENTS), archive).items():
                text = unpacking.text(path)
                if hashlib.sha256(text).hexdigest() != sha:
                    raise damaged(archive, f"{path} does not have its digest")
                _take(unpacking, read_packed(path, text, archive))
            if unpacking.next() is not None:
                raise foreign(archive, "something follows its last entry")
    except tarfile.TarError as error:
        raise damaged(archive, str(error)) from error
    except OSError as error:
        if access.is_ours(error, root):
            raise access.broken(error, root) from error
        raise damaged(archive, f"it cannot be read: {error.strerror or error}") from error


@contextmanager
def _open(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        file = Archive(opening.to_read(archive).detach())
    except OSError as error:
        raise StoreError(f"cannot read the archive: {error.strerror or error}", where=str(archive),
                         remedy="give the file that python -m tools.store export made") from error
    with file:
        try:
            tar = tarfile.TarFile(fileobj=file)
        except (tarfile.ReadError, *SENSELESS) as error:
            raise foreign(archive, f"it is no plain tar ({reason(error)})") from error
        with tar:
            yield tar


def _take(unpacking: Unpacking, entry: Packed) -> None:
    """Publish one entry, or pass over its files if it need not or must not come in."""
    root, final = unpacking.root, unpacking.root / entry.path
    named = entries.label(root, final)
    with hold(entries.lock_path(root, entry.digest16), lambda holder: unpacking.say(f"waiting: {holder} is building {named}")):
        word = _why_not(unpacking, entry)
        if word:
            for name in entry.manifest["files"]:
                unpacking.member(entry.member(name))
        else:
            _publish(unpacking, entry, final)
    unpacking.say(f"{word or 'new'}: {named}")
    if code.is_other(entry.manifest.get("made_by"), entry.manifest["shaped_by"].get(code.CODE, "")):
        commit = entry.manifest.get("commit", UNKNOWN)
        unpacking.say(f"made by other code ({commit}; here {versions.commit()}): {named}")


def _why_not(unpacking: Unpacking, entry: Packed) -> str | None:
    """Why an entry is not published; None if it is."""
    root, files = unpacking.root, entry.manifest["files"]
    if not entry.hosted:
        unpacking.hosts[entry.folder] = files
    else:
        host = root / entry.folder / HOST
        if not host.is_file() or damage_of(host):
            raise foreign(unpacking.archive, f"{entry.path} comes without {entry.folder}/{HOST}")
        if unpacking.hosts.get(entry.folder) != read_manifest(host)["files"]:
            return "left out, made beside other files than are here"
    final = root / entry.path
    if not final.is_file() or damage_of(final):
        return None
    return "already here" if read_manifest(final)["files"] == files else "already here with other content, left alone"


def _publish(unpacking: Unpacking, entry: Packed, final: Path) -> None:
    if entry.hosted:
        taken = {str(file.relative_to(final.parent)) for path in entries.manifests(unpacking.root)
                 if path.parent == final.parent and path != final for file in entries.files_of(path)}
        if taken & entry.manifest["files"].keys():
            raise foreign(unpacking.archive, f"{entry.path} lists files of another entry")
    partial = publishing.empty_partial(unpacking.root, entry.digest16)
    try:
        for name, sha in entry.manifest["files"].items():
            if _extract(unpacking, entry.member(name), partial / name) != sha:
                raise damaged(unpacking.archive, f"{entry.member(name)} does not have its digest")
        (partial / final.name).write_bytes(entry.text)
        flush(partial)
        publishing.publish(unpacking.root, partial, final)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _extract(unpacking: Unpacking, name: str, target: Path) -> str:
    """Write the next member to *target*; its SHA-256."""
    digest = hashlib.sha256()
    member = unpacking.member(name)
    target.parent.mkdir(parents=True, exist_ok=True)
    require_room(member.size, target.parent, f"unpacking {name}")
    with target.open("xb") as file:
        for chunk in unpacking.chunks(member):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
