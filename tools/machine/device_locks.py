"""Locks of devices, in a folder that users may share: nobody is led to another file, and one at a time holds.

filelock leaves both open: it does not look at whose folder it is in. Each file holds the words of the process
that has its lock, so that nothing else is written beside it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tools.errors import DeviceError, visible
from tools.machine import events

OF_THIS_BOOT = Path("/run/user")  # where a login's runtime folder lies, also for a job that is not told of it
TEMPORARY = Path("/tmp")  # noqa: S108 - the same for all processes of a user, whatever their TMPDIR
FOR_ALL = stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IWGRP | stat.S_IROTH  # who may read a file may lock it
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
NO_FILE = (errno.ELOOP, errno.EISDIR, errno.ENXIO)  # the kernel's words for a link that is not followed, a folder, a socket
POLL_S = 0.1
FIRST_POLL_S = 0.002  # who holds a lock for a moment only has left it by then
MOST_WORDS = 500  # of a holder
REMEDY = "choose another folder with --locks DIR"


def own_folder() -> Path:
    """Where this user's locks lie without `--locks`: in the user's runtime folder, if there is one."""
    user = os.geteuid()
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or OF_THIS_BOOT / str(user))
    with suppress(OSError):
        found = runtime.stat()
        if runtime.is_absolute() and found.st_uid == user and not found.st_mode & OTHERS_WRITE:
            return runtime / "clipgate"
    return TEMPORARY / f"clipgate-{user}"


def require(given: str) -> Path:
    """The folder of the locks: *given*, or this user's own, which is made if it is not there.

    Raises:
        DeviceError: it is no folder, cannot be written, or others could exchange the files in it.
    """
    folder = Path(given) if given else own_folder()
    with _telling(folder):
        if not given:
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise DeviceError("a file or a link is in the place of the folder of locks", where=str(folder),
                              remedy=f"remove it, or {REMEDY}")
        if not given and found.st_uid != os.geteuid():
            raise DeviceError("the folder of this user's locks belongs to another user", where=str(folder), remedy=REMEDY)
        if found.st_mode & OTHERS_WRITE and not found.st_mode & stat.S_ISVTX:
            raise DeviceError("others can exchange the lock files in this folder, because it has no sticky bit", where=str(folder),
                              remedy=f"chmod +t {folder}, or {REMEDY}")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise DeviceError("the folder of locks cannot be written by this user", where=str(folder), remedy=REMEDY)
    return folder


@contextmanager
def hold(given: str, name: str, on_wait: Callable[[str], None], *, shared: bool = False, patience_s: float = 0.0) -> Iterator[None]:
    """Hold the lock *name* in the folder *given*, or in this user's own.

    If another process has it, call *on_wait* once with that one's words, when *patience_s* have passed.
    shared: hold it beside others that share it. They leave no words.

    Raises:
        DeviceError: as for `require`; or what lies at the lock's place is no lock file.
    """
    path = require(given) / f"{name}.lock"
    with _telling(path):
        descriptor = _locked(path, on_wait, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, patience_s)
    holder = os.getpid()
    try:
        if not shared:
            _note(descriptor, f"process {holder} (working in {Path.cwd()})")
        yield
    finally:
        if os.getpid() == holder:  # a forked child that leaves by here ends nothing
            if not shared:
                _note(descriptor, "")
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # forked workers that still end have this descriptor too
        os.close(descriptor)


class Moments:
    """The lock *name*, to be held for a moment, again and again, by one thread of each process.

    The file stays open, since opening it takes longer than locking it. Nobody's words are in it. Others as
    for `hold`.
    """

    def __init__(self, given: str, name: str, on_wait: Callable[[str], None], *, shared: bool = False, patience_s: float = 0.0) -> None:
        self._path, self._on_wait, self._patience_s = require(given) / f"{name}.lock", on_wait, patience_s
        self._mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        self._descriptor, self._process = -1, 0

    def take(self) -> None:
        """Hold it; errors as for `hold`."""
        if self._process == os.getpid() and self._at_once():
            return
        self.close()
        with _telling(self._path):
            self._descriptor = _locked(self._path, self._on_wait, self._mode, self._patience_s)
        self._process = os.getpid()

    def leave(self) -> None:
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave it, and hold nothing open; a forked process closes what it has of its parent's."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def _at_once(self) -> bool:
        """Take it through the open file, if nobody is in the way and the file is still at its place."""
        try:
            fcntl.flock(self._descriptor, self._mode | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return _is_at(self._path, self._descriptor)


def is_free(given: str, name: str, *, shared: bool = False) -> bool:
    """Whether `hold` would have the lock *name* at once; errors as there."""
    path = require(given) / f"{name}.lock"
    with _telling(path):
        descriptor = _open(path)
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
    return True


def _locked(path: Path, on_wait: Callable[[str], None], mode: int, patience_s: float) -> int:
    """A descriptor of the file that *path* names, with the lock on it; our parent hears that we wait."""
    told, began, pause_s = False, time.monotonic(), FIRST_POLL_S
    beaten = began
    while True:
        with ExitStack() as unless_taken:
            descriptor = _open(path)
            unless_taken.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                if _is_at(path, descriptor):
                    if beaten > began:
                        events.alive("")
                    unless_taken.pop_all()
                    return descriptor
            except BlockingIOError:
                now = time.monotonic()
                if not told and now - began >= patience_s:
                    on_wait(_words(descriptor))
                    told = True
                if now - beaten >= events.BEAT_S:
                    events.alive(f"waiting: {_words(descriptor)} holds {path.stem}")
                    beaten = now
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, POLL_S)


def _open(path: Path) -> int:
    """Open the lock file, or make it; O_CREAT on another user's may be refused in a sticky folder."""
    safely = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY  # nothing planted there is followed or waited for
    while True:
        with suppress(FileNotFoundError):
            try:
                descriptor = os.open(path, os.O_RDWR | safely)
            except PermissionError:
                descriptor = os.open(path, os.O_RDONLY | safely)  # another user's: it can be locked, and has no words of ours
            break
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | safely, FOR_ALL)
            os.fchmod(descriptor, FOR_ALL)  # whatever the umask is
            break
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    raise _planted(path)


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether *path* still names this file: one that was removed meanwhile may have been made again."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _words(descriptor: int) -> str:
    """What the holder says of itself, on one line: it may be another user."""
    return visible(" ".join(os.pread(descriptor, MOST_WORDS, 0).decode(errors="replace").split())) or "another process"


def _note(descriptor: int, words: str) -> None:
    """Leave the holder's words in the file, which are only a courtesy."""
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, words.encode(errors="replace")[:MOST_WORDS], 0)


def _planted(path: Path) -> DeviceError:
    return DeviceError("what lies at the lock's place is no lock file, but a link or something else", where=str(path),
                       remedy=f"see who put it there and remove it, or {REMEDY}")


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn an OSError into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_FILE:
            raise _planted(path) from error
        raise DeviceError(f"cannot take a lock: {error.strerror or error}", where=str(path),
                          remedy=f"make its folder writable, or {REMEDY}") from error
