"""Batches decoded ahead: every clip once, uncounted padding, workers that never outlive or hang a run."""

from __future__ import annotations

import errno
import multiprocessing
import multiprocessing.synchronize
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import numpy as np
import psutil
import pytest

from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet
from tools.datasets.mini import encode
from tools.errors import DataError, MeasureError
from tools.measuring.recogniser import feed, fill
from tools.media.batches import SLOTS, BatchStream, Feed
from tools.media.decode import FRAME_NAME, Clip
from tools.media.preprocess import Floats
from tools.spec.model import Tensor
from tools.spec.settings import MODELS

TSM = recogniser_spec(MODELS, "tsm")
SHAPE = (8, 3, 28, 28)
SPEC = replace(TSM, preprocess=replace(TSM.preprocess, short_side=32, crop=28), network=replace(TSM.network, input=Tensor("video", SHAPE)))
LENGTHS = (9, 3, 8, 12, 5, 8, 20)
SIZES = (1, 3, 4, 64)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clip, ...]:
    """Seven rawframes clips of noise, no two alike."""
    folder = tmp_path_factory.mktemp("rawframes")
    rng = np.random.default_rng(4)
    for number, total in enumerate(LENGTHS):
        encode.write_jpegs(rng.integers(0, 256, (total, 36, 48, 3), np.uint8), folder / f"v_{number}")
    return tuple(Clip(f"v_{number}", folder / f"v_{number}", number, total) for number, total in enumerate(LENGTHS))


@pytest.fixture(scope="module")
def inputs(clips: tuple[Clip, ...]) -> Floats:
    """What `fill` makes of each clip, one at a time in this process."""
    rows = np.empty((len(clips), *SHAPE), np.float32)
    for clip, row in zip(clips, rows, strict=True):
        fill(clip, "rawframes", SPEC, row)
    return rows


def stream(clips: tuple[Clip, ...], size: int) -> BatchStream:
    return BatchStream(feed(ClipSet("rawframes", clips), SPEC), size)


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Ends what hangs with a TimeoutError."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"still not done after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("size", SIZES)
def test_every_clip_comes_once_and_in_order(clips: tuple[Clip, ...], size: int) -> None:
    """The batches name every clip once, in the list's order, whatever their size."""
    with at_most(20), stream(clips, size) as batches:
        found = [(batch.ids, batch.valid, batch.array.shape) for batch in batches]

    assert [clip.id for clip in clips] == [id for ids, _, _ in found for id in ids]
    assert [min(size, 7 - start) for start in range(0, 7, size)] == [valid for _, valid, _ in found]
    assert {(size, *SHAPE)} == {shape for _, _, shape in found}


@pytest.mark.parametrize("size", SIZES)
def test_a_row_is_what_fill_makes_of_its_clip(clips: tuple[Clip, ...], inputs: Floats, size: int) -> None:
    """The rows that count hold their clips' input, bit for bit, until the next batch is asked for."""
    with at_most(20), stream(clips, size) as batches:
        rows = np.concatenate([batch.array[: batch.valid].copy() for batch in batches])

    assert inputs.tobytes() == rows.tobytes()


@pytest.mark.parametrize(("size", "padded"), [(1, 0), (3, 2), (4, 1), (64, 57)])
def test_the_last_batch_is_padded_with_its_first_row(clips: tuple[Clip, ...], size: int, padded: int) -> None:
    """Rows beyond `valid` are copies of the batch's first row; only the last batch has any."""
    with at_most(20), stream(clips, size) as batches:
        found = [(batch.array.copy(), batch.valid) for batch in batches]

    assert all(size == valid for _, valid in found[:-1])
    array, valid = found[-1]
    assert padded == size - valid
    for row in array[valid:]:
        assert array[0].tobytes() == row.tobytes()


@pytest.mark.parametrize("size", [1, 3, 4])
def test_batches_from_an_item_on_are_those_of_the_whole_list(clips: tuple[Clip, ...], size: int) -> None:
    """With the same padding. The first one may be taken alone before; no batch begins inside another."""
    with at_most(20), stream(clips, size) as batches:
        whole = [(batch.ids, batch.valid, batch.array.tobytes()) for batch in batches]
        for number in range(len(whole) + 1):
            [first] = [(batch.ids, batch.valid, batch.array.tobytes()) for batch in batches.batches(count=1)]
            assert whole[0] == first
            assert whole[number:] == [(batch.ids, batch.valid, batch.array.tobytes()) for batch in batches.batches(number * size)]
        if size > 1:
            with pytest.raises(ValueError, match=f"no batch of {size} begins at item 1"):
                next(batches.batches(1))


@pytest.mark.parametrize(("damage", "words"), [("missing", "is missing"), ("empty", "is empty"), ("noise", "cannot be decoded")])
def test_a_clip_that_cannot_be_decoded_is_named(clips: tuple[Clip, ...], tmp_path: Path, damage: str, words: str) -> None:
    """A missing, empty or noise frame raises DataError naming clip and file, whichever worker met it."""
    bad = replace(clips[4], id="v_bad", path=tmp_path)
    if damage != "missing":
        (tmp_path / FRAME_NAME.format(1)).write_bytes(b"" if damage == "empty" else os.urandom(500))

    with at_most(20), stream((*clips[:4], bad, *clips[5:]), 3) as batches, pytest.raises(DataError, match=f"clip v_bad {words}") as caught:
        for _ in batches:
            pass
    assert str(tmp_path / FRAME_NAME.format(1)) == caught.value.where


def test_a_clip_of_frames_that_differ_in_size_is_named(clips: tuple[Clip, ...], tmp_path: Path) -> None:
    """A rawframes folder of frames of unequal sizes is a DataError naming it, not a lack of memory."""
    encode.write_jpegs(np.zeros((8, 36, 48, 3), np.uint8), tmp_path / "v")
    encode.write_jpegs(np.zeros((1, 30, 40, 3), np.uint8), tmp_path / "other")
    os.replace(tmp_path / "other" / FRAME_NAME.format(1), tmp_path / "v" / FRAME_NAME.format(4))
    bad = Clip("v_bad", tmp_path / "v", 0, 8)

    with at_most(20), stream((*clips[:2], bad), 3) as batches, pytest.raises(DataError, match="v_bad"):
        for _ in batches:
            pass


@pytest.mark.parametrize("asked", [0, 1, 99])
def test_no_worker_outlives_its_stream(clips: tuple[Clip, ...], asked: int) -> None:
    """Leaving the stream ends its workers, whether it was read to its end, in part or not at all."""
    before = set(psutil.Process().children(recursive=True))
    with at_most(20), stream(clips, 3) as batches:
        assert set(psutil.Process().children()) - before
        for _ in zip(range(asked), batches, strict=False):
            pass

    assert set() == set(psutil.Process().children(recursive=True)) - before


def test_a_stream_stands_threads_of_opencv(clips: tuple[Clip, ...]) -> None:
    """A process in which OpenCV already used its own threads can still decode in workers without hanging."""
    import cv2

    cv2.setNumThreads(2)
    cv2.cvtColor(np.zeros((1080, 1920, 3), np.uint8), cv2.COLOR_BGR2RGB)
    time.sleep(0.1)  # until they have fallen asleep: a worker forked now would wait for threads it does not have
    with at_most(20), stream(clips, 4) as batches:
        assert [4, 3] == [batch.valid for batch in batches]


def kill_workers() -> None:
    for worker in multiprocessing.active_children():
        worker.kill()


def test_a_worker_killed_at_work_is_an_error() -> None:
    """A worker that is killed while it decodes raises MeasureError; the run does not wait for ever."""
    endless = Feed(("v_endless",), (1,), lambda number, row: time.sleep(60))
    with at_most(20), BatchStream(endless, 1) as batches:
        threading.Timer(0.3, kill_workers).start()
        with pytest.raises(MeasureError, match=r"worker .*-9"):
            next(iter(batches))


def test_workers_killed_between_batches_are_an_error(clips: tuple[Clip, ...]) -> None:
    """Workers killed once a stream is under way raise MeasureError after the batches already filled."""
    seen = 0
    with at_most(20), stream(clips, 1) as batches, pytest.raises(MeasureError, match=r"worker .*-9"):
        for _ in batches:
            kill_workers()
            seen += 1

    assert 1 <= seen <= SLOTS


def test_the_next_batch_is_decoded_while_this_one_runs(tmp_path: Path) -> None:
    """Whoever holds the first batch a while finds the second ready, even if its files are gone by then."""
    made = []
    for number in range(4):
        encode.write_jpegs(np.full((8, 36, 48, 3), 40 * number, np.uint8), tmp_path / f"v_{number}")
        made.append(Clip(f"v_{number}", tmp_path / f"v_{number}", 0, 8))
    with at_most(20), stream(tuple(made), 2) as batches:
        each = iter(batches)
        first = next(each)
        assert ("v_0", "v_1") == first.ids
        time.sleep(1.5)
        shutil.rmtree(tmp_path)

        assert ("v_2", "v_3") == next(each).ids


@pytest.mark.parametrize("reason", [errno.EROFS, errno.ENOSPC, errno.ENOENT])
def test_shared_memory_that_cannot_be_written_is_named(clips: tuple[Clip, ...], monkeypatch: pytest.MonkeyPatch, reason: int) -> None:
    """A read-only, full or absent /dev/shm is one sentence with its place."""
    def refused(*_: object, **__: object) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(multiprocessing.synchronize, "SemLock", refused)
    monkeypatch.setattr(multiprocessing.synchronize.Lock, "__init__", refused)
    with pytest.raises(MeasureError, match=f"their locks cannot be made: {os.strerror(reason)}") as caught:
        stream(clips, 4)

    assert "/dev/shm" == caught.value.where
