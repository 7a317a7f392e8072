"""Removes from the store what is damaged, half-built or long unused; nothing that somebody is working on."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.errors import StoreError
from tools.machine.locks import hold
from tools.storage import entries
from tools.storage.entries import HOST, PARTIAL, UNFINISHED, Say, files_of, is_manifest, label
from tools.storage.publishing import lock_of_folder, lock_of_partial, take_away

DAY_S = 86400
FOLDER = re.compile(r".+-[0-9a-f]{16}")
Reasons = dict[Path, str]  # what goes, and why


class BusyError(Exception):
    """Somebody holds the lock."""


@contextmanager
def _free(lock: Path) -> Iterator[None]:
    """Hold a lock that nobody has.

    Raises:
        BusyError: somebody has it.
    """
    def busy(holder: str) -> None:
        raise BusyError(holder)

    with hold(lock, busy):
        yield


def unused_days(path: Path) -> float:
    """How long ago a manifest was used last; 0 if in the future: the clock was set back."""
    return max(0.0, (time.time() - path.stat().st_mtime) / DAY_S)


def prune(root: Path, days: float | None, say: Say) -> int:
    """Remove what is damaged or half-built, and what was not used for *days*; how many things went.

    Raises:
        StoreError: something cannot be removed.
    """
    try:
        removed = sum(_from_folder(root, folder, days, say) for folder in folders(root))
        removed += _partials(root)
        return removed + (_unfinished(root, days, say) if days is not None else 0)
    except OSError as error:
        raise StoreError(f"cannot remove from the artifact store: {error.strerror or error}", where=str(error.filename or root),
                         remedy="let its owner prune it, or make it writable") from error


def folders(root: Path) -> list[Path]:
    """Every folder of entries, also one whose manifest is gone."""
    return sorted(path for kind in root.glob("[!.]*") for path in kind.glob("*-*") if FOLDER.fullmatch(path.name) and path.is_dir())


def _from_folder(root: Path, folder: Path, days: float | None, say: Say) -> int:
    """Remove what goes of one folder of entries; how many things went."""
    if days is not None:
        _say_what_is_from_the_future(root, folder, say)
    if not _going(folder, days):
        return 0
    if not entries.is_inside(root, folder / HOST):
        say(f"{folder.relative_to(root)}: it lies behind a link and is left alone")
        return 0
    try:
        with _free(lock_of_folder(root, folder)):  # looked at again: it may have been built anew since
            going = _going(folder, days)
            if folder / HOST in going:
                going = {folder / HOST: going[folder / HOST]}
                take_away(root, folder)
            for path in going:
                if entries.is_inside(root, path):
                    path.unlink(missing_ok=True)
    except BusyError as busy:
        say(f"{folder.relative_to(root)}: {busy} is building it, left alone")
        return 0
    told = [(path, why) for path, why in going.items() if why]
    for path, why in told:
        say(f"{label(root, path) if is_manifest(path.name) else path.relative_to(root)}: {why}")
    return len(told)


def _say_what_is_from_the_future(root: Path, folder: Path, say: Say) -> None:
    for path in folder.glob("*.json"):
        if is_manifest(path.name) and not entries.last_use(path)[0]:
            say(f"{label(root, path)}: its last use lies in the future, so it stays; if the clock is right: touch {path}")


def _going(folder: Path, days: float | None) -> Reasons:
    """What goes of a folder: manifests, and files that none of the others lists; or all of it."""
    host = folder / HOST
    manifests = [host, *sorted(path for path in folder.glob("*.json") if is_manifest(path.name) and path != host)]
    going = {path: why for path in manifests if (why := _why(path, days))}
    if host not in going:
        theirs = {file for path in going for file in files_of(path)}  # which go along without a word of their own
        strays = _unlisted(folder, [path for path in manifests if path not in going])
        going |= {path: "" if path in theirs else "no entry lists it" for path in strays if path not in going}
    return going


def _why(path: Path, days: float | None) -> str | None:
    """Why an entry goes; what may not be read is somebody else's, and stays."""
    try:
        damage = entries.damage_in(path)
        return damage or ("not used lately" if days is not None and unused_days(path) > days else None)
    except PermissionError:
        return None
    except OSError as error:
        return entries.unreadable(path, error)


def _unlisted(folder: Path, manifests: list[Path]) -> list[Path]:
    """The files of a folder that none of its manifests lists; a killed builder left them."""
    read = [entries.readable_manifest(path) for path in manifests]
    if None in read:
        return []  # what may not be read may list them
    listed = {*manifests, *(folder / name for manifest in read if manifest for name in manifest["files"])}
    return [path for path in sorted(folder.rglob("*")) if path not in listed and not path.is_dir()]


def _partials(root: Path) -> int:
    """Remove half-built entries that no builder has locked, and what killed builders say of themselves."""
    removed = 0
    for partial in (root / PARTIAL).glob("*"):
        if not entries.is_inside(root, partial):
            break  # somebody's link: what it leads to is another's
        with suppress(BusyError), _free(lock_of_partial(root, partial)):
            shutil.rmtree(partial)
            removed += 1
    with suppress(OSError):
        (root / PARTIAL).rmdir()
    for note in (root / "locks").glob("*.holder"):
        with suppress(BusyError), _free(note.with_suffix(".lock")):
            pass  # who lets go of a lock removes the note
    return removed


def _unfinished(root: Path, days: float, say: Say) -> int:
    """Remove hours of work that nobody went on with for *days*."""
    removed = 0
    for kept in (root / UNFINISHED).glob("*/*"):
        if unused_days(kept) > days and entries.is_inside(root, kept):
            with suppress(BusyError), _free(lock_of_folder(root, kept)):
                shutil.rmtree(kept)
                say(f"{kept.relative_to(root)}: not gone on with lately")
                removed += 1
    return removed
