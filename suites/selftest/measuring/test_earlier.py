"""What an earlier process measured is read back while it was measured with the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.measuring.resumed import Bench, cut, flip, lines, same
from tools.measuring import cell, earlier, sameness
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.measuring.sameness import CHANGED, Sameness

READ_BACK = "tiny-bs4-cpu: measured before, and read back"
Damage = Callable[[Path], object]


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
        changed: Any = {name: f"not {getattr(found, name)}"}
        return replace(found, **changed)

    monkeypatch.setattr(sameness, "of", other)
    bench.fed.clear()
    bench.measure()
    assert [f"tiny-bs4-cpu: measured again, since {CHANGED[name]}"] == [*lines(bench)]
    assert 4 == len(bench.fed)
    aside = bench.place() / earlier.ASIDE / "1"
    assert {FILE, cell.RECORD, cell.TIMES, earlier.JOB} == {path.name for path in aside.iterdir()}, "it stays the evidence of its verdicts"

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
    assert [cell.TIMES] == [path.name for path in (bench.place() / earlier.ASIDE / "1").iterdir()]
    assert 1 == len(bench.fed)
    bench.measure()
    assert [READ_BACK] == bench.said


def fewer(path: Path) -> None:
    """The scores of another run, which had an item less."""
    found = load(path)
    save(Predictions(found.ids[:-1], found.scores[:-1]), path)


def foreign(path: Path) -> None:
    """The record of another graph, copied here."""
    path.write_text(path.read_text().replace('"graph": "', '"graph": "0'))


@pytest.mark.parametrize(("name", "damage", "line", "batches"), [
    (cell.TIMES, cut, "its times do not count, since what was measured cannot be read", 1),
    (cell.RECORD, cut, "measured again, since what was measured cannot be read", 4),
    (FILE, flip, "measured again, since the predictions cannot be read", 4),
    (FILE, Path.unlink, "measured again, since the predictions cannot be read", 4),
    (FILE, fewer, "measured again, since there are scores of 12 items, and its record tells of 13", 4),
    (cell.RECORD, foreign, "measured again, since its record tells of other weights, another graph or other clips", 4),
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
