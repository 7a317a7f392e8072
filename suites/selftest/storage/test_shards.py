"""Long computations, killed at any moment, go on where they were, and end as an undisturbed one does."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.storage.test_store import KEY, command
from tools.storage.shards import Made, Pieces, Shards
from tools.storage.store import Store

FORK = multiprocessing.get_context("fork")
TOTAL = 1234
WHOLE: dict[str, np.ndarray] = {"scores": np.arange(2 * TOTAL, dtype=np.float32).reshape(-1, 2), "found": np.repeat(np.arange(TOTAL), 3)}


def items(first: int, *, size: int = 7, until: int = TOTAL, end: signal.Signals | None = None) -> Iterator[Made]:
    """The results from item *first* on, *size* at a time; at *until* it stops, or *end* ends the process."""
    for start in range(first, TOTAL, size):
        if start >= until:
            if end is None:
                raise KeyboardInterrupt
            os.kill(os.getpid(), end)
        stop = min(start + size, TOTAL)
        yield stop - start, {"scores": WHOLE["scores"][start:stop], "found": WHOLE["found"][3 * start : 3 * stop]}


def same(made: dict[str, np.ndarray]) -> bool:
    return made.keys() == WHOLE.keys() and all(np.array_equal(WHOLE[name], made[name]) for name in WHOLE)


def resumed_at(shards: Shards, capsys: pytest.CaptureFixture[str]) -> str:
    """Finish the computation; what it says."""
    capsys.readouterr()
    assert same(shards.compute(items, "clip"))
    return capsys.readouterr().err.strip()


def test_an_undisturbed_computation_is_all_there_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results are joined in order, and a computation shorter than a shard writes none."""
    assert "" == resumed_at(Shards(tmp_path / "kept", TOTAL), capsys)
    assert not (tmp_path / "kept").exists()


def test_it_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Interrupted twice it says where it resumes and makes nothing twice.

    It gives what an undisturbed one gives.
    """
    shards = Shards(tmp_path, TOTAL, every_s=0)
    for until in (400, 1001):
        with pytest.raises(KeyboardInterrupt):
            shards.compute(partial(items, until=until), "clip")

    assert "resuming at clip 1,002 of 1,234" == resumed_at(shards, capsys)


def test_a_killed_process_leaves_what_it_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After SIGKILL everything up to the last shard is there."""
    shards = Shards(tmp_path, TOTAL, every_s=0)
    process = FORK.Process(target=shards.compute, args=(partial(items, until=700, end=signal.SIGKILL), "clip"))
    process.start()
    process.join(20)

    assert -signal.SIGKILL == process.exitcode
    assert "resuming at clip 701 of 1,234" == resumed_at(shards, capsys)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "gone"])
def test_what_follows_a_damaged_shard_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str) -> None:
    """A shard that was cut, emptied, changed in a byte or lost is found; computation resumes before it."""
    shards = Shards(tmp_path, TOTAL, every_s=0)
    with pytest.raises(KeyboardInterrupt):
        shards.compute(partial(items, size=100, until=900), "clip")
    third = tmp_path / "0000200-0000300.npz"
    content = bytearray(third.read_bytes())
    content[len(content) // 2] ^= 1
    third.write_bytes({"cut": bytes(content[:-30]), "empty": b"", "flipped": bytes(content), "gone": b""}[damage])
    if damage == "gone":
        third.unlink()

    assert "resuming at clip 201 of 1,234" == resumed_at(shards, capsys)


def test_only_work_that_nobody_goes_on_with_is_pruned(tmp_path: Path) -> None:
    """Pruning half-built entries leaves hours of work alone, unless they lay idle for the days asked."""
    kept = Store(tmp_path / "store").unfinished(KEY)
    with pytest.raises(KeyboardInterrupt):
        Shards(kept, TOTAL, every_s=0).compute(partial(items, until=400), "clip")
    for words in ("prune", "prune --unused-days 3", "list", "verify"):
        assert 0 == command(tmp_path, *words.split()).returncode
        assert any(kept.iterdir())
    os.utime(kept, (0, 0))

    assert [f".unfinished/{KEY}: not gone on with lately", "1 removed, 0 entries stay"] == command(
        tmp_path, "prune", "--unused-days", "3").stdout.splitlines()
    assert not kept.exists()


def test_pieces_behind_a_gap_make_room_for_new_ones(tmp_path: Path) -> None:
    """What is kept before the gap is read; what is written from it on is read the next time."""
    pieces = Pieces(tmp_path / "kept", 9)
    assert {} == pieces.so_far()
    for first in (0, 2, 4, 6):
        pieces.add(first, first + 2, {"scores": np.arange(first, first + 2)})
    (tmp_path / "kept" / "0000002-0000004.npz").write_bytes(b"torn")

    assert [0, 1] == pieces.so_far()["scores"].tolist()
    assert ["0000000-0000002.npz"] == [path.name for path in (tmp_path / "kept").iterdir()]
    pieces.add(2, 8, {"scores": np.arange(2, 8)})
    assert [*range(8)] == pieces.so_far()["scores"].tolist()
    pieces.forget()
    assert not (tmp_path / "kept").exists()
    pieces.forget()
