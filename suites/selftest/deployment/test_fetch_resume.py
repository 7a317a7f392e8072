"""A resumed download: it builds on what is there if that is of the same file, and on nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from suites.selftest.deployment.moody_server import CONTENT, Moody
from suites.selftest.deployment.test_fetch import HALF, SHA, fetched, left, target
from tools.errors import WeightsError

OTHER, LATER = "bytes=500004-", "bytes=500008-"  # half of the file there was before, which is 4 or 12 bytes longer


def test_a_later_fetch_goes_on_from_an_earlier_one(server: Moody, tmp_path: Path) -> None:
    """The next fetch starts where one gave up; until the end nothing lies under the file's own name."""
    server.moods = ["short", "500"]
    one = target(tmp_path, server.url)
    with pytest.raises(WeightsError, match="500"):
        fetched(one, tries=2)

    assert ["net-1.pth", "net-1.pth.json"] == left(one)
    assert not one.place.exists()
    server.moods = ["whole"]
    assert f"fetched, sha256 {SHA}" == fetched(one)
    assert HALF == server.asked[-1][1]


@pytest.mark.parametrize("etag", ["", None, 'W/"weak"'])
def test_a_server_without_range_gives_it_all_again(server: Moody, tmp_path: Path, etag: str | None) -> None:
    """Where a server answers a part with the whole file, the part that was there is not kept before it."""
    server.moods, server.ranges, server.etag = ["short", "whole"], False, etag

    assert f"fetched, sha256 {SHA}" == fetched(target(tmp_path, server.url))


@pytest.mark.parametrize(("etag", "asked", "said"), [("", ["", OTHER, OTHER], False), (None, ["", LATER, LATER, ""], True)])
def test_a_file_that_changed_meanwhile_is_fetched_anew(
        server: Moody, tmp_path: Path, capsys: pytest.CaptureFixture[str], etag: str | None, asked: list[str], said: bool) -> None:
    """Halves of two files never become one: with If-Range the server tells, else its new length does."""
    new = CONTENT
    server.content, server.moods, server.etag = b"PK\x03\x04" + bytes(len(CONTENT) + (0 if etag == "" else 8)), ["short", "500"], etag
    one = target(tmp_path, server.url)
    with pytest.raises(WeightsError):
        fetched(one, tries=1)
    server.content, server.moods = new, ["whole"]

    assert f"fetched, sha256 {SHA}" == fetched(one)
    assert (asked, said) == ([range for _, range in server.asked], "the server has another file than before" in capsys.readouterr().err)


@pytest.mark.parametrize(("there", "url", "asked"), [
    (CONTENT, "", []), (CONTENT[:-4], "", ["bytes=1000000-"]), (CONTENT[:-4], "http://elsewhere/x", [""]),
    (CONTENT + b"more", "", [""]), (bytes(1_000_000), "", ["bytes=1000000-", ""]),
], ids=["whole", "begun", "begun elsewhere", "longer", "another file"])
def test_only_what_was_begun_of_that_file_is_taken_up(server: Moody, tmp_path: Path, there: bytes, url: str, asked: list[str]) -> None:
    """If all is there, nothing is requested.

    It does not build on another address's part, on more than there can be, or on a wrong part.
    """
    one = target(tmp_path, server.url)
    one.partial.parent.mkdir(parents=True)
    one.partial.write_bytes(there)
    note = {"url": url or server.url, "etag": server.tag(), "modified": "", "size": len(CONTENT)}
    one.partial.with_name("net-1.pth.json").write_text(json.dumps(note))

    assert f"fetched, sha256 {SHA}" == fetched(one)
    assert asked == [range for _, range in server.asked]


def test_a_file_that_became_shorter_is_fetched_anew(server: Moody, tmp_path: Path) -> None:
    """A server that has less than was fetched (416) is asked from the start."""
    server.content, server.moods, server.etag = bytes(3 * len(CONTENT)), ["short", "500"], None
    one = target(tmp_path, server.url)
    with pytest.raises(WeightsError):
        fetched(one, tries=1)
    server.content, server.moods = CONTENT, ["whole"]

    assert f"fetched, sha256 {SHA}" == fetched(one)
    assert ["bytes=1500006-", ""] == [range for _, range in server.asked][-2:]


def test_a_half_of_another_file_of_that_length_is_found_by_the_digest(server: Moody, tmp_path: Path) -> None:
    """Without an ETag a file of the same length looks the same; its digest fails, and it starts over."""
    server.content, server.moods, server.etag = bytes(len(CONTENT)), ["short", "500"], None
    one = target(tmp_path, server.url)
    with pytest.raises(WeightsError):
        fetched(one, tries=1)
    server.content, server.moods = CONTENT, ["whole"]

    assert f"fetched, sha256 {SHA}" == fetched(one)
    assert ["", HALF, HALF, ""] == [range for _, range in server.asked]
