"""Weights carried by hand, the lock beside them, the command: the same checks, whichever way a file came."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS, ran
from suites.selftest.deployment.moody_server import Moody, serving
from suites.selftest.deployment.test_fetch import left
from tools.deployment.fetch import fetch, with_copies
from tools.deployment.published import LOCK, Published, published, read_lock
from tools.deployment.weights import given
from tools.errors import OptionError, WeightsError
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS, Settings
from tools.spec.truth import PublishedWeights
from tools.storage.context import Context

ONE, OTHER = b"PK\x03\x04one", b"\x80\x02other"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def target(folder: Path, content: bytes | None = ONE) -> Published:
    """A checkpoint without an address; without a digest too where no *content* is published."""
    return Published("net", "net", PublishedWeights("net-1.pth", "", sha(content)[:8] if content else ""), folder / "weights")


def file(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_copy_is_verified_copied_and_recorded(tmp_path: Path) -> None:
    """--from takes a file of any name to its place, leaves it where it was, and records its digest."""
    one, given = target(tmp_path), file(tmp_path / "usb" / "a copy.bin", ONE)

    assert f"copied, sha256 {sha(ONE)}" == fetch(one, given)
    assert f"already here, sha256 {sha(ONE)}" == fetch(one, given)
    assert (ONE, ONE, {"net-1.pth": sha(ONE)}) == (one.place.read_bytes(), given.read_bytes(), read_lock(one.folder))
    assert ["net-1.pth", LOCK] == left(one)


@pytest.mark.parametrize(("published", "content", "words"), [
    (ONE, OTHER, f"does not begin with {sha(ONE)[:8]}, but with {sha(OTHER)[:8]}"), (ONE, b"", "it is empty"),
    (None, b"<html>", "not a torch checkpoint .it begins with b'<html>'"), (None, b"", "not a torch checkpoint .it is empty"),
])
def test_a_wrong_copy_is_refused_and_nothing_left(tmp_path: Path, published: bytes | None, content: bytes, words: str) -> None:
    """Another file than was published, or none that torch saved, is named, not placed and not recorded."""
    one, given = target(tmp_path, published), file(tmp_path / "copy", content)
    with pytest.raises(WeightsError, match=words) as caught:
        fetch(one, given)

    assert (str(given), []) == (caught.value.where, left(one))


def test_a_file_without_a_home_is_asked_for(tmp_path: Path) -> None:
    """Neither address nor copy: the error names the file, its place and the command that takes it."""
    one = target(tmp_path, None)
    with pytest.raises(WeightsError, match="not there") as caught:
        fetch(one)

    assert str(one.place) == caught.value.where
    for word in ("ask its authors for net-1.pth", "python -m tools.fetch weights net --from FILE"):
        assert word in str(caught.value.remedy)


def test_the_lock_holds_a_file_without_a_digest_to_its_first_fetch(tmp_path: Path) -> None:
    """What came first counts: another one is refused until the first one's line goes.

    It is refused where it lies, as a copy, and after the first was removed.
    """
    one = target(tmp_path, None)
    given, other = file(tmp_path / "first", ONE), file(tmp_path / "second", OTHER)
    fetch(one, given)
    with pytest.raises(WeightsError, match=f"when it was first fetched it was {sha(ONE)[:16]}"):
        fetch(one, other)
    assert ONE == one.place.read_bytes()

    file(one.place, OTHER)
    with pytest.raises(WeightsError, match=f"begins with {sha(OTHER)[:16]}"):
        fetch(one)
    one.place.unlink()
    with pytest.raises(WeightsError, match="when it was first fetched") as caught:
        fetch(one, other)
    assert f"take its line out of {one.folder / LOCK}" in str(caught.value.remedy)
    assert [LOCK] == left(one)

    (one.folder / LOCK).write_text("")
    assert f"copied, sha256 {sha(OTHER)}" == fetch(one, other)


def test_a_file_put_there_by_hand_is_recorded(tmp_path: Path) -> None:
    """A fetch finds, verifies and records it; a copy of another one does not become the recorded one."""
    one = target(tmp_path, None)
    file(one.place, ONE)
    with pytest.raises(WeightsError, match="when it was first fetched"):
        fetch(one, file(tmp_path / "copy", OTHER))

    assert {"net-1.pth": sha(ONE)} == read_lock(one.folder)


def test_the_lock_is_one_of_sha256sum(tmp_path: Path) -> None:
    """Each file has a line, lines are sorted, sha256sum checks them; a bad line is named by its number."""
    one = target(tmp_path)
    file(one.folder / LOCK, f"{sha(OTHER)} *zoo.pth\n{sha(OTHER)}  a b.pth\n".encode())
    file(one.folder / "zoo.pth", OTHER)
    file(one.folder / "a b.pth", OTHER)
    fetch(one, file(tmp_path / "copy", ONE))

    assert ["a b.pth", "net-1.pth", "zoo.pth"] == list(read_lock(one.folder))
    if shutil.which("sha256sum"):
        done = subprocess.run(["sha256sum", "-c", LOCK], cwd=one.folder, capture_output=True, check=False)
        assert 0 == done.returncode, done.stderr
    file(one.folder / LOCK, b"\nnot a line\n")
    with pytest.raises(WeightsError) as caught:
        fetch(one)
    assert f"{one.folder / LOCK}:1" == caught.value.where


def test_runs_hold_weights_to_the_lock_and_never_write_it(tmp_path: Path) -> None:
    """Each use verifies a published checkpoint by prefix and lock; using a checkpoint records nothing."""
    context = Context(Settings.parse({"weights": "published", "artifacts": str(tmp_path)}), load_spec(MODELS, "r2plus1d"))
    [one] = published(MODELS, tmp_path, context.spec)
    file(one.place, ONE)
    assert [one.place] == given(context, "published")
    assert {} == read_lock(one.folder)

    fetch(one)
    file(one.place, OTHER)
    with pytest.raises(WeightsError, match="when it was first fetched"):
        given(context, "published")


def test_a_copy_goes_to_the_model_it_is_named_for(tmp_path: Path) -> None:
    """A file belongs to the only model named, or to the model whose published name or network's it has.

    A folder gives each model its own.
    """
    bsn, tsm = (published(MODELS, tmp_path, load_spec(MODELS, name)) for name in ("bsn", "tsm"))
    pem, folder = file(tmp_path / "usb" / "pem_best.pth.tar", ONE), tmp_path / "usb"

    assert [(bsn[1], pem)] == with_copies([*tsm, *bsn], pem)
    assert [(bsn[0], file(folder / "tem-9.pth", ONE))] == with_copies(bsn, folder / "tem-9.pth")
    assert [(tsm[0], pem)] == with_copies(tsm, pem)
    assert [(one, folder / one.stored.file) for one in bsn] == with_copies(bsn, folder)
    file(bsn[0].place, ONE)
    assert [(bsn[0], None), (bsn[1], pem)] == with_copies(bsn, folder)
    with pytest.raises(OptionError, match=r"copy\.pth could be any of tem_best\.pth\.tar, pem_best\.pth\.tar"):
        with_copies(bsn, file(folder / "copy.pth", ONE))
    with pytest.raises(OptionError, match="no such file or folder"):
        with_copies(tsm, folder / "gone.pth")


def models(folder: Path, url: str) -> Path:
    """Two models: `tiny` published at *url*, `lost` without an address."""
    folder.mkdir()
    for name, address, digest in (("tiny", url, sha(ONE)[:8]), ("lost", "", "")):
        text = (TINY_MODELS / "tiny.py").read_text().replace('name="tiny"', f'name="{name}"')
        (folder / f"{name}.py").write_text(text)
        table = f'\n[weights]\nfile = "{name}.pth"\nurl = "{address}"\nsha256_prefix = "{digest}"\n'
        (folder / f"{name}.toml").write_text((TINY_MODELS / "tiny.toml").read_text() + table)
    return folder


def test_the_command_fetches_all_that_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without names every model's; one that cannot be had is told, ends in 1, and stops no other."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(Moody(ONE)) as server:
        options = ("--artifacts", str(tmp_path), "--models", str(models(tmp_path / "models", server.url)))
        done = ran("fetch", "weights", *options)

        assert 1 == done.returncode, done.stderr
        assert f"tiny: {tmp_path / 'weights' / 'tiny.pth'}: fetched, sha256 {sha(ONE)}\n" == done.stdout
        assert "lost: the weights of lost are not there" in done.stderr
        assert "Traceback" not in done.stderr
        lost = file(tmp_path / "lost.pth", OTHER)
        done = ran("fetch", "weights", "lost", "--from", str(lost), *options)
        assert (0, f"lost: {tmp_path / 'weights' / 'lost.pth'}: copied, sha256 {sha(OTHER)}\n") == (done.returncode, done.stdout)
        done = ran("fetch", "weights", *options)
        assert (0, 2) == (done.returncode, done.stdout.count("already here"))
        assert 1 == len(server.asked)
    done = ran("fetch", "weights", "tsn", *options)
    assert (2, "choose one of: lost, tiny") == (done.returncode, done.stderr.strip().rpartition("remedy  ")[2])


def test_an_artifacts_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file where the folder should be is one error, not a traceback."""
    file(tmp_path / "artifacts", b"in the way")
    done = ran("fetch", "weights", "r2plus1d", "--from", str(file(tmp_path / "x.pth", ONE)), "--artifacts", str(tmp_path / "artifacts"))

    assert 1 == done.returncode
    assert "Traceback" not in done.stderr
    assert "--artifacts DIR" in done.stderr
