"""A disk that is full, a real one of half a megabyte: one error with its folder, and no half entry."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.storage.test_killed import strays
from suites.selftest.storage.test_shards import TOTAL, items, same
from suites.selftest.storage.test_store import HOSTED, KEY, OTHER, command, write, write_graph
from tools.errors import StoreError
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage.context import Context
from tools.storage.entries import Facts
from tools.storage.packing import choose, pack
from tools.storage.shards import Made, Shards
from tools.storage.stages import Stage
from tools.storage.store import Store
from tools.storage.unpacking import unpack

FORK = multiprocessing.get_context("fork")
DISK = 512 * 2**10  # bytes
NEW_USER, NEW_MOUNTS, PRIVATE = 0x10000000, 0x20000, 0x44000  # of unshare and mount
NO_MOUNT = 77  # the exit code of a process that may not mount


def on_a_small_disk(folder: Path, work: Callable[[], object]) -> None:
    """Do *work* in a process that has an empty disk of *DISK* bytes at *folder*; skip where none may."""
    user, group = os.getuid(), os.getgid()

    def mounted() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(NEW_USER | NEW_MOUNTS):
            os._exit(NO_MOUNT)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {user} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
        if libc.mount(b"none", b"/", None, PRIVATE, None) or libc.mount(b"none", bytes(folder), b"tmpfs", 0, b"size=%d" % DISK):
            os._exit(NO_MOUNT)
        work()

    assert 0 == exit_code(mounted)


def exit_code(work: Callable[[], object]) -> int | None:
    process = FORK.Process(target=work)
    process.start()
    process.join(60)
    if process.exitcode == NO_MOUNT:
        pytest.skip("nobody may mount a disk here")
    return process.exitcode


def fill(folder: Path) -> None:
    """Write until nothing more fits."""
    with (folder / "ballast").open("wb", buffering=0) as file:
        size = 2**16
        while size:
            try:
                file.write(os.urandom(size))
            except OSError:
                size //= 2


def too_much(folder: Path) -> Facts:
    (folder / "head.bin").write_bytes(bytes(2 * DISK))
    return {}


def as_torch_does(folder: Path) -> Facts:
    try:
        return too_much(folder)
    except OSError as error:
        raise RuntimeError("PytorchStreamWriter failed writing file data/0") from error


def leaves_no_room_for_its_manifest(folder: Path) -> Facts:
    fill(folder)
    return {}


def refused(store: Store, builder: Callable[[Path], Facts], words: str) -> None:
    """An entry cannot be made: that is said, an earlier entry stays, and nothing of the new one is left."""
    kept = store.build(OTHER, write("a"))
    with pytest.raises(StoreError, match=f"cannot write the artifact store: {words}") as caught:
        store.build(KEY, builder)
    assert str(caught.value.where).startswith(str(store.root))
    assert "make it writable and not full, or choose another folder with --artifacts DIR" == caught.value.remedy
    assert (None, kept, []) == (store.find(KEY), store.find(OTHER), strays(store.root))
    assert store.build(KEY, write("b")).file("head.bin").read_text() == "b"


@pytest.mark.parametrize("builder", [too_much, as_torch_does, leaves_no_room_for_its_manifest])
def test_an_entry_that_does_not_fit_is_one_error(tmp_path: Path, builder: Callable[[Path], Facts]) -> None:
    """Whoever finds that the disk is full: the builder, a library in its own words, or the manifest."""
    on_a_small_disk(tmp_path, lambda: refused(Store(tmp_path / "store"), builder, r"No space left on device, 0\.\d MB are free"))


def test_a_file_that_may_not_grow_is_one_error(tmp_path: Path) -> None:
    """The limit of `ulimit -f` is met as a full disk is, on every machine."""
    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (DISK, DISK))
        refused(Store(tmp_path / "store"), too_much, "File too large")

    assert 0 == exit_code(limited)


def test_a_full_store_can_be_read_and_pruned(tmp_path: Path) -> None:
    """With not a byte left, what is there is found, and prune makes room for what is to come."""
    def full() -> None:
        store = Store(tmp_path / "store")
        store.build(KEY, write("a"))
        fill(store.build(OTHER, write("a")).folder)
        assert store.find(KEY)
        with pytest.raises(StoreError, match="No space left on device"):
            store.build(HOSTED, write_graph)
        assert 0 == command(tmp_path, "verify").returncode
        pruned = command(tmp_path, "prune")
        assert (0, f"{OTHER}/ballast: no entry lists it\n") == (pruned.returncode, pruned.stdout.partition("\n")[0] + "\n")
        assert store.build(HOSTED, write_graph) == store.find(HOSTED)

    on_a_small_disk(tmp_path, full)


def test_an_archive_that_does_not_fit_leaves_whole_entries(tmp_path: Path) -> None:
    """Coming in: what a file needs and what is free are said first; entries before it are there."""
    source, disk = Store(tmp_path / "source"), tmp_path / "disk"
    disk.mkdir()
    source.build(OTHER, write("a"))
    source.build(KEY, lambda folder: {"size": (folder / "large.bin").write_bytes(bytes(DISK))})
    pack(source.root, sorted(choose(source.root, None, [])), tmp_path / "all.tar", lambda text: None)

    def take_in() -> None:
        with pytest.raises(StoreError, match=r"unpacking \S+/large.bin needs 0.5 MB, 0.\d MB are free") as caught:
            unpack(disk / "store", tmp_path / "all.tar", lambda text: None)
        assert str(caught.value.where).startswith(f"{disk}/store/")
        store = Store(disk / "store")
        assert (None, True, []) == (store.find(KEY), store.find(OTHER) is not None, strays(store.root))

    on_a_small_disk(disk, take_in)


def test_an_archive_is_not_begun_where_it_does_not_fit(tmp_path: Path) -> None:
    """Going out: the one that is there already stays."""
    source, disk = Store(tmp_path / "source"), tmp_path / "disk"
    disk.mkdir()
    source.build(KEY, lambda folder: {"size": (folder / "large.bin").write_bytes(bytes(DISK))})

    def take_out() -> None:
        (disk / "all.tar").write_text("old")
        with pytest.raises(StoreError, match=r"the archive all.tar needs 0.5 MB, 0.5 MB are free") as caught:
            pack(source.root, choose(source.root, None, []), disk / "all.tar", lambda text: None)
        assert str(disk) == caught.value.where
        assert {"all.tar": "old"} == {path.name: path.read_text() for path in disk.iterdir()}

    on_a_small_disk(disk, take_out)


@pytest.mark.parametrize("how", ["make", "find_or_run"])
def test_a_stage_is_not_begun_where_its_entry_does_not_fit(tmp_path: Path, how: str) -> None:
    """Where its least size is known; an entry that is there needs no room."""
    def begin() -> None:
        context = Context(Settings.parse({"artifacts": str(tmp_path)}), load_spec(TINY_MODELS, "tiny"), lambda event: None)
        stage = Stage(KEY, "exporting tiny", lambda folder: pytest.fail("it was begun"), least_bytes=1_200_000_000)
        with pytest.raises(StoreError, match=r"exporting tiny needs 1.2 GB, 0.5 MB are free") as caught:
            getattr(stage, how)(context)
        assert (f"{tmp_path}/store", []) == (caught.value.where, [*tmp_path.glob("store/*")])
        Store(tmp_path / "store").build(KEY, write("a"))
        assert getattr(stage, how)(context)

    on_a_small_disk(tmp_path, begin)


def test_a_stage_that_cannot_begin_its_log_is_one_error(tmp_path: Path) -> None:
    """The log of its process is the first file that a full disk does not take."""
    def begin() -> None:
        context = Context(Settings.parse({"artifacts": str(tmp_path)}), load_spec(TINY_MODELS, "tiny"), lambda event: None)
        fill(tmp_path)
        with pytest.raises(StoreError, match=r"cannot write the artifact store: No space left on device, 0.0 MB are free"):
            Stage(KEY, "exporting tiny", write_graph).find_or_run(context)
        (tmp_path / "ballast").unlink()
        assert Stage(KEY, "exporting tiny", write_graph).find_or_run(context)

    on_a_small_disk(tmp_path, begin)


def test_hours_of_work_outlast_a_full_disk(tmp_path: Path) -> None:
    """What was kept of them is gone on with once there is room."""
    def compute() -> None:
        store = Store(tmp_path / "store")
        shards = Shards(store.unfinished(KEY), TOTAL, every_s=0)

        def builder(folder: Path) -> Facts:
            made = shards.compute(fills_up, "clip")
            assert same(made)
            return write("scores")(folder)

        def fills_up(first: int) -> Iterator[Made]:
            for number, part in enumerate(items(first, size=100)):
                if first == 0 and number == 5:
                    fill(tmp_path)
                yield part

        with pytest.raises(StoreError, match="No space left on device"):
            store.build(KEY, builder)
        kept = len([*store.unfinished(KEY).iterdir()])
        assert kept == 5
        (tmp_path / "ballast").unlink()
        assert store.build(KEY, builder) == store.find(KEY)
        assert not store.unfinished(KEY).exists()

    on_a_small_disk(tmp_path, compute)


def test_a_disk_of_this_size_is_what_a_process_gets(tmp_path: Path) -> None:
    """The tests above are of a real disk: no byte more than it has can be written."""
    def look() -> None:
        fill(tmp_path)
        assert DISK - 2**16 < (tmp_path / "ballast").stat().st_size <= DISK
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "more").write_bytes(bytes(4096))

    on_a_small_disk(tmp_path, look)
