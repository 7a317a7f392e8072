"""How often and when a download is tried, what is asked for, how much room it needs, and what is shown."""

from __future__ import annotations

import errno
import io
import json
import shutil
import socket
import ssl
import sys
import time
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from tools.deployment import download, fetch
from tools.deployment.download import Job, TransientError, Version
from tools.errors import WeightsError

URL = "https://weights.invalid/a.pth"


def job(folder: Path, **more: Any) -> Job:
    return Job(URL, folder / "a.pth", "by hand", **more)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made."""
    made: list[float] = []
    monkeypatch.setattr(time, "sleep", made.append)
    return made


def failing(monkeypatch: pytest.MonkeyPatch, *brings: int | None) -> list[int]:
    """Each try breaks after that many bytes more; None ends it well."""
    left, tries = list(brings), list[int]()

    def attempt(one: Job, progress: object) -> None:
        tries.append(len(tries) + 1)
        more = left.pop(0) if left else 0
        if more is None:
            return
        with one.partial.open("ab") as file:
            file.write(bytes(more))
        raise TransientError("it broke")

    monkeypatch.setattr(download, "_try", attempt)
    return tries


def ignore(*given: object) -> None:
    """Nobody watches."""


def test_pauses_grow_while_tries_bring_nothing(tmp_path: Path, slept: list[float], monkeypatch: pytest.MonkeyPatch,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    """They begin anew after one that brings something; the user reads why and how long."""
    failing(monkeypatch, 0, 0, 5, 0, 0, 0, None)
    download.download(job(tmp_path), ignore)

    assert [1.0, 2.0, 1.0, 1.0, 2.0, 4.0] == slept
    assert "it broke; trying again in 4 s" in capsys.readouterr().err


def test_tries_that_bring_nothing_come_to_an_end(tmp_path: Path, slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """After each of the pauses there is one; a file that lost what it had has brought nothing new either."""
    tries = failing(monkeypatch)
    with pytest.raises(WeightsError, match="it broke; 5 tries brought nothing new") as caught:
        download.download(job(tmp_path), ignore)
    assert ([1, 2, 3, 4, 5], [1.0, 2.0, 4.0, 8.0]) == (tries, slept)
    assert (URL, "try again later, what came is kept; by hand") == (caught.value.where, caught.value.remedy)

    def shrinks(one: Job, progress: object) -> None:
        one.partial.write_bytes(bytes(7))
        raise TransientError("it shrank")

    monkeypatch.setattr(download, "_try", shrinks)
    (tmp_path / "a.pth").write_bytes(bytes(8))
    with pytest.raises(WeightsError, match="it shrank; 3 tries brought nothing new"):
        download.download(job(tmp_path, pauses_s=(0.5, 0.25)), ignore)
    assert [0.5, 0.25] == slept[4:]


def test_without_pauses_it_is_tried_on_at_once_while_something_comes(tmp_path: Path, slept: list[float],
                                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, 1, 1, 0)
    with pytest.raises(WeightsError, match="1 tries brought nothing new"):
        download.download(job(tmp_path, pauses_s=()), ignore)
    assert [0.0, 0.0] == slept


@pytest.mark.parametrize(("url", "fits"), [("http://a/b", True), ("https://a/b/c?d", True), ("https://a", False), ("https:///b", False),
                                           ("ftp://a/b", False), ("https://a/b c", False), ("x https://a/b", False)])
def test_only_addresses_of_files_on_a_host_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, fits: bool) -> None:
    tries = failing(monkeypatch, None)
    one = Job(url, tmp_path / "a", "by hand")
    if fits:
        download.download(one, ignore)
        assert [1] == tries
        return
    with pytest.raises(WeightsError, match="not an address that can be fetched") as caught:
        download.download(one, ignore)
    assert (url, "by hand", []) == (caught.value.where, caught.value.remedy, tries)


class Opener:
    """Notes what is asked for, and answers with *answer* or raises it."""

    def __init__(self, answer: object) -> None:
        self.answer, self.asked, self.timeout = answer, dict[str, str](), 0.0

    def open(self, request: Any, timeout: float) -> object:
        self.asked, self.timeout = dict(request.header_items()), timeout
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def opened(monkeypatch: pytest.MonkeyPatch, folder: Path, answer: object, had: Version | None = None, offset: int = 0) -> Opener:
    opener = Opener(answer)
    monkeypatch.setattr(download, "build_opener", lambda: opener)
    download._open(job(folder, timeout_s=7.0), had, offset)
    return opener


@pytest.mark.parametrize(("had", "offset", "range", "if_range"), [
    (None, 0, None, None), (Version(URL, '"e"', "", 9), 0, None, None), (Version(URL, '"e"', "", 9), 5, "bytes=5-", '"e"'),
    (Version(URL, 'W/"e"', "", 9), 5, "bytes=5-", None), (Version(URL, "", "", 9), 5, "bytes=5-", None), (None, 5, None, None),
])
def test_the_rest_is_asked_for_where_something_is_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, had: Version | None, offset: int,
                                                        range: str | None, if_range: str | None) -> None:
    """With the mark of the version if it is a strong one; as it is, and in the time allowed."""
    opener = opened(monkeypatch, tmp_path, "an answer", had, offset)

    assert (range, if_range, 7.0) == (opener.asked.get("Range"), opener.asked.get("If-range"), opener.timeout)
    assert ("clipgate", "identity") == (opener.asked["User-agent"], opener.asked["Accept-encoding"])


@pytest.mark.parametrize(("code", "final", "hint"), [
    (400, True, ""), (403, True, ""), (404, True, "the file is gone from there: "), (410, True, "the file is gone from there: "),
    (408, False, ""), (425, False, ""), (429, False, ""), (499, True, ""), (500, False, ""), (503, False, ""),
])
def test_a_refusal_that_may_change_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, final: bool,
                                                  hint: str) -> None:
    error = HTTPError(URL, code, "Because", Message(), io.BytesIO())
    with pytest.raises(WeightsError if final else TransientError, match=f"the server answers {code} Because") as caught:
        opened(monkeypatch, tmp_path, error)
    if isinstance(caught.value, WeightsError):
        assert (URL, f"{hint}by hand") == (caught.value.where, caught.value.remedy)


def test_a_server_that_has_less_makes_it_begin_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("a.pth", "a.pth.json"):
        (tmp_path / name).write_bytes(b"half")
    with pytest.raises(TransientError, match="the server has less of the file than there is here; it is fetched from its start"):
        opened(monkeypatch, tmp_path, HTTPError(URL, 416, "Range", Message(), io.BytesIO()))
    assert [] == [*tmp_path.iterdir()]


@pytest.mark.parametrize(("reason", "final"), [
    (socket.gaierror(socket.EAI_NONAME, "unknown host"), True), (socket.gaierror(socket.EAI_AGAIN, "later"), False),
    (ssl.SSLCertVerificationError(1, "untrusted"), True), ("unknown url type", True),
    (ConnectionResetError(errno.ECONNRESET, "reset"), False),
    (OSError("Tunnel connection failed: 403 Forbidden"), True), (OSError("Tunnel connection failed: 502 Bad"), False),
    (TimeoutError("timed out"), False),
], ids=["no such host", "host unknown for now", "certificate", "scheme", "reset", "proxy refuses", "proxy fails", "silence"])
def test_what_no_other_try_can_mend_ends_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, reason: Any, final: bool) -> None:
    with pytest.raises(WeightsError if final else TransientError, match="cannot be fetched: " if final else "no answer: ") as caught:
        opened(monkeypatch, tmp_path, URLError(reason))
    if isinstance(caught.value, WeightsError):
        assert (URL, "is there a network, or a proxy to name in https_proxy? by hand") == (caught.value.where, caught.value.remedy)


@pytest.mark.parametrize(("reason", "words"), [(OSError(2, "No such file"), "No such file"), (OSError("only this"), "only this"),
                                               (TimeoutError(), "TimeoutError"), ("as it is", "as it is")])
def test_a_reason_is_told_in_its_own_words(reason: object, words: str) -> None:
    assert words == download._words(reason)


@pytest.mark.parametrize(("size", "offset", "fits"), [(3_000_000, 0, True), (3_000_001, 0, False), (3_000_001, 1, True), (None, 0, True)])
def test_what_is_to_come_must_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None, offset: int, fits: bool) -> None:
    """To the byte; where the server says no size nothing is known."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=3_000_000))
    if fits:
        return download._require_room(job(tmp_path), size, offset)
    with pytest.raises(WeightsError, match=r"what is to come needs 3.0 MB, 3.0 MB are free") as caught:
        download._require_room(job(tmp_path), size, offset)
    assert str(tmp_path) == caught.value.where
    assert "make room, or choose another disk with --artifacts DIR" == caught.value.remedy
    return None


def test_a_version_is_what_the_server_says_of_the_whole_file() -> None:
    """A part's own length is not that of the file."""
    def version(status: int, **headers: str) -> Version:
        return download._version(URL, SimpleNamespace(status=status, headers={n.replace("_", "-"): v for n, v in headers.items()}))  # type: ignore[arg-type]

    assert Version(URL, "e", "m", 9) == version(200, Content_Length="9", ETag="e", Last_Modified="m")
    assert Version(URL, "", "", None) == version(200)
    assert Version(URL, "", "", 99) == version(206, Content_Length="9", Content_Range="bytes 90-98/99")
    assert Version(URL, "", "", None) == version(206, Content_Length="9", Content_Range="bytes 90-98/*")


def test_only_a_part_of_the_same_address_that_can_be_one_is_gone_on_with(tmp_path: Path) -> None:
    """Up to its whole size; without a note that fits, nothing is there."""
    one, note = job(tmp_path), tmp_path / "a.pth.json"
    one.partial.write_bytes(bytes(5))
    kept = {"url": URL, "etag": "", "modified": "", "size": 5}
    for size, begun in ((5, 5), (6, 5), (4, 0), (None, 0)):
        note.write_text(json.dumps({**kept, "size": size}))
        assert begun == download._begun(one)[1]
        assert (begun > 0) == (download._begun(one)[0] is not None)
    for text in (json.dumps({**kept, "url": "https://b/c"}), "{", json.dumps({"url": URL})):
        note.write_text(text)
        assert (None, 0) == download._begun(one)
    note.unlink()
    assert (None, 0) == download._begun(one)


@pytest.mark.parametrize(("live", "times", "shown"), [
    (False, [0, 4.9, 5, 9, 10], ["a: 4.0 of 9.0 MB, 0.6 MB/s\n", "a: 6.0 of 9.0 MB, 0.5 MB/s\n", "a: 9.0 of 9.0 MB, 0.8 MB/s\n"]),
    (True, [0, 0.1, 0.2, 0.3, 0.4], ["\ra: 4.0 of 9.0 MB, 15.0 MB/s\x1b[K", "\ra: 6.0 of 9.0 MB, 12.5 MB/s\x1b[K",
                                     "\ra: 9.0 of 9.0 MB, 20.0 MB/s\x1b[K\n"]),
], ids=["nobody watches", "a terminal"])
def test_progress_is_shown_now_and_then_and_at_the_end(monkeypatch: pytest.MonkeyPatch, live: bool, times: list[float],
                                                       shown: list[str]) -> None:
    """On a terminal in one line; the rate is of what came since the first call."""
    written: list[str] = []
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: live, write=written.append, flush=lambda: None))
    clock = iter([0.0, *times, times[-1]])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    meter = fetch.Meter("a")
    for done in (1, 3, 4, 5, 6, 9):
        meter(done * 10**6, 9 * 10**6)

    assert "".join(shown) == "".join(written)


def test_progress_without_a_size_says_what_is_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 6.0, 6.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    fetch.Meter("a")(2 * 10**6, None)

    assert "a: 2.0 MB, 0.0 MB/s\n" == capsys.readouterr().err
