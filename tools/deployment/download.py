"""Downloads a file over HTTP: goes on where a download broke off, and tries again where that can help.

It uses urllib. pooch 1.9 and torch.hub start a broken download from nothing. huggingface_hub 2.4 goes on, but
gives up at a reset connection or a 503. If the file changed on the server it joins halves of two files, since
it sends no If-Range.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError, URLError
from urllib.request import Request, build_opener

from tools.errors import WeightsError
from tools.machine import events
from tools.machine.files import require_room
from tools.machine.reading import is_whole, load_json, refusing

TIMEOUT_S = 30.0  # to an answer, and between two pieces of it
PAUSES_S = (1.0, 2.0, 4.0, 8.0)  # before the next try, while tries bring nothing new
CHUNK = 1 << 18
MOST_UNSAID = 4 << 30  # bytes of a file whose length the server does not say; checkpoints have a tenth of it
TRANSIENT = {408, 425, 429}  # answers that may change, with every 5xx
GONE = {404, 410}
ROOM = "make room, or make the folder writable"
Progress = Callable[[int, int | None], None]


class TransientError(Exception):
    """A try failed, and another one may not."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a server says of a file, *size* in bytes; kept to tell whether the file has changed there."""

    url: str
    etag: str
    modified: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """A file to fetch: its address, the unfinished file it goes into, and how to get it by hand."""

    url: str
    partial: Path
    by_hand: str
    pauses_s: tuple[float, ...] = PAUSES_S
    timeout_s: float = TIMEOUT_S


def download(job: Job, progress: Progress) -> None:
    """Fetch a whole file into `job.partial`; it starts after what an earlier, failed download left there.

    Honours http_proxy, https_proxy and no_proxy.

    Raises:
        WeightsError: the server does not have the file, cannot be reached, or gives no length and no end; or
            the disk is full.
    """
    if not re.match(r"https?://[^/\s]+/\S+$", job.url):
        raise WeightsError("not an address that can be fetched", where=job.url, remedy=job.by_hand)
    most, idle = _size(job.partial), 0
    while True:
        try:
            _try(job, progress)
            return
        except TransientError as broken:
            idle = 0 if _size(job.partial) > most else idle + 1
            most = max(most, _size(job.partial))
            if idle > len(job.pauses_s):
                raise WeightsError(f"{broken}; {idle} tries brought nothing new", where=job.url,
                                   remedy=f"try again later, what came is kept; {job.by_hand}") from broken
            pause = job.pauses_s[max(idle - 1, 0)] if job.pauses_s else 0.0
            events.say(f"{broken}; trying again in {pause:g} s")
            time.sleep(pause)


def forget(partial: Path) -> None:
    """Remove an unfinished file and its version."""
    for path in (partial, _note(partial)):
        path.unlink(missing_ok=True)


@contextmanager
def writing(path: Path, remedy: str) -> Iterator[None]:
    """Turn an OSError, such as a full disk or a folder of another user, into a WeightsError."""
    try:
        yield
    except OSError as error:
        raise WeightsError(f"cannot write the file: {error.strerror or error}", where=str(path), remedy=remedy) from error


def _try(job: Job, progress: Progress) -> None:
    """One connection, which brings the rest of the unfinished file or all of it."""
    had, offset = _begun(job)
    if had is not None and had.size == offset:
        return
    with closing(_open(job, had, offset)) as response:
        version = _version(job.url, response)
        in_place = (response.headers.get("Content-Range") or "").startswith(f"bytes {offset}-")
        if response.status == 206 and not (in_place and had == version):
            forget(job.partial)
            raise TransientError("the server has another file than before, which is fetched from its start")
        if response.status == 200:  # the whole file: nothing was there, or the server does not know Range
            offset = 0
        _require_room(job, version.size, offset)
        with writing(job.partial, ROOM), job.partial.open("ab" if offset else "wb", buffering=0) as file:
            _note(job.partial).write_text(json.dumps(asdict(version)))
            _receive(job, response, file, (offset, version.size), progress)


def _open(job: Job, had: Version | None, offset: int) -> HTTPResponse:
    headers = {"User-Agent": "clipgate", "Accept-Encoding": "identity"}
    if offset and had is not None:
        headers["Range"] = f"bytes={offset}-"
        if had.etag and not had.etag.startswith("W/"):
            headers["If-Range"] = had.etag
    try:
        response: HTTPResponse = build_opener().open(Request(job.url, headers=headers), timeout=job.timeout_s)  # noqa: S310 - http only
    except HTTPError as error:
        with closing(error):
            _refused(job, error)
    except (OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if _final(reason):
            raise WeightsError(f"cannot be fetched: {_words(reason)}", where=job.url,
                               remedy=f"is there a network, or a proxy to name in https_proxy? {job.by_hand}") from error
        raise TransientError(f"no answer: {_words(reason)}") from error
    return response


def _refused(job: Job, error: HTTPError) -> None:
    """Raise a TransientError if another try may get the file, else a WeightsError."""
    if error.code == 416:
        forget(job.partial)
        raise TransientError("the server has less of the file than there is here; it is fetched from its start") from error
    said = f"the server answers {error.code} {error.reason}".rstrip()
    if error.code in TRANSIENT or error.code >= 500:
        raise TransientError(said) from error
    hint = "the file is gone from there: " if error.code in GONE else ""
    raise WeightsError(said, where=job.url, remedy=f"{hint}{job.by_hand}") from error


def _final(reason: object) -> bool:
    """Whether no other try can help: an unknown host, an untrusted certificate, a proxy that refuses."""
    if isinstance(reason, socket.gaierror):
        return reason.errno != socket.EAI_AGAIN
    return isinstance(reason, str | ssl.SSLCertVerificationError) or re.match(r"Tunnel connection failed: 4\d\d", str(reason)) is not None


def _words(reason: object) -> str:
    return (reason.strerror if isinstance(reason, OSError) else None) or str(reason) or type(reason).__name__


def _receive(job: Job, response: HTTPResponse, file: BinaryIO, span: tuple[int, int | None], progress: Progress) -> None:
    """Write what comes, from the byte to the size in *span* where the server says the size."""
    done, size = span
    while True:
        try:
            chunk = response.read1(CHUNK)
        except (OSError, HTTPException) as error:
            raise TransientError(f"the connection broke after {done} of {size or '?'} bytes: {_words(error)}") from error
        if not chunk:
            break
        if size is None and done + len(chunk) > MOST_UNSAID:
            forget(job.partial)
            raise WeightsError(f"the server does not say how long the file is, and gives more than {MOST_UNSAID / 1e9:.1f} GB",
                               where=job.url, remedy=job.by_hand)
        rest = memoryview(chunk)
        while rest:
            rest = rest[file.write(rest):]
        done += len(chunk)
        progress(done, size)
    if size is not None and done != size:
        raise TransientError(f"the connection ended after {done} of {size} bytes")


def _require_room(job: Job, size: int | None, offset: int) -> None:
    if size is not None:
        require_room(size - offset, job.partial.parent, "what is to come", WeightsError)


def _version(url: str, response: HTTPResponse) -> Version:
    length = response.headers.get("Content-Length", "")
    if response.status == 206:
        length = (response.headers.get("Content-Range") or "").rpartition("/")[2]
    etag, modified = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return Version(url, etag, modified, int(length) if is_whole(length) else None)


def _begun(job: Job) -> tuple[Version | None, int]:
    """The version and the bytes of the unfinished file; None and 0 if they do not fit together or the job."""
    with suppress(WeightsError), refusing(WeightsError, "the note cannot be read", str(_note(job.partial))):
        had = Version(**load_json(_note(job.partial), WeightsError))
        if had.url == job.url and _size(job.partial) <= (had.size or 0):
            return had, _size(job.partial)
    return None, 0


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _note(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")
