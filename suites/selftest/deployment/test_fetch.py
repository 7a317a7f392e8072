"""Fetching published weights: whatever the network does, a file is whole and verified, or not there."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from suites.selftest.deployment.moody_server import CONTENT, Moody
from tools.deployment import download
from tools.deployment.fetch import Meter, fetch
from tools.deployment.published import LOCK, Published
from tools.errors import WeightsError
from tools.spec.truth import PublishedWeights

SHA = hashlib.sha256(CONTENT).hexdigest()
HALF = "bytes=500002-"


def target(folder: Path, url: str, prefix: str = SHA[:8]) -> Published:
    return Published("net", "net", PublishedWeights("net-1.pth", url, prefix), folder / "weights")


def fetched(one: Published, tries: int = 5) -> str:
    return fetch(one, pauses_s=(0.01,) * (tries - 1))


def left(one: Published) -> list[str]:
    """What a fetch has left of its files, but for the locks."""
    return sorted(path.name for path in one.folder.rglob("*") if path.is_file() and path.suffix != ".lock")


def test_a_file_is_fetched_once(server: Moody, tmp_path: Path) -> None:
    """It arrives under its own name, its whole digest is recorded, and a second fetch asks for nothing."""
    one = target(tmp_path, server.url)

    assert f"fetched, sha256 {SHA}" == fetched(one)
    assert (CONTENT, f"{SHA}  net-1.pth\n") == (one.place.read_bytes(), (one.folder / LOCK).read_text())
    assert f"already here, sha256 {SHA}" == fetched(one)
    assert [("/weights/net-1.pth", "")] == server.asked
    assert ["net-1.pth", LOCK] == left(one)


@pytest.mark.parametrize(("moods", "asked"), [
    (["short", "whole"], ["", HALF]),
    (["reset", "whole"], ["", HALF]),
    (["short", "503", "short", "500", "429", "whole"], ["", HALF, HALF, "bytes=750003-", "bytes=750003-", "bytes=750003-"]),
    (["500", "503", "whole"], ["", "", ""]),
    (["slow"], [""]),
    (["cut"] * 30 + ["whole"], None),
])
def test_a_broken_download_is_taken_up_where_it_broke(server: Moody, tmp_path: Path, moods: list[str], asked: list[str] | None) -> None:
    """A connection that ends, is reset or refused for now is tried again, from the byte that is missing."""
    server.moods = moods

    assert f"fetched, sha256 {SHA}" == fetched(target(tmp_path, server.url), tries=3)
    assert asked in (None, [range for _, range in server.asked])


def test_without_range_or_end_nothing_is_endless(server: Moody, tmp_path: Path) -> None:
    """A server that always stops at one byte and knows no Range is given up after the tries: one sentence."""
    server.moods, server.ranges = ["short"], False
    with pytest.raises(WeightsError, match=r"the connection ended after 500002 of 1000004 bytes; 3 tries brought nothing new"):
        fetched(target(tmp_path, server.url), tries=3)

    assert 4 == len(server.asked)  # the first brought half of it


@pytest.mark.parametrize(("moods", "good"), [(["rotten", "whole"], True), (["rotten"], False)])
def test_a_corrupted_file_is_never_kept(server: Moody, tmp_path: Path, moods: list[str], good: bool) -> None:
    """The published prefix finds a wrong byte: once more from the start, then one sentence, nothing left."""
    server.moods = moods
    one = target(tmp_path, server.url)
    if good:
        assert f"fetched, sha256 {SHA}" == fetched(one)
        return
    with pytest.raises(WeightsError, match=f"does not begin with {SHA[:8]}"):
        fetched(one)
    assert [] == left(one)


@pytest.mark.parametrize("status", ["404", "403", "410", "401"])
def test_what_is_not_there_is_asked_for_once(server: Moody, tmp_path: Path, status: str) -> None:
    """No second try for a refusal: the error has the answer, the address, and what to place where by hand."""
    server.moods = [status]
    one = target(tmp_path, server.url)
    with pytest.raises(WeightsError, match=f"the server answers {status}") as caught:
        fetched(one)

    assert (1, server.url) == (len(server.asked), caught.value.where)
    for word in (f"download {server.url}", f"put it at {one.place}", "--from FILE"):
        assert word in str(caught.value.remedy)


def test_a_page_in_place_of_the_file_is_named(server: Moody, tmp_path: Path) -> None:
    """A proxy's page with status 200 is refused by what it begins with, and one without a digest just so."""
    server.content = b"<html>please log in</html>"
    for prefix in (SHA[:8], ""):
        with pytest.raises(WeightsError, match=r"it begins with b'<html>please log'"):
            fetched(target(tmp_path, server.url, prefix))


def test_a_silent_server_is_left(server: Moody, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A server that says nothing more for the time allowed counts as a broken connection."""
    server.moods = ["stall", "whole"]
    (tmp_path / "part").mkdir()
    download.download(download.Job(server.url, tmp_path / "part" / "x", "-", (0.01,), timeout_s=0.2), Meter("x"))

    assert (CONTENT, ["", HALF]) == ((tmp_path / "part" / "x").read_bytes(), [range for _, range in server.asked])
    assert "broke after 500002 of 1000004 bytes: timed out" in capsys.readouterr().err


def test_a_file_without_a_length_has_an_end(server: Moody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on past the limit is refused, once, and nothing of it is kept. Below it all is well."""
    server.length = False
    monkeypatch.setattr(download, "MOST_UNSAID", len(CONTENT))
    assert f"fetched, sha256 {SHA}" == fetched(target(tmp_path / "whole", server.url))

    one = target(tmp_path, server.url)
    monkeypatch.setattr(download, "MOST_UNSAID", len(CONTENT) - 1)
    with pytest.raises(WeightsError, match=r"does not say how long the file is, and gives more than 0\.0 GB") as caught:
        fetched(one)

    assert (2, server.url, []) == (len(server.asked), caught.value.where, left(one))
    assert f"put it at {one.place}" in str(caught.value.remedy)


def test_a_proxy_is_honoured(server: Moody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With http_proxy set the proxy is asked for the whole address; with no_proxy it is not."""
    monkeypatch.setenv("http_proxy", server.url.partition("/weights")[0])
    assert f"fetched, sha256 {SHA}" == fetched(target(tmp_path, "http://weights.invalid/a/net-1.pth"))
    assert [("http://weights.invalid/a/net-1.pth", "")] == server.asked

    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert f"fetched, sha256 {SHA}" == fetched(target(tmp_path / "other", server.url))


@pytest.mark.parametrize(("url", "words"), [
    ("http://127.0.0.1:9/net-1.pth", "no answer: Connection refused; 2 tries brought nothing new"),
    ("http://weights.invalid/net-1.pth", "weights.invalid|no answer|cannot be fetched"),
    ("file:///etc/hostname", "not an address that can be fetched"), ("ftp://127.0.0.1/net-1.pth", "not an address"),
])
def test_where_nothing_can_be_fetched_the_way_by_hand_is_told(server: Moody, tmp_path: Path, url: str, words: str) -> None:
    """Without a network the error says which file to place where."""
    one = target(tmp_path, url)
    with pytest.raises(WeightsError, match=words) as caught:
        fetched(one, tries=2)

    assert f"or put it at {one.place}" in str(caught.value.remedy)


def test_a_copy_that_does_not_fit_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it needs is known: the size of the file that it is taken from."""
    one = target(tmp_path, "")
    (tmp_path / "given.pth").write_bytes(CONTENT)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(WeightsError, match=r"a copy of given.pth needs 1\.0 MB, 0\.0 MB are free") as caught:
        fetch(one, tmp_path / "given.pth")
    assert (str(one.partial.parent), []) == (caught.value.where, left(one))
    monkeypatch.undo()
    assert fetch(one, tmp_path / "given.pth").startswith("copied")


def test_a_full_disk_is_one_sentence(server: Moody, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too little room is said before anything is written; a disk that fills up meanwhile, when it does."""
    one = target(tmp_path, server.url)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(WeightsError, match=r"what is to come needs 1\.0 MB, 0\.0 MB are free"):
        fetched(one)
    monkeypatch.undo()

    one.partial.parent.mkdir(parents=True, exist_ok=True)
    one.partial.symlink_to("/dev/full")
    with pytest.raises(WeightsError, match="cannot write the file: No space left on device"):
        fetched(one)
    assert not one.place.exists()


def test_two_fetches_at_once_are_one(server: Moody, tmp_path: Path) -> None:
    """The second waits for the first and finds the file."""
    server.moods = ["slow"]
    one = target(tmp_path, server.url)
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(fetched(one))) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.01)
    for thread in threads:
        thread.join()

    assert [f"already here, sha256 {SHA}"] * 2 + [f"fetched, sha256 {SHA}"] == sorted(said)
    assert 1 == len(server.asked)
