"""A batch that is run a second time: how far its scores are from those of the first pass."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.measuring.bench import Bench
from tools import engines
from tools.measuring import cell, measure
from tools.measuring.answers import Kept
from tools.measuring.repeats import Repeat, largest, second_pass
from tools.media.preprocess import Floats

FIRST = np.array([[1.0, 4.0], [3.0, 2.0], [0.0, 2.0], [0.0, 0.0]], np.float32)  # two clips of two views, or four


def device(again: Floats) -> Any:
    """A device that gives these scores for a batch, whatever it gave before."""
    return SimpleNamespace(infer=lambda batch: again)


def passed(again: Floats, first: Floats = FIRST, valid: int = 4, rows: int = 1) -> Repeat:
    return second_pass(device(again), Kept(np.zeros(1, np.float32), valid, first), rows)


def test_equal_bits_are_apart_by_nothing() -> None:
    assert Repeat(0.0, 0) == passed(FIRST.copy())
    assert Repeat(0.0, 0) == passed(np.zeros((4, 2), np.float32), np.zeros((4, 2), np.float32)), "even if no score is above 0"


def test_a_difference_is_a_share_of_the_largest_score() -> None:
    """And one bit of one score is a difference."""
    again = FIRST.copy()
    again[0, 0] += 0.5
    one_bit = FIRST.copy()
    one_bit[1, 1] = np.nextafter(one_bit[1, 1], np.float32(9))

    assert Repeat(0.125, 0) == passed(again)
    assert 0 < passed(one_bit).apart < 1e-6


def test_a_clip_is_flipped_if_its_best_class_is_another() -> None:
    """The mean of its views has that class, and rows that fill up a batch do not count."""
    again = FIRST[:, ::-1].copy()

    assert 3 == passed(again).flipped  # the fourth has no best class
    assert 2 == passed(again, valid=2).flipped
    assert 1 == passed(np.array([[1, 4], [3, 2], [2, 0], [0, 0]], np.float32), valid=2, rows=2).flipped
    assert 0 == passed(np.array([[4, 5], [1, 2], [0, 2], [0, 0]], np.float32), valid=2, rows=2).flipped


def test_curves_have_no_best_class() -> None:
    curves = np.arange(12, dtype=np.float32).reshape(2, 2, 3)

    assert Repeat(1.0, 0) == passed(curves[:, ::-1] * 0, curves)


@pytest.mark.parametrize("wrong", [FIRST[:3], np.where(FIRST == 4, np.nan, FIRST), np.where(FIRST == 4, np.inf, FIRST)])
def test_what_has_a_number_once_only_is_apart_by_all(wrong: Floats) -> None:
    """Scores that are lost, and those that are no numbers in one of the passes."""
    assert 1.0 == largest(wrong, FIRST)
    assert 1.0 == largest(FIRST, wrong)


def test_no_number_twice_is_no_difference() -> None:
    """What is no number is told by its own row."""
    nan = np.where(FIRST == 4, np.nan, FIRST)

    assert 0.0 == largest(nan, nan.copy())


def test_the_record_of_a_cell_tells_of_its_second_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Of the batch that is kept for timing, before the record is written; nothing is timed yet."""
    bench, calls = Bench(monkeypatch, tmp_path), list[int]()
    usual = bench.open_engine

    def moody(*given: Any) -> Any:
        engine = usual(*given)
        infer = engine.infer

        def changed(batch: Floats) -> Floats:
            calls.append(len(calls))
            return cast("Floats", infer(batch) + np.float32(0.75 if len(calls) == 3 else 0.0))

        engine.infer = changed
        return engine

    monkeypatch.setattr(engines, "open_engine", moody)
    measure.measure(bench.job)
    told = cell.read(bench.folder).record

    assert (3, 0.25, 0) == (len(calls), told.repeat, told.repeat_flipped)  # scores of the first batch go up to 3


def test_an_older_record_tells_of_no_second_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """It is read all the same, and says that there was none."""
    bench = Bench(monkeypatch, tmp_path)
    measure.measure(bench.job)
    path = bench.folder / cell.RECORD
    path.write_text(path.read_text().replace('"repeat": 0.0', '"repeat_flipped": 0').replace(',\n "repeat_flipped": 0\n}', "\n}"))

    assert "repeat" not in path.read_text().replace("repeat_flipped", "")
    assert cell.read(bench.folder).record.repeat is None
