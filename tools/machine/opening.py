"""Opens files that another may have put there: regular ones only, and no link leads a writer elsewhere."""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

SAFELY = os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # a pipe without a writer is not waited for
FOR_UMASK = 0o666
IRREGULAR = "it is a pipe, a device or a socket, and no file"
PLANTED = "a link or something else is in the place of the file"


class PlantedError(OSError):
    """What is in the place of a file would lead a writer elsewhere."""


def to_read(path: Path) -> io.BufferedReader:
    """A regular file, or what a link to one leads to, open for reading.

    Raises:
        OSError: it is not there, a folder, or something that may never end, as a pipe or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | SAFELY)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    number = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
    raise OSError(number, os.strerror(number) if stat.S_ISDIR(mode) else IRREGULAR, str(path))


def require_most(path: Path, most: int) -> None:
    """Check that a file has at most *most* bytes; an OSError if it has more, or cannot be found."""
    if path.stat().st_size > most:
        raise too_large(path, most)


def read_bytes(path: Path, most: int) -> bytes:
    """All of a regular file.

    Raises:
        OSError: as for `to_read`, or it has more than *most* bytes.
    """
    with to_read(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise too_large(path, most)
        return file.read(size)


def too_large(path: Path, most: int) -> OSError:
    return OSError(errno.EFBIG, f"it is larger than {most / 2**20:g} MiB", str(path))


def to_write(path: Path, *, append: bool = False) -> BinaryIO:
    """A regular file, made if it is not there, open for writing from its start or at its end.

    A folder may be shared by several users. Neither a link at the file's place is followed, nor is a file
    written that has another name elsewhere.

    Raises:
        OSError: it cannot be written; PlantedError: something else is there.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_APPEND * append | SAFELY, FOR_UMASK)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a pipe that nobody reads, or a socket
            raise PlantedError(error.errno, PLANTED, str(path)) from error
        raise
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise PlantedError(errno.EMLINK, PLANTED, str(path))
    if not append:
        os.ftruncate(descriptor, 0)
    return os.fdopen(descriptor, "ab" if append else "wb")


def stays_inside(name: str) -> bool:
    """Whether *name* is a plain path below the folder that it belongs to."""
    path = PurePosixPath(name)
    return str(path) == name and not path.is_absolute() and ".." not in path.parts and name != "." and "\0" not in name
