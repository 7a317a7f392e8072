"""What an archive of entries may not hold: nothing of it gets into the store, nor anywhere else."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.machine.test_declared import bounded
from suites.selftest.storage.test_store import HOSTED, KEY, command, left, write, write_graph
from tools.errors import StoreError
from tools.storage.archive import CONTENTS, contents_text, read_contents, read_packed
from tools.storage.entries import folder_of
from tools.storage.packing import choose, pack
from tools.storage.store import Store
from tools.storage.unpacking import unpack

Members = Mapping[str, bytes | tarfile.TarInfo]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An empty store's folder."""
    return tmp_path / "there" / "store"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a host and its hosted entry."""
    store = Store(tmp_path / "here" / "store")
    store.build(KEY, write("a"))
    store.build(HOSTED, write_graph)
    return store


@pytest.fixture
def members(store: Store, tmp_path: Path) -> dict[str, bytes]:
    """The members of a good archive of that store."""
    pack(store.root, choose(store.root, None, []), tmp_path / "good.tar", print)
    with tarfile.open(tmp_path / "good.tar") as tar:
        return {member.name: content.read() for member in tar if (content := tar.extractfile(member))}


def write_members(file: Path, members: Members) -> None:
    with tarfile.open(file, "w") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def craft(file: Path, files: Mapping[str, str], path: str = f"{KEY}/entry.json") -> None:
    """An archive of one entry whose manifest lists *files*."""
    text = manifest(KEY.kind, KEY.name, files)
    write_members(file, {**contents({path: text}), path: text,
                         **{member: text.encode() for name, text in files.items()
                            if (member := f"{path.rpartition('/')[0]}/{name}") != path}})


def manifest(kind: str, name: str, files: Mapping[str, str]) -> bytes:
    listed = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    return json.dumps({"kind": kind, "name": name, "shaped_by": {}, "files": listed, "facts": {}}).encode()


def contents(manifests: Mapping[str, bytes]) -> dict[str, bytes]:
    return {CONTENTS: contents_text({path: hashlib.sha256(text).hexdigest() for path, text in manifests.items()})}


@pytest.mark.parametrize(("make", "words"), [
    (lambda file: None, "cannot read the archive: No such file"),
    (lambda file: file.mkdir(), "cannot read the archive: Is a directory"),
    (lambda file: file.write_bytes(b""), "not an archive of store entries"),
    (lambda file: file.write_text("# notes\n" * 200), "not an archive of store entries"),
    (lambda file: file.write_bytes(gzip.compress(b"x" * 2000)), "not an archive of store entries"),
], ids=["none", "folder", "empty", "text", "gzip"])
def test_what_is_no_archive_is_refused(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    """A file of another kind, or none, is one sentence with place and remedy."""
    make(tmp_path / "x.tar")
    done = command(tmp_path, "import", str(tmp_path / "x.tar"))
    assert (1, "") == (done.returncode, done.stdout)
    first, where, remedy = done.stderr.splitlines()
    assert words in first
    assert (str(tmp_path / "x.tar"), "remedy") == (where.split()[1], remedy.split()[0])


@pytest.mark.parametrize("name", ["../../../evil", "/tmp/evil", "a/../../evil", "./evil", "evil/", "", ".", "entry.json",
                                  "bs4-0123456789abcdef.json", "a\0b"])
def test_no_file_leaves_its_entry(tmp_path: Path, root: Path, name: str) -> None:
    """A manifest that lists a path out of its folder, or another manifest, is refused before any write."""
    craft(tmp_path / "x.tar", {"head.bin": "a", name: "evil"})
    with pytest.raises(StoreError, match="which cannot be a file of an entry"):
        unpack(root, tmp_path / "x.tar", print)
    assert ([], False) == (left(root), (tmp_path / "evil").exists())


@pytest.mark.parametrize(("path", "words"), [
    ("../weights/tsm-0123456789abcdef/entry.json", "is not the manifest of an entry"), ("/etc/entry.json", "is not the manifest"),
    (".partial/tsm-0123456789abcdef/entry.json", "is not the manifest"), ("weights/tsm/entry.json", "is not the manifest"),
    ("weights/tsm-0123456789abcdef/entry.json", "is the manifest of another entry"),
    (f"{KEY}/bs4-0123456789abcdef.json", "is the manifest of another entry"),
    (f"{KEY}/tsm-mini-0123456789abcdef.json", "comes without"),
])
def test_no_entry_leaves_the_store(tmp_path: Path, root: Path, path: str, words: str) -> None:
    """Manifests outside the store, under another entry's name, or beside no host are refused."""
    craft(tmp_path / "x.tar", {"head.bin": "a"}, path)
    with pytest.raises(StoreError, match=words):
        unpack(root, tmp_path / "x.tar", print)
    assert [] == left(root)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE],
                         ids=["symbolic link", "hard link", "folder", "pipe"])
def test_only_files_come_in(tmp_path: Path, root: Path, members: dict[str, bytes], kind: bytes) -> None:
    """What is no regular file is refused where a listed file belongs."""
    link = tarfile.TarInfo(f"{KEY}/head.bin")
    link.type, link.linkname = kind, "/etc/passwd"
    write_members(tmp_path / "x.tar", {**members, f"{KEY}/head.bin": link})
    with pytest.raises(StoreError, match=f"where the file {KEY}/head.bin belongs"):
        unpack(root, tmp_path / "x.tar", print)
    assert [] == left(root)


def test_a_file_that_nothing_lists_is_refused(tmp_path: Path, root: Path, members: dict[str, bytes]) -> None:
    """A member that no manifest lists is an error wherever it stands."""
    write_members(tmp_path / "first.tar", {CONTENTS: members[CONTENTS], "stray": b"", **members})
    write_members(tmp_path / "last.tar", {**members, "stray": b""})
    for name, words in (("first", "it has 'stray' where"), ("last", "something follows its last entry")):
        with pytest.raises(StoreError, match=words):
            unpack(root, tmp_path / f"{name}.tar", print)
    assert "stray" not in str(left(root.parent))


def test_a_hosted_entry_takes_no_file_of_another(tmp_path: Path, store: Store, members: dict[str, bytes]) -> None:
    """A hosted entry that lists its host's files cannot replace them."""
    intruder = replace(HOSTED, shaped_by=(("batch", "8"),))
    path = f"{KEY}/{intruder.name}-{intruder.digest[:16]}.json"
    text = manifest("onnx", intruder.name, {"new.bin": "evil", "head.bin": "evil"})
    host = {name: members[name] for name in (f"{KEY}/entry.json", f"{KEY}/head.bin", f"{KEY}/inner/list.txt")}
    write_members(tmp_path / "x.tar", {**contents({f"{KEY}/entry.json": host[f"{KEY}/entry.json"], path: text}), **host, path: text})
    with pytest.raises(StoreError, match="lists files of another entry"):
        unpack(store.root, tmp_path / "x.tar", print)
    assert "a" == (folder_of(store.root, KEY) / "head.bin").read_text()


@pytest.mark.parametrize("checksum", ["", "5d", "5d" * 31 + "5g", "5d" * 33, 5, None])
def test_what_is_no_checksum_is_refused(checksum: object) -> None:
    """Of a manifest or of a file: no content has such a one, and the archive would seem damaged for ever."""
    path, archive = f"{KEY}/entry.json", Path("x.tar")
    listed = json.loads(manifest(KEY.kind, KEY.name, {"head.bin": "a"}))
    assert path == read_packed(path, json.dumps(listed).encode(), archive).path
    assert {path: "5d" * 32} == read_contents(contents_text({path: "5d" * 32}), archive)

    listed["files"]["head.bin"] = checksum
    for read in (lambda: read_packed(path, json.dumps(listed).encode(), archive),
                 lambda: read_contents(contents_text({path: checksum}), archive)):  # type: ignore[dict-item]
        with pytest.raises(StoreError, match="not an archive of store entries"):
            read()


def test_another_format_is_named(tmp_path: Path, root: Path) -> None:
    """An archive of a later format is refused with both numbers."""
    write_members(tmp_path / "x.tar", {CONTENTS: contents_text({}).replace(b": 1", b": 2")})
    with pytest.raises(StoreError, match="format 2, not 1"):
        unpack(root, tmp_path / "x.tar", print)


def head(type: bytes, size: int, content: bytes = b"") -> bytes:
    """The header of a member of that *type* that says it has *size* bytes, and its real *content*."""
    member = tarfile.TarInfo("clipgate-entries.json")
    member.type, member.size = type, size
    return member.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


SPARSE = head(tarfile.XHDTYPE, 58, b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n14 nothing=ab\n") \
    + head(tarfile.REGTYPE, 512, b"x" * 512)


@pytest.mark.parametrize(("start", "words"), [
    *((head(type, size), "a header claims to have") for type in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
      for size in (10 * 2**30, 2**62, -512)),
    (SPARSE, "it is no plain tar"), (head(tarfile.XHDTYPE, 0) * 2000, "it is nested too deep"),
    (head(tarfile.REGTYPE, 2**40), "has 1099511627776 bytes"), (head(tarfile.REGTYPE, -512), "cannot be read"),
], ids=[*(f"{kind} of {size}" for kind in ("pax", "global", "name") for size in ("gigabytes", "exabytes", "less than nothing")),
        "sparse", "2000 headers", "terabyte", "negative"])
def test_headers_that_make_no_sense_are_refused(tmp_path: Path, root: Path, start: bytes, words: str) -> None:
    """Of a kilobyte each, they claim exabytes, less than nothing, or have other headers without an end."""
    (tmp_path / "x.tar").write_bytes(start + bytes(10240))
    said = bounded(lambda: unpack(root, tmp_path / "x.tar", print))
    assert said.startswith("not an archive of store entries")
    assert words in said
    assert [] == left(root)


def test_headers_after_the_first_are_refused_too(tmp_path: Path, root: Path, members: dict[str, bytes]) -> None:
    """Where the contents were good."""
    write_members(tmp_path / "x.tar", {CONTENTS: members[CONTENTS]})
    good = (tmp_path / "x.tar").read_bytes().rstrip(b"\0")
    good += bytes(-len(good) % 512)
    for after in (head(tarfile.XHDTYPE, 10 * 2**30), head(tarfile.XHDTYPE, -512), SPARSE, head(tarfile.XHDTYPE, 0) * 2000):
        (tmp_path / "x.tar").write_bytes(good + after + bytes(10240))
        assert bounded(lambda: unpack(root, tmp_path / "x.tar", print)).startswith("the archive is damaged: a header c")
