"""Reads the files of a history that several users write: whole lines of regular files, and what was left out."""

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

SUFFIX = ".jsonl"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,200}\.jsonl")
CHUNK = 4 * 2**20
LONGEST_LINE = 2**20
LARGEST_FILE = 16 * 2**30
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
    rest, overlong = b"", False
    while size > 0 and (read := os.read(descriptor, min(CHUNK, size))):
        size -= len(read)
        end = read.rfind(b"\n") + 1
        if not end:
            rest += read
        else:
            found, rest = rest + read[:end], read[end:]
            if overlong:  # its end is here
                found, overlong = found.partition(b"\n")[2], False
            if found:
                yield found
        if len(rest) > LONGEST_LINE:
            skipped.damaged += not overlong
            rest, overlong = b"", True
    skipped.torn += bool(rest) and not overlong


def explain(chunk: bytes, skipped: Skipped) -> list[bytes]:
    """Count the lines of *chunk* that HEAD does not find; those of them that a person has accepted something in."""
    accepted = []
    for line in chunk.splitlines(keepends=True):
        if line.startswith(lines.ACCEPTED.encode()):
            accepted.append(line)
        elif not lines.HEAD.fullmatch(line):
            version = _VERSION.match(line)
            if version and int(version[1]) != lines.VERSION:
                skipped.other_version += 1
            else:
                skipped.damaged += 1
    return accepted
