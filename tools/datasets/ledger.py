"""What is known of the files of a list: a row a clip, with the digest and frames of a good one and the defect of any other.

An SQLite file below the artifacts folder, so that a data set may be read-only and shared, and an interrupted check keeps
what it has read. It does not know the list: order, labels and lines come from there, and a row that no line names is not asked for.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.datasets.examine import Signature
from tools.datasets.listing import Listing
from tools.errors import DataError, StoreError
from tools.machine import versions
from tools.media.decode import Clip, ClipError, Word, place
from tools.spec.digest import Json, digest

FOLDER = "checked"
REVISION = "2"  # raise it when equal files would be judged otherwise, or the columns change
SAVE_S = 1.0  # what an interrupted check loses at most
COLUMNS = "id, size, changed, asked, frames, sha256, word, what, detail, place, remedy"
TABLE = f"CREATE TABLE IF NOT EXISTS clips ({COLUMNS.replace('id,', 'id TEXT PRIMARY KEY,', 1)}) WITHOUT ROWID"


@dataclass(frozen=True, slots=True)
class Defect:
    """Why a clip cannot be used.

    listed: the line that names the clip; what: one sentence; detail: the same where the clip is named already;
    place: the file, and a row of it if one is wrong.
    """

    listed: str
    word: Word
    what: str
    detail: str
    place: str
    remedy: str

    @classmethod
    def of(cls, clip: Clip, error: DataError) -> Self:
        """The defect that an error of reading *clip* tells."""
        if isinstance(error, ClipError):
            return cls(clip.listed, error.word, error.what, error.detail, str(error.file), error.remedy or "")
        return cls(clip.listed, "damaged", error.what, error.what, error.where or str(clip.path), error.remedy or "")

    @property
    def where(self) -> str:
        """The file, and the line that names the clip."""
        return place(self.place, self.listed)

    @property
    def error(self) -> DataError:
        """The same as an error, for who cannot do without the clip."""
        return DataError(self.what, where=self.where, remedy=self.remedy)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found of one clip. *signature*: that of its files then; *asked*: the frames its line gave;
    *frames* and *sha256*: those of a good clip; *defect*: that of any other.
    """

    signature: Signature
    asked: int
    frames: int = 0
    sha256: str = ""
    defect: Defect | None = None


def path_of(artifacts: Path, listing: Listing) -> Path:
    """Where what is known of a list's files is kept; decord and PyAV may count a video's frames differently."""
    decord = versions.of("decord")[0][1] != versions.ABSENT
    shaped_by: Json = [REVISION, str(listing.root.resolve()), str(listing.list_file.resolve()), listing.kind, decord]
    return artifacts / FOLDER / f"{listing.dataset}-{listing.list_file.stem}-{digest(shaped_by)[:12]}.sqlite"


class Ledger:
    """The rows of one list, kept in the file *path*, in a `with` statement; what is put there is safe after a second.

    Raises:
        StoreError: the file cannot be made, read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._saved = time.monotonic()
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
        rows.execute(TABLE)
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

    def known(self, clip: Clip) -> Finding | None:
        """What is known of a clip, by its id; None if it was never checked."""
        row = self._rows.execute(f"SELECT {COLUMNS} FROM clips WHERE id = ?", (clip.id,)).fetchone()  # noqa: S608
        if row is None:
            return None
        _, size, changed, asked, frames, sha256, *defect = row
        return Finding((size, changed), asked, frames, sha256, Defect(clip.listed, *defect) if defect[0] else None)

    def put(self, clip: Clip, found: Finding) -> None:
        """Keep what was found of a clip."""
        wrong = found.defect
        defect = (wrong.word, wrong.what, wrong.detail, wrong.place, wrong.remedy) if wrong else ("",) * 5
        self._rows.execute(f"INSERT OR REPLACE INTO clips ({COLUMNS}) VALUES (?{', ?' * COLUMNS.count(',')})",  # noqa: S608
                           (clip.id, *found.signature, found.asked, found.frames, found.sha256, *defect))
        if time.monotonic() - self._saved > SAVE_S:
            self._rows.commit()
            self._saved = time.monotonic()

    def _failed(self, error: Exception) -> StoreError:
        return StoreError(f"what is known of the data set cannot be kept: {error}", where=str(self._path),
                          remedy="remove the file if it is damaged; make room, or choose another folder with --artifacts DIR")
