"""Reads the files of a history that several users write: their whole lines, and what was left out."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.errors import HistoryError
from tools.machine.opening import SAFELY
from tools.nights import lines
from tools.nights.record import VERSION

SUFFIX = ".jsonl"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.jsonl")
CHUNK = 2**17  # bytes, which a processor has at hand when they are searched; no line is longer
LARGEST_FILE = 16 * 2**30
CLOSED = ord("}")
_VERSION = re.compile(rb'\{"version":(\d{1,9}),')


@dataclass(slots=True)
class Skipped:
    """How much of a history was left out.

    torn: last lines without an end, of a writer that was ended or is still at it. damaged: lines that are no
    records. other_version: lines of another version of clipgate. not_files: links, pipes, what is too large.
    unreadable: files that may not be read, or went away meanwhile.
    """

    torn: int = 0
    damaged: int = 0
    other_version: int = 0
    not_files: int = 0
    unreadable: int = 0

    @property
    def words(self) -> list[str]:
        """A sentence for each kind; none where nothing was left out."""
        told = [(self.torn, "last line without an end: its writer was ended, or is still writing"),
                (self.damaged, "line that is no record of a night"),
                (self.other_version, "line of another version of clipgate"),
                (self.not_files, "link, or something else that is no file of a history"),
                (self.unreadable, "file that cannot be read, or went away meanwhile")]
        return [f"left out of the history: {count:,} times a {what}" for count, what in told if count]


def files(folder: Path) -> list[Path]:
    """The files of a history by name; a HistoryError where its folder cannot be read."""
    try:
        return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    except OSError as error:
        raise HistoryError(f"the history cannot be read: {error.strerror}", where=str(folder),
                           remedy="see that its share is mounted and that you may read it") from error


def chunks(folder: Path, skipped: Skipped) -> Iterator[tuple[Path, bytes]]:
    """All whole lines, many at a time, each with its end; of every file what it holds now."""
    for path in files(folder):
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | SAFELY)
        except OSError:
            if path.is_symlink():
                skipped.not_files += 1
            else:
                skipped.unreadable += 1
            continue
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_FILE:
                skipped.not_files += 1
                continue
            yield from ((path, lines_) for lines_ in _whole_lines(descriptor, found.st_size, skipped))
        except OSError:
            skipped.unreadable += 1
        finally:
            os.close(descriptor)


def _whole_lines(descriptor: int, size: int, skipped: Skipped) -> Iterator[bytes]:
    """Whole lines from the beginning of a file up to *size*, each CHUNK of it read at the end of a line."""
    begin, overlong = 0, False
    while read := os.pread(descriptor, min(CHUNK, size - begin), begin):
        end = read.rfind(b"\n") + 1
        if not end and len(read) < CHUNK:  # what is left has no end
            skipped.torn += not overlong
            return
        found = read[:end]
        if overlong and end:  # its end is here
            found, overlong = found.partition(b"\n")[2], False
        if found:
            yield found
        if not end:
            skipped.damaged += not overlong
            overlong = True
        begin += end or len(read)


def by_subject(chunk: bytes, rows: dict[bytes, list[bytes]]) -> list[bytes]:
    """Add to *rows* what stands behind NIGHT in whole lines, by what stands before it; the lines without it.

    Searching is all that it does, so that a million lines take seconds. What is found is read when it is
    needed, and then only what belongs to the subject that is asked for.
    """
    others, find, known, begin = [], chunk.find, rows.get, 0
    while (middle := find(b"[", begin)) >= 0:
        end = find(b"]", middle)
        after = find(b"\n", end) + 1
        if (nights := known(chunk[begin:middle])) is None:
            nights = _new(chunk[begin:middle], rows)
        if nights is not None and end >= 0 and chunk[after - 2] == CLOSED:
            nights.append(chunk[middle:end + 1])
        else:
            after = find(b"\n", begin) + 1
            others.append(chunk[begin:after])
        begin = after
    return others + chunk[begin:].splitlines(keepends=True)


def _new(key: bytes, rows: dict[bytes, list[bytes]]) -> list[bytes] | None:
    """The list of a subject that was not seen before; None if *key* is no beginning of a line."""
    if key.startswith(lines.BEGIN.encode()) and key.endswith(lines.NIGHT.encode()) and b"\n" not in key:
        return rows.setdefault(key, [])
    return None


def accepted(others: list[bytes], skipped: Skipped) -> list[bytes]:
    """Those of *others* that say what a person has accepted; the rest is counted."""
    found = []
    for line in others:
        version = _VERSION.match(line)
        if line.startswith(lines.ACCEPTED.encode()):
            found.append(line)
        elif version and int(version[1]) != VERSION:
            skipped.other_version += 1
        else:
            skipped.damaged += 1
    return found
