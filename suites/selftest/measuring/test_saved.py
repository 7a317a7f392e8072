"""A cell that was killed while it was scored goes on, and ends as an undisturbed one does."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.measuring.resumed import Bench, cut, fail, flip, same, slow, whole
from tools.errors import ChildError, EngineError, MeasureError
from tools.machine import child
from tools.measuring import cell, earlier, launch, saved
from tools.measuring.predictions import FILE
from tools.storage.shards import Pieces

FORK = multiprocessing.get_context("fork")
Damage = Callable[[Path], object]


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_half_scored_cell_goes_on_and_ends_as_an_undisturbed_one(bench: Bench, undisturbed: Bench, capsys: pytest.CaptureFixture[str],
                                                                   at: int) -> None:
    """Its scores are the same to the bit, and so is its record.

    Only the first batch is run twice, since it is the one that is timed; the others are those of the
    undisturbed run, with the same padding. The pieces are gone at the end.
    """
    bench.broken(at)
    assert at == len(bench.pieces())
    bench.measure()

    assert f"resuming at clip {4 * at + 1} of 13\n" in capsys.readouterr().err
    assert same(bench, undisturbed)
    assert [] == [*bench.place().glob(f"{saved.PIECES}*")]
    expected = [undisturbed.fed[0], *undisturbed.fed[at:]]
    assert [batch.tobytes() for batch in expected] == [batch.tobytes() for batch in bench.fed]
    assert [array.tobytes() for array in undisturbed.timed] == [array.tobytes() for array in bench.timed]


def test_a_cell_killed_at_any_moment_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its process is killed eight times, at moments drawn by chance; it ends as if it had never been."""
    bench.count, bench.dies, chance, left = 240, slow(0.005), random.Random(7), iter(range(8))
    undisturbed = whole(tmp_path / "undisturbed", count=240)

    def call(work: Callable[[], object], title: str, *, log: Path, **rest: object) -> None:
        log.touch()
        process, enough = FORK.Process(target=work), len(bench.pieces()) + chance.randint(0, 6)
        process.start()
        if next(left, None) is not None:
            while process.is_alive() and len(bench.pieces()) < enough:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.03))
            process.kill()
        process.join(60)
        if process.exitcode:
            raise ChildError(f"it ended with {process.exitcode}")

    monkeypatch.setattr(child, "call", call)
    for _ in range(8):
        with pytest.raises(ChildError, match=f"it ended with -{signal.SIGKILL}"):
            bench.measure()
    assert 10 < len(bench.pieces()) < 60
    bench.measure()

    assert same(bench, undisturbed)


@pytest.mark.parametrize(("number", "then", "batches"), [
    (0, "before", 4), (0, "after", 4), (1, "before", 4), (1, "after", 4), (2, "before", 4), (2, "after", 3), (3, "before", 3),
    (3, "after", 2), (4, "before", 2), (4, "after", 2), (5, "before", 2), (5, "after", 1), (6, "before", 1), (6, "after", 0)])
def test_a_machine_that_dies_at_any_file_loses_nothing(bench: Bench, undisturbed: Bench, monkeypatch: pytest.MonkeyPatch,
                                                       number: int, then: str, batches: int) -> None:
    """Before or after each of its files: what it is measured with, three pieces, scores, record and times.

    Only what was not saved is run again, and the first batch.
    """
    replacing, count = os.replace, iter(range(100))

    def die(source: Path, target: Path) -> None:
        last = next(count) == number
        if last and then == "before":
            raise KeyboardInterrupt
        replacing(source, target)
        if last:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", die)
        bench.measure()
    bench.fed.clear()
    measured = bench.measure()

    assert batches == len(bench.fed)
    assert same(bench, undisturbed)
    assert measured.untimed is None
    assert {FILE, cell.RECORD, cell.TIMES, earlier.JOB, launch.LOG} == {path.name for path in bench.place().iterdir() if path.is_file()}


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink, lambda path: path.write_bytes(b"")], ids=["cut", "flipped", "gone", "empty"])
def test_what_follows_a_damaged_piece_is_scored_again(bench: Bench, undisturbed: Bench, damage: Damage,
                                                      capsys: pytest.CaptureFixture[str]) -> None:
    """It goes on before the damage. Killed once more, it goes on after what it has scored since."""
    bench.broken(3)
    damage(bench.pieces()[1])
    bench.broken(2)
    assert "resuming at clip 5 of 13\n" in capsys.readouterr().err
    bench.measure()

    assert "resuming at clip 9 of 13\n" in capsys.readouterr().err
    assert same(bench, undisturbed)


def test_pieces_of_another_measurement_are_not_seen(bench: Bench, undisturbed: Bench) -> None:
    """They lie under the digest of what they were scored with, whatever else the folder says."""
    bench.broken(3)
    note = bench.place() / earlier.JOB
    note.write_text(note.read_text().replace("own the weights", "own other ones"))
    bench.measure(checkpoints=(replace(bench.found.checkpoints[0], sha256="other ones"),))

    assert [batch.tobytes() for batch in undisturbed.fed] == [batch.tobytes() for batch in bench.fed]
    assert [] == [*bench.place().glob(f"{saved.PIECES}*")]


@pytest.mark.parametrize(("bias", "precision", "goes_on"), [
    (0.0, "fp32", True), (1e-6, "fp32", False), (1e-3, "fp16", True), (0.1, "fp16", False)])
def test_saved_scores_count_while_the_device_repeats_them(bench: Bench, capsys: pytest.CaptureFixture[str], bias: float, precision: str,
                                                          goes_on: bool) -> None:
    """The first batch shows it: to the bit, or in half precision to one step. Else all is scored again."""
    bench.precision = precision
    bench.broken(2)
    bench.bias = bias
    found = bench.measure().parts[0].predictions.scores

    line = "tiny-bs4-cpu: scored again from the first clip on, since its first batch has other scores than those saved\n"
    assert goes_on == (line not in capsys.readouterr().err)
    expected = 3 * np.concatenate([batch.reshape(len(batch), -1)[:, :2] for batch in whole(bench.folder / "undisturbed").fed])[:13]
    np.testing.assert_allclose(found[:8], expected[:8] + (0.0 if goes_on else np.float32(bias)), rtol=0, atol=1e-7)
    assert bench.record()["inputs"].keys() == {f"v_{number}" for number in (0, 2, 3, 5, 7, 9, 10, 12)}


def test_scoring_took_what_both_processes_took(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The seconds of the pieces that are kept, and those since the second process took the device."""
    now = [100.0]
    monkeypatch.setattr(saved, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def tick(number: int) -> None:
        now[0] += 10.0
        if number == 2 and now[0] < 200:
            fail()

    bench.dies = tick
    with pytest.raises(EngineError):
        bench.measure()
    now[0] = 1000.0
    assert 20.0 + 30.0 == bench.measure().record.scoring_s


def test_a_device_computed_and_waited_in_both_processes(bench: Bench) -> None:
    """As the seconds of scoring are of both: three batches that are kept, the first again, and the last."""
    bench.dies = lambda number: time.sleep(0.1) if number < 3 else fail()
    with pytest.raises(EngineError):
        bench.measure()
    bench.dies = slow(0.1)
    record = bench.measure().record

    assert record.busy is not None
    assert 0.5 <= record.busy * record.scoring_s + 0.001
    assert 0 < record.waited_s["decode"] <= record.scoring_s * (1 - record.busy) + 0.001


def test_a_full_disk_ends_it_and_costs_no_scores(bench: Bench, undisturbed: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A piece that finds no room is an error that says so; with room it goes on."""
    keep = Pieces._keep

    def full(pieces: Pieces, first: int, end: int, arrays: Any) -> None:
        if first == 8:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        keep(pieces, first, end, arrays)

    with monkeypatch.context() as patch, pytest.raises(MeasureError, match="cannot write what this cell leaves: No space left on device"):
        patch.setattr(Pieces, "_keep", full)
        bench.measure()
    bench.fed.clear()
    bench.measure()

    assert 1 + 2 == len(bench.fed)
    assert same(bench, undisturbed)
