"""A measurement that ended too soon goes on, and ends as an undisturbed one does."""

from __future__ import annotations

import errno
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.measuring.resumed import BSN, CHANCE, Bench, fail, lines, slow, whole
from tools.errors import ChildError, DeviceError, EngineError, MeasureError
from tools.machine import files
from tools.measuring import cell, earlier, launch, quarantine, sameness, saved
from tools.measuring.predictions import FILE, load
from tools.measuring.sameness import CHANGED, Sameness
from tools.storage.shards import Pieces

FORK = multiprocessing.get_context("fork")
READ_BACK = "tiny-bs4-cpu: measured before, and read back"
Damage = Callable[[Path], object]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Bench:
    return whole(tmp_path / "undisturbed")


def same(ours: Bench, theirs: Bench, network: str = "") -> bool:
    """Whether two measurements left the same scores, to the bit, and tell the same of them."""
    found = [(one.place(network) / FILE).read_bytes() for one in (ours, theirs)]
    return found[0] == found[1] and ours.record(network) == theirs.record(network)


def flip(path: Path) -> None:
    """Change one bit of the scores."""
    content = bytearray(path.read_bytes())
    content[content.index(np.load(path)["scores"].tobytes()) + 5] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def test_a_finished_cell_is_read_back(bench: Bench) -> None:
    """No process is started, and it is the cell that was measured; that is said."""
    first = bench.measure()
    again = bench.measure()

    assert (1, [READ_BACK]) == (bench.started, bench.said)
    [was], [now] = first.parts, again.parts
    assert (was.record, was.times) == (now.record, now.times)
    assert was.predictions.scores.tobytes() == now.predictions.scores.tobytes()


def test_without_resuming_all_is_measured_anew(bench: Bench) -> None:
    """Scores and pieces of an earlier measurement are not looked at, and nothing is said of them."""
    bench.measure()
    bench.measure(resume=False)
    assert (2, ["measuring tiny-bs4-cpu ..."]) == (bench.started, bench.said)

    bench.broken(2, resume=False)
    bench.measure(resume=False)
    assert 4 == len(bench.fed)


@pytest.mark.parametrize("name", [one.name for one in fields(Sameness)])
def test_what_was_measured_with_something_else_is_measured_again(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whichever of all that shapes it; the line names it. Half of its scores do not count either."""
    bench.measure()
    now = sameness.of

    def other(job: Any) -> Sameness:
        found = now(job)
        return replace(found, **{name: f"not {getattr(found, name)}"})

    monkeypatch.setattr(sameness, "of", other)
    bench.fed.clear()
    bench.measure()
    assert [f"tiny-bs4-cpu: measured again, since {CHANGED[name]}"] == [*lines(bench)]
    assert 4 == len(bench.fed)

    bench.broken(2, resume=False)
    monkeypatch.setattr(sameness, "of", now)
    bench.measure()
    assert [f"tiny-bs4-cpu: measured again, since {CHANGED[name]}"] == [*lines(bench)]
    assert (4, []) == (len(bench.fed), bench.pieces())


def test_two_changes_are_both_named(bench: Bench) -> None:
    bench.measure()
    (bench.folder / "graph.onnx").write_bytes(b"another graph")
    bench.chip.simulated = True
    bench.measure()

    assert ["tiny-bs4-cpu: measured again, since the graph has changed and a simulated device is not a real one"] == [*lines(bench)]


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
            while len(bench.pieces()) < enough:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.03))
            os.kill(process.pid or 0, signal.SIGKILL)
        process.join(60)
        if process.exitcode:
            raise ChildError(f"it ended with {process.exitcode}")

    monkeypatch.setattr(launch.child, "call", call)
    for _ in range(8):
        with pytest.raises(ChildError, match=f"it ended with -{signal.SIGKILL}"):
            bench.measure()
    assert 10 < len(bench.pieces()) < 60
    bench.measure()

    assert same(bench, undisturbed)


@pytest.mark.parametrize("then", ["before", "after"])
@pytest.mark.parametrize("number", range(7))
def test_a_machine_that_dies_at_any_file_loses_nothing(bench: Bench, undisturbed: Bench, monkeypatch: pytest.MonkeyPatch,
                                                       number: int, then: str) -> None:
    """Before or after each of its files: what it is measured with, three pieces, scores, record and times."""
    replacing, count = os.replace, iter(range(100))

    def die(source: Path, target: Path) -> None:
        last = next(count) == number
        if last and then == "before":
            raise KeyboardInterrupt
        replacing(source, target)
        if last:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(files.os, "replace", die)
        bench.measure()
    measured = bench.measure()

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
    """Wherever they come from: they lie under the digest of what they were scored with."""
    bench.bias = 1.0
    bench.broken(3)
    [pieces] = bench.place().glob(f"{saved.PIECES}*")
    pieces.rename(pieces.with_name(f"{saved.PIECES}0123456789abcdef"))
    bench.bias = 0.0
    bench.measure()

    assert same(bench, undisturbed)


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


def test_a_scored_cell_is_only_timed(bench: Bench, undisturbed: Bench) -> None:
    """Its scores and record stay as they are; the first batch is run, since it is the one that is timed."""
    bench.measure(timed=False)
    before = [(bench.place() / name).read_bytes() for name in (FILE, cell.RECORD)]
    bench.fed.clear()
    assert bench.measure().untimed is None

    assert ["tiny-bs4-cpu: scored before, so that only times are taken"] == [*lines(bench)]
    assert before == [(bench.place() / name).read_bytes() for name in (FILE, cell.RECORD)]
    assert [undisturbed.fed[0].tobytes()] == [batch.tobytes() for batch in bench.fed]
    assert [array.tobytes() for array in undisturbed.timed] == [array.tobytes() for array in bench.timed]


def test_a_failed_timing_is_all_that_is_done_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a second attempt as well as in a later process."""
    timing = launch.measure.__globals__["timed"]
    monkeypatch.setitem(launch.measure.__globals__, "timed", lambda *given, **how: fail())
    bench.fault = CHANCE
    assert bench.measure().untimed is not None
    assert (2, 4 + 1) == (bench.started, len(bench.fed))

    monkeypatch.setitem(launch.measure.__globals__, "timed", timing)
    quarantine_of(bench).unlink()
    assert bench.measure().untimed is None
    assert 4 + 2 == len(bench.fed)


def test_scores_of_another_device_are_not_timed(bench: Bench) -> None:
    """If the first batch has other scores now, all is scored again, and the times belong to those."""
    bench.measure(timed=False)
    bench.bias, bench.fed = 1.0, []
    bench.measure()

    assert 1 + 4 == len(bench.fed)
    assert bench.timed[1].tobytes() == load(bench.place() / FILE).scores[:4].tobytes()


def test_times_that_nobody_asks_for_are_no_reason_to_measure(bench: Bench) -> None:
    """Nor is another time for timing, where nobody asks for it; where somebody does, only times are taken."""
    bench.measure()
    bench.budget_s = "2"
    assert bench.measure(timed=False).parts[0].times is not None
    assert 1 == bench.started

    bench.fed.clear()
    bench.measure()
    assert "tiny-bs4-cpu: timed again, since the time that timing takes has changed" == next(lines(bench))
    assert 1 == len(bench.fed)
    bench.measure()
    assert [READ_BACK] == bench.said


@pytest.mark.parametrize(("name", "damage", "line", "batches"), [
    (cell.TIMES, cut, "its times do not count, since what was measured cannot be read", 1),
    (cell.RECORD, cut, "measured again, since what was measured cannot be read", 4),
    (FILE, flip, "measured again, since the predictions cannot be read", 4),
    (FILE, Path.unlink, "measured again, since the predictions cannot be read", 4),
    (earlier.JOB, cut, "measured again, since what it was measured with cannot be read", 4),
    (earlier.JOB, Path.unlink, "measured again, since nothing tells what it was measured with", 4)])
def test_what_cannot_be_read_is_measured_again(bench: Bench, undisturbed: Bench, name: str, damage: Damage, line: str,
                                               batches: int) -> None:
    """Only that is: damaged times cost no scores. So is what an older clipgate left, which notes less."""
    bench.measure()
    damage(bench.place() / name)
    bench.fed.clear()
    bench.measure()

    assert next(lines(bench)).startswith(f"tiny-bs4-cpu: {line}")
    assert batches == len(bench.fed)
    assert same(bench, undisturbed)


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


def quarantine_of(bench: Bench) -> Path:
    return bench.run / quarantine.FOLDER / f"{bench.case.device.label}.json"


def test_a_cell_measured_before_its_device_was_given_up_stands(bench: Bench) -> None:
    """It is read back; what is not finished is refused."""
    bench.measure()
    quarantine.give_up(bench.run, bench.case.device, "it is lost")
    bench.measure()
    assert [READ_BACK] == bench.said

    with pytest.raises(DeviceError, match="is not used again in this run: it is lost"):
        bench.measure(resume=False)


def attempts(bench: Bench, *errors: type[BaseException] | None) -> Callable[..., None]:
    """A process that ends in turn as *errors* say."""
    left = iter(errors)

    def call(work: Callable[[], object], title: str, **rest: Any) -> None:
        error = next(left)
        if error:
            bench.started += 1
            rest["log"].touch()
            raise error("so it ends")
        bench.call(work, title, **rest)

    return call


def test_a_cell_read_back_says_why_it_was_measured_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of its numbers must know it, in whichever process they are read."""
    bench.fault = CHANCE
    monkeypatch.setattr(launch.child, "call", attempts(bench, EngineError, None))
    notes = bench.measure().notes

    assert [f"measured at the second attempt: {CHANCE.sentence}"] == notes
    assert notes == bench.measure().notes
    assert [READ_BACK] == bench.said


def test_a_second_attempt_that_was_killed_is_made_once_more(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not twice: the first one has failed already. Once it fails as well, whoever starts again has two."""
    bench.fault = CHANCE
    monkeypatch.setattr(launch.child, "call", attempts(bench, EngineError, KeyboardInterrupt, *[EngineError] * 3))
    with pytest.raises(KeyboardInterrupt):
        bench.measure()
    with pytest.raises(EngineError, match=r"twice, in two processes"):
        bench.measure()
    assert 3 == bench.started

    quarantine_of(bench).unlink()
    with pytest.raises(EngineError, match=r"twice, in two processes"):
        bench.measure()
    assert 5 == bench.started


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    """A model of two networks, of which the second one's process fails half way."""
    bench = Bench(monkeypatch, tmp_path, BSN)
    bench.dies = lambda number: fail() if len(bench.fed) == 6 else None
    with pytest.raises(EngineError):
        bench.measure()
    bench.dies = lambda number: None
    bench.fed.clear()
    return bench


def test_of_two_networks_only_what_is_lacking_is_measured(both: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first is read back, and the second goes on; both end as undisturbed ones do."""
    both.measure()

    assert ["bsn-bs4-cpu tem: measured before, and read back"] == [*lines(both)]
    assert "resuming at video 9 of 13\n" in capsys.readouterr().err
    assert 1 + 2 == len(both.fed)
    undisturbed = whole(tmp_path / "undisturbed", BSN)
    assert all(same(both, undisturbed, name) for name in ("tem", "pem"))


def test_other_scores_of_the_first_network_make_the_second_afresh(both: Bench) -> None:
    """What it is fed is made of them."""
    both.bias = 1.0
    (both.place("tem") / FILE).unlink()
    both.measure()

    [first, second] = lines(both)
    assert first.startswith("bsn-bs4-cpu tem: measured again, since the predictions cannot be read")
    assert "bsn-bs4-cpu pem: measured again, since the first network's scores have changed" == second
    assert 4 + 4 == len(both.fed)
