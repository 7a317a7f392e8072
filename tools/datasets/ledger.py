"""The ledger of checked files: digest and frames of each good clip, and the defect of any other.

It is an SQLite file below the artifacts folder: a data set may be read-only and shared, and an interrupted
check keeps what it has read. The ledger does not know the list, which gives order, labels and line numbers;
nobody asks for a row that no line names.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools.datasets.examine import Signature
from tools.datasets.listing import Listing
from tools.errors import StoreError
from tools.media import video
from tools.media.decode import Clip, ClipError
from tools.spec.digest import Json, digest

FOLDER = "checked"
READER = "CLIPGATE_READER"  # a variable: whose disks are read, where several machines may share an artifacts folder
REVISION = "4"  # raise it when equal files would be judged otherwise, or the columns change
SAVE_S = 1.0  # what an interrupted check loses at most
COLUMNS = "id, size, changed, asked, frames, sha256, sampled_crc32, word, what, detail, place, remedy"
TABLE = f"CREATE TABLE IF NOT EXISTS clips ({COLUMNS.replace('id,', 'id TEXT PRIMARY KEY,', 1)}) WITHOUT ROWID"


@dataclass(frozen=True, slots=True)
class ClipState:
    """What the last check saw of a clip.

    signature: size and time of its files then; asked: the frames that its line gave.
    frames, sha256, sampled_crc32: those of a good clip; defect: why any other cannot be used.
    """

    signature: Signature
    asked: int
    frames: int = 0
    sha256: str = ""
    sampled_crc32: int | None = None
    defect: ClipError | None = None


def path_of(artifacts: Path, listing: Listing) -> Path:
    """Where the ledger of a list is kept; of videos there is one for each decoder and choice of frames.

    A machine trusts no other one's look at files that have the same path on its own disk.
    """
    shaped_by: Json = [REVISION, str(listing.root.resolve()), str(listing.list_file.resolve()), listing.kind, *_reading(listing),
                       *filter(None, [os.environ.get(READER)])]
    return artifacts / FOLDER / f"{listing.dataset}-{listing.list_file.stem}-{digest(shaped_by)[:12]}.sqlite"


def _reading(listing: Listing) -> list[Json]:
    """What is read of these files, and with what: videos may be decoded otherwise tomorrow."""
    how = listing.sampling
    return [video.identity(), how.clip_len, how.interval, how.clips] if how and listing.kind == "videos" else []


@contextmanager
def opened(path: Path) -> Iterator[Ledger]:
    """The ledger in the file *path*, whose folder is there; what is put into it is safe after a second.

    Raises:
        StoreError: the file cannot be made, read or written.
    """
    try:
        with closing(_connect(path)) as rows:
            try:
                yield Ledger(rows)
            finally:  # what an interrupted check has read is kept
                rows.commit()
    except sqlite3.Error as error:
        raise StoreError(f"what is known of the data set cannot be kept: {error}", where=str(path),
                         remedy="remove the file if it is damaged; make room, or choose another folder with --artifacts DIR") from error


def _connect(path: Path) -> sqlite3.Connection:
    rows = sqlite3.connect(path, timeout=60)
    try:
        rows.execute(TABLE)
    except sqlite3.DatabaseError as error:  # no database: it was cut short, and holds nothing that cannot be read again
        if isinstance(error, sqlite3.OperationalError) or not os.access(path.parent, os.W_OK):
            raise
        path.unlink()
        return _connect(path)
    return rows


class Ledger:
    """The open ledger of one list."""

    def __init__(self, rows: sqlite3.Connection) -> None:
        self._rows = rows
        self._saved = time.monotonic()

    def state(self, clip: Clip) -> ClipState | None:
        """What the last check saw of a clip, by its id; None if it was never checked."""
        row = self._rows.execute(f"SELECT {COLUMNS} FROM clips WHERE id = ?", (clip.id,)).fetchone()  # noqa: S608
        if row is None:
            return None
        _, size, changed, asked, frames, sha256, crc32, word, _, detail, file, remedy = row
        defect = ClipError(clip, Path(file), detail, remedy, word) if word else None
        return ClipState((size, changed), asked, frames, sha256, crc32, defect)

    def put(self, clip: Clip, state: ClipState) -> None:
        """Keep what a check has just seen of a clip."""
        wrong = state.defect
        defect = (wrong.word, wrong.what, wrong.detail, str(wrong.file), wrong.remedy) if wrong else ("",) * 5
        self._rows.execute(f"INSERT OR REPLACE INTO clips ({COLUMNS}) VALUES (?{', ?' * COLUMNS.count(',')})",  # noqa: S608
                           (clip.id, *state.signature, state.asked, state.frames, state.sha256, state.sampled_crc32, *defect))
        if time.monotonic() - self._saved > SAVE_S:
            self._rows.commit()
            self._saved = time.monotonic()
