"""A history: a folder to which every run adds a file of records, and which everybody reads without a lock."""

from __future__ import annotations

import getpass
import json
import os
import re
import secrets
import socket
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tools.errors import ClipgateError, HistoryError
from tools.machine.opening import FOR_UMASK, SAFELY
from tools.machine.reading import load_json
from tools.nights import lines, scan
from tools.nights.nights import Nights, gathered
from tools.nights.record import VERSION, Accepted, Record
from tools.nights.scan import SUFFIX, Skipped

MARKER = "history.json"
DEFAULT = "history"  # below the artifacts


@dataclass(frozen=True, slots=True)
class Read:
    """Whole records, those of earlier nights first, and what was left out."""

    records: tuple[Record, ...]
    skipped: Skipped


def now() -> str:
    """The time as records have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def user() -> str:
    """The name of the user, or the number where it has no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())


class History:
    """An open history. Each process that writes has a file of its own, and no line is rewritten."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._night = 0
        self._writer: tuple[int, int] | None = None  # the process and the descriptor of its file

    @classmethod
    def open(cls, folder: Path) -> History:
        """The history in *folder*.

        Raises:
            HistoryError: nobody has made one there, as in a mistyped folder or a share that is not mounted;
                or it is of another version.
        """
        marker = folder / MARKER
        remedy = f"correct the name, or mount the share; where no history is yet, make one: python -m tools.history init {folder}"
        if marker.is_symlink() or not marker.is_file():
            raise HistoryError("no history is here", where=str(folder), remedy=remedy)
        told = load_json(marker, HistoryError, "what makes a folder a history", remedy)
        if not isinstance(told, dict) or told.get("version") != VERSION:
            raise HistoryError(f"the history is of another version than {VERSION}", where=str(marker),
                               remedy="make a new one with python -m tools.history init, or use the clipgate that made it")
        return cls(folder)

    @classmethod
    def init(cls, folder: Path) -> History:
        """Make a history in an empty or a new folder; one that is there is opened.

        Raises:
            HistoryError: the folder holds something else, or cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(path.name != MARKER and not scan.NAME.fullmatch(path.name) for path in folder.iterdir()):
                raise HistoryError("the folder holds something else", where=str(folder), remedy="name a new or an empty folder")
            if not (folder / MARKER).exists():
                _write_new(folder / MARKER, json.dumps({"version": VERSION, "made": now(), "by": user()}).encode() + b"\n")
        except FileExistsError as error:
            if not folder.is_dir():
                raise unwritable(error, folder) from error  # else another process was faster
        except OSError as error:
            raise unwritable(error, folder) from error
        return cls.open(folder)

    def require_writable(self) -> None:
        """Check, before anything is measured, that records can be added; a HistoryError where not."""
        if not os.access(self.folder, os.W_OK | os.X_OK):
            raise HistoryError("no record can be added to the history", where=str(self.folder),
                               remedy="let its owner give you write access to the folder, or name another with --history DIR")

    def append(self, record: Record) -> Record:
        """Add a record, which is on disk when this returns; it, with the number of its night.

        All records that a process adds have one number, which is above that of every record that it found.
        A record of the same case and run takes the place of an earlier one.

        Raises:
            HistoryError: it cannot be written.
        """
        numbered = replace(record, night=self.night)
        self._add(lines.of_record(numbered))
        return numbered

    def accept(self, accepted: Accepted) -> None:
        """Add that a person has accepted something; errors as for `append`."""
        self._add(lines.of_accepted(accepted))

    @property
    def night(self) -> int:
        """The number of the night that this process writes."""
        if not self._night:
            self.nights()
        return self._night

    def nights(self) -> Nights:
        """What the statistics of speed need of all records: a million of them in seconds."""
        found = gathered(self.folder)
        self._night = self._night or min(found.last + 1, lines.HIGHEST)
        return found

    def read(self, cases: Collection[str] | None = None) -> Read:
        """The whole records of *cases*, or of all."""
        skipped = Skipped()
        wanted = None if cases is None else tuple(f'{lines.CASE}{lines.plain(case)}",'.encode() for case in cases)
        found: dict[tuple[str, str, str], Record] = {}
        for where, line in self._lines(wanted, skipped):
            try:
                record = lines.record_of(line, where)
            except ClipgateError:
                skipped.damaged += 1
                continue
            same = (record.case, record.unit, record.run)
            if same not in found or order(record) >= order(found[same]):
                found[same] = record
        return Read(tuple(sorted(found.values(), key=order)), skipped)

    def _lines(self, wanted: tuple[bytes, ...] | None, skipped: Skipped) -> Iterator[tuple[str, bytes]]:
        prefix, ours = lines.CASE.encode() if wanted is None else wanted, lines.BEGIN.encode()
        for path, chunk in scan.chunks(self.folder, skipped):
            for line in chunk.split(b"\n"):
                if line.startswith(prefix):
                    yield str(path), line
                elif line and not line.startswith(ours):
                    scan.accepted([line], skipped)

    def _add(self, line: str) -> None:
        data = line.encode() + b"\n"
        try:
            if self._writer is None or self._writer[0] != os.getpid():
                self._writer = (os.getpid(), _new_file(self.folder))
            descriptor = self._writer[1]
            written = os.write(descriptor, data)
            if written != len(data):
                raise OSError(0, "the disk is full: a part of the line was written")
            os.fsync(descriptor)
        except OSError as error:
            self._writer = None  # what comes next begins a file of its own, not behind half a line
            raise unwritable(error, self.folder) from error


def order(record: Record) -> tuple[int, str]:
    """What orders the records of a history: the night's number; the clock only within a night."""
    return record.night, record.began


def unwritable(error: OSError, folder: Path) -> HistoryError:
    """The error for a history that cannot be written."""
    return HistoryError(f"the history cannot be written: {error.strerror or error}", where=str(error.filename or folder),
                        remedy="make it writable and not full, or name another with --history DIR")


def _write_new(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | SAFELY, FOR_UMASK)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _new_file(folder: Path) -> int:
    """A descriptor of a file that no other process has: its name holds host, time, process and chance."""
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()).strip("-")[:60] or "host"
    name = f"{host}-{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}-{secrets.token_hex(6)}{SUFFIX}"
    if not (folder / MARKER).is_file():
        raise OSError(0, "no history is here any more", str(folder))
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | SAFELY, FOR_UMASK)
    entries = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(entries)
    finally:
        os.close(entries)
    return descriptor
