"""Brings published checkpoints, verified, to where runs look for them: from their address or from a copy."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.deployment.download import PAUSES_S, ROOM, Job, download, forget, writing
from tools.deployment.published import Published
from tools.errors import OptionError, WeightsError
from tools.machine import events, opening
from tools.machine.files import require_room
from tools.machine.locks import hold

EVERY_S = 5.0  # between lines of progress where nobody watches
REDRAW_S = 0.2


class Meter:
    """Shows bytes and rate of a download: on a terminal in one line, elsewhere in a line every few seconds.

    rich's progress bar says nothing until the end where nobody watches; and a host without torch has no rich.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._live = sys.stderr.isatty()
        self._began = self._shown = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, size: int | None) -> None:
        """*done* of *size* bytes are there; the rate leaves out those that were there at the first call."""
        now = time.monotonic()
        self._first = done if self._first is None else self._first
        if now - self._shown < (REDRAW_S if self._live else EVERY_S) and done != size:
            return
        self._shown = now
        whole = f" of {size / 1e6:.1f}" if size else ""
        rate = (done - self._first) / max(now - self._began, 1e-3) / 1e6
        line = f"{self._name}: {done / 1e6:.1f}{whole} MB, {rate:.1f} MB/s"
        print(f"\r{line}\x1b[K" if self._live else line, end="" if self._live and done != size else "\n", file=sys.stderr, flush=True)


def fetch(checkpoint: Published, given: Path | None = None, pauses_s: tuple[float, ...] = PAUSES_S) -> str:
    """Bring a published checkpoint to its place if it is not there, and say what was done.

    *given* is a copy to take it from. Two fetches of one file at once fetch it once. The file gets its name
    when it is whole, verified and on disk.

    Raises:
        WeightsError: it cannot be had, or is another file than was published or first fetched.
    """
    place = checkpoint.place
    with hold(checkpoint.partial.with_name(f"{place.name}.lock"), lambda holder: events.say(f"waiting: {holder} is fetching {place}")):
        word = "already here"
        if not place.is_file():
            word, sha = ("copied", _copied(checkpoint, given)) if given else ("fetched", _downloaded(checkpoint, pauses_s))
            with writing(place, ROOM):
                os.replace(checkpoint.partial, place)
            forget(checkpoint.partial)
        else:
            sha = checkpoint.verify(place, str(place), f"remove it, then {checkpoint.how}")
        if checkpoint.recorded() != sha:
            checkpoint.record(sha)
        if given and word == "already here":
            checkpoint.verify(given, str(given), f"another one is at {place} already: to have this one, remove that")
    return f"{word}, sha256 {sha}"


def _downloaded(checkpoint: Published, pauses_s: tuple[float, ...], *, again: bool = False) -> str:
    """Complete the unfinished file, its SHA-256. A wrong file may be two halves: it is fetched again once."""
    if not checkpoint.stored.url:
        raise WeightsError(f"the weights of {checkpoint.network} are not there", where=str(checkpoint.place), remedy=checkpoint.how)
    download(Job(checkpoint.stored.url, checkpoint.partial, checkpoint.by_hand, pauses_s), Meter(checkpoint.stored.file))
    try:
        return _flushed(checkpoint, checkpoint.stored.url, checkpoint.how)
    except WeightsError as error:
        forget(checkpoint.partial)
        if again:
            raise
        events.say(f"{error.what}; once more from its start")
    return _downloaded(checkpoint, pauses_s, again=True)


def _copied(checkpoint: Published, given: Path) -> str:
    """Copy *given* to the unfinished file; its SHA-256."""
    forget(checkpoint.partial)
    try:
        copy = opening.to_read(given)
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror or error}", where=str(given), remedy="make it readable") from error
    try:
        with copy:
            require_room(os.fstat(copy.fileno()).st_size, checkpoint.partial.parent, f"a copy of {given.name}", WeightsError)
            with writing(checkpoint.partial, ROOM), checkpoint.partial.open("wb") as file:
                shutil.copyfileobj(copy, file, 1 << 20)
        return _flushed(checkpoint, str(given), "get it again from where you had it")
    except BaseException:
        forget(checkpoint.partial)
        raise


def _flushed(checkpoint: Published, where: str, remedy: str) -> str:
    """Verify the unfinished file and flush it to disk; its SHA-256."""
    sha = checkpoint.verify(checkpoint.partial, where, remedy)
    with writing(checkpoint.partial, ROOM), checkpoint.partial.open("rb") as file:
        os.fsync(file.fileno())
    return sha


def with_copies(wanted: Sequence[Published], given: Path | None) -> list[tuple[Published, Path | None]]:
    """Each checkpoint with the copy it is taken from, if *given* is a copy or a folder of copies.

    Raises:
        OptionError: *given* is not there, or could be the copy of several checkpoints.
    """
    if given is None:
        return [(checkpoint, None) for checkpoint in wanted]
    if not given.exists():
        raise OptionError(f"no such file or folder: {given}", where="--from", remedy="give the copy that was carried here")
    if given.is_dir():
        copies = [given / checkpoint.stored.file for checkpoint in wanted]
        return [(checkpoint, None if checkpoint.place.is_file() and not copy.is_file() else copy)
                for checkpoint, copy in zip(wanted, copies, strict=True)]
    fitting = wanted if len(wanted) == 1 else (
        [checkpoint for checkpoint in wanted if checkpoint.stored.file == given.name]
        or [checkpoint for checkpoint in wanted if given.name.startswith(checkpoint.network)])
    if len(fitting) != 1:
        raise OptionError(f"{given.name} could be any of {', '.join(checkpoint.stored.file for checkpoint in wanted)}", where="--from",
                          remedy="name its model, and give the file the name it was published with")
    return [(fitting[0], given)]
