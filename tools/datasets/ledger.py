"""What is known of a data set's files: a row a clip, with the digest and frames of a good one and the fault of any other.

An SQLite file below the artifacts folder, so that a data set may be read-only and shared, a check of a million files needs
no memory for them, and an interrupted one keeps what it has read.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tools.datasets.examine import Signature
from tools.datasets.listing import Listing
from tools.errors import StoreError
from tools.machine import versions
from tools.media.decode import Clip
from tools.spec.digest import Json, digest

FOLDER = "checked"
REVISION = "1"  # raise it when equal files would be judged otherwise, or the columns change
SAVE_S = 1.0  # what an interrupted check loses at most
COLUMNS = "id, place, listed, label, asked, size, changed, frames, sha256, fault, what, at, round"
TABLE = (f"CREATE TABLE IF NOT EXISTS clips ({COLUMNS.replace('id,', 'id TEXT PRIMARY KEY,', 1)}) WITHOUT ROWID",
         "CREATE INDEX IF NOT EXISTS by_place ON clips (place)", "CREATE INDEX IF NOT EXISTS by_fault ON clips (fault, place)")
Word = Literal["", "missing", "empty", "damaged"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a clip, and where: the file, and the line that names it."""

    word: Word
    what: str
    at: str


@dataclass(frozen=True, slots=True)
class Look:
    """One clip as a check found it. *asked*: the frames its line gives; *same*: its files are those of the check before."""

    place: int
    clip: Clip
    asked: int
    signature: Signature
    fault: Fault | None = None
    same: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """What an earlier check found of one clip."""

    asked: int
    signature: Signature
    frames: int
    sha256: str
    fault: Fault | None


def path_of(artifacts: Path, listing: Listing) -> Path:
    """Where what is known of a data set is kept; decord and PyAV may count a video's frames differently."""
    decord = versions.of("decord")[0][1] != versions.ABSENT
    shaped_by: Json = [REVISION, str(listing.root.resolve()), str(listing.list_file.resolve()), listing.kind, decord]
    return artifacts / FOLDER / f"{listing.dataset}-{listing.list_file.stem}-{digest(shaped_by)[:12]}.sqlite"


class Checked:
    """The rows of one data set, kept in the file *path*, in a `with` statement; what is put there is safe after a second.

    Raises:
        StoreError: the file cannot be made, read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = time.monotonic()
        self._round = time.time_ns()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._rows = self._open()
        except (OSError, sqlite3.Error) as error:
            raise self._failed(error) from error

    def _open(self) -> sqlite3.Connection:
        """A file that is no database was cut short, and holds nothing that cannot be read again."""
        try:
            return self._connect()
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            self._path.unlink()
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        rows = sqlite3.connect(self._path, timeout=60)
        for statement in TABLE:
            rows.execute(statement)
        return rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with closing(self._rows):
            try:
                self._rows.commit()
            except sqlite3.Error as failed:
                raise self._failed(failed) from failed
        if isinstance(error, sqlite3.Error):
            raise self._failed(error) from error

    def known(self, id: str) -> Known | None:
        """What is known of a clip; None if it was never looked at."""
        row = self._rows.execute("SELECT asked, size, changed, frames, sha256, fault, what, at FROM clips WHERE id = ?", (id,)).fetchone()
        if row is None:
            return None
        asked, size, changed, frames, sha256, *fault = row
        return Known(asked, (size, changed), frames, sha256, Fault(*fault) if fault[0] else None)

    def put(self, look: Look) -> None:
        """Keep what was found of one clip."""
        clip, fault = look.clip, look.fault or Fault("", "", "")
        if look.same:
            self._rows.execute("UPDATE clips SET place = ?, listed = ?, label = ?, round = ? WHERE id = ?",
                               (look.place, clip.listed, clip.label, self._round, clip.id))
        else:
            self._rows.execute(f"INSERT OR REPLACE INTO clips ({COLUMNS}) VALUES (?{', ?' * COLUMNS.count(',')})",  # noqa: S608
                               (clip.id, look.place, clip.listed, clip.label, look.asked, *look.signature, clip.frames, clip.sha256,
                                fault.word, fault.what, fault.at, self._round))
        if time.monotonic() - self._saved > SAVE_S:
            self._rows.commit()
            self._saved = time.monotonic()

    def forget_others(self) -> None:
        """Drop the rows that this check has not met: their lines are gone from the list."""
        self._rows.execute("DELETE FROM clips WHERE round != ?", (self._round,))

    def counts(self) -> dict[Word, int]:
        """How many clips there are of each fault; those of none are good."""
        return dict(self._rows.execute("SELECT fault, COUNT(*) FROM clips GROUP BY fault"))

    def faults(self) -> Iterator[tuple[str, Fault]]:
        """The clips that cannot be used, in the order of the list."""
        for id, *fault in self._rows.execute("SELECT id, fault, what, at FROM clips WHERE fault != '' ORDER BY fault, place"):
            yield id, Fault(*fault)

    def first_fault(self) -> Fault | None:
        """The first in the list, of a missing clip if one is missing."""
        row = self._rows.execute("SELECT fault, what, at FROM clips WHERE fault != '' ORDER BY fault != 'missing', place").fetchone()
        return Fault(*row) if row else None

    def good(self) -> Iterator[tuple[str, int, int]]:
        """Id, frames and label of those that can be, in the order of the list."""
        yield from self._rows.execute("SELECT id, frames, label FROM clips WHERE fault = '' ORDER BY place")

    def frames(self) -> int:
        """All their frames together."""
        total: int = self._rows.execute("SELECT COALESCE(SUM(frames), 0) FROM clips WHERE fault = ''").fetchone()[0]
        return total

    def _failed(self, error: Exception) -> StoreError:
        return StoreError(f"what is known of the data set cannot be kept: {error}", where=str(self._path),
                          remedy="remove the file if it is damaged; make room, or choose another folder with --artifacts DIR")
