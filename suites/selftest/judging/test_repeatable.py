"""Scores that differ from those that a device gave before: what is news, and what is FAIL."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from suites.selftest import own_graphs
from suites.selftest.judging.test_beside import CLIPS, GOOD, cell
from tools.judging.recogniser import RecogniserJudge
from tools.judging.repeatable import Again, beside_night, repeatable, second_passes
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell
from tools.measuring.predictions import Predictions
from tools.media.preprocess import Floats
from tools.spec.catalog import load_truth
from tools.spec.truth import FidelityGate

GATE = FidelityGate(max_relative_difference=0.125, min_cosine=0.5, max_flipped_share=0.5)
ROWS = [Judgement("top1", "1", "1", Verdict.PASS, "all right"), Judgement("top5", "1", "1", Verdict.PASS, "all right as well")]


@pytest.fixture(scope="module")
def colours(tmp_path_factory: pytest.TempPathFactory) -> RecogniserJudge:
    own = own_graphs.model(tmp_path_factory.mktemp("own"))
    return RecogniserJudge(own.spec, load_truth(own.models, "colours"), CLIPS, Predictions(CLIPS.ids, GOOD))


def with_pass(made: Cell, apart: float | None, flipped: int = 0) -> Cell:
    """The cell with what a second pass over its first batch showed."""
    [part] = made.parts
    return replace(made, parts=(replace(part, record=replace(part.record, repeat=apart, repeat_flipped=flipped)),))


def test_where_nothing_differs_nothing_is_said() -> None:
    assert ROWS == repeatable(ROWS, [], GATE)


def test_a_difference_within_the_limit_is_news() -> None:
    """The first row tells it, with the largest difference; no verdict changes, and no row is added."""
    first, second = repeatable(ROWS, [Again("a second pass", 0.125, "the largest score")], GATE)

    assert first.meaning.startswith("all right; not repeatable: a second pass differs by up to 1.2e-01 of the largest score; within ")
    assert first.meaning.endswith("within the fidelity limit of 1e-01 and without a flip")
    assert (Verdict.PASS, ROWS[1]) == (first.verdict, second)


@pytest.mark.parametrize(("again", "words"), [
    (Again("it", 0.126, "the range"), "the fidelity limit is 1e-01"),
    (Again("it", 0.001, "the range", flipped=1), "clips with another best class: 1"),
    (Again("it", float("nan"), "the range"), "up to nan"),
])
def test_more_than_that_or_a_flip_fails(again: Again, words: str) -> None:
    """In a row of its own, beside rows that stay as they are."""
    *rows, added = repeatable(ROWS, [again], GATE)

    assert (ROWS, "repeatable", Verdict.FAIL) == (rows, added.metric, added.verdict)
    assert words in added.reason


def test_news_and_failures_are_told_apart() -> None:
    """Two failures are one row with the larger difference; a third that is news stays in the first row."""
    *rows, added = repeatable(ROWS, [Again("a", 0.5, "x"), Again("b", 0.01, "y"), Again("c", 0.75, "z")], GATE)

    assert ("7.5e-01", 0.75) == (added.measured, added.numbers.measured if added.numbers else 0)
    assert ("a differs" in added.meaning, "c differs" in added.meaning, "b differs" in added.meaning) == (True, True, False)
    assert "b differs" in rows[0].meaning


@pytest.mark.parametrize(("apart", "flipped", "words"), [(None, 0, ""), (0.0, 0, ""), (1e-4, 0, "not repeatable: a second pass over the"),
                                                         (0.0, 1, "FAIL"), (0.2, 0, "FAIL")])
def test_a_second_pass_is_judged_with_accuracy(colours: RecogniserJudge, apart: float | None, flipped: int, words: str) -> None:
    """By the fidelity limit of the device; an older record, and one that repeats itself, add nothing."""
    made = cell(GOOD.copy(), itself=False)
    usual, rows = colours.accuracy(made), colours.accuracy(with_pass(made, apart, flipped))

    if words == "FAIL":
        assert (usual, "repeatable", Verdict.FAIL) == (rows[:-1], rows[-1].metric, rows[-1].verdict)
    else:
        assert [one.verdict for one in usual] == [one.verdict for one in rows]
        assert words in rows[0].meaning
        assert (usual == rows) is (not words)


def test_each_network_is_named_where_there_are_several(colours: RecogniserJudge) -> None:
    made = with_pass(cell(GOOD.copy(), itself=False), 0.1)
    two = replace(made, parts=made.parts * 2)

    assert ["a second pass over the first batch"] == [one.what for one in second_passes(made)]
    assert ["a second pass over the first batch of colours"] * 2 == [one.what for one in second_passes(two)]


def predictions(scores: Floats) -> Predictions:
    return Predictions(CLIPS.ids, scores)


def test_nights_of_equal_bits_are_apart_by_nothing() -> None:
    """And scores of other clips are not comparable."""
    ours = predictions(GOOD)
    assert beside_night(ours, predictions(GOOD.copy()), "that night", softmax=False) is None
    assert beside_night(ours, Predictions(CLIPS.ids[::-1], GOOD + 1), "that night", softmax=False) is None
    assert beside_night(ours, Predictions(CLIPS.ids[:-1], GOOD[:-1] + 1), "that night", softmax=False) is None


def test_nights_are_apart_by_a_share_of_the_range() -> None:
    """With the clips whose best class is another; of probabilities the logarithms count."""
    other = GOOD.copy()
    other[0] = other[0] + np.float32(1)
    flipped = GOOD.copy()
    flipped[:2] = np.roll(flipped[:2], 1, axis=1)
    sure = np.where(GOOD > 0, np.float32(0.5), np.float32(0.25))

    risen = beside_night(predictions(GOOD), predictions(other), "that night", softmax=False)
    assert Again("that night", 0.2, "the range of scores") == risen  # which is from 0 to 5
    found = beside_night(predictions(flipped), predictions(GOOD), "that night", softmax=False)
    assert found == Again("that night", 1.0, "the range of scores", 2)
    faint = beside_night(predictions(sure * np.float32(0.25)), predictions(sure), "that night", softmax=True)
    assert faint is not None
    assert (pytest.approx(2.0), 0) == (faint.apart, faint.flipped)


def test_curves_of_nights_have_no_best_class() -> None:
    curves = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    found = beside_night(Predictions(("a", "b"), curves[:, ::-1].copy()), Predictions(("a", "b"), curves), "that night", softmax=False)

    assert found is not None
    assert (pytest.approx(3 / 11), 0) == (found.apart, found.flipped)


@pytest.mark.parametrize(("more", "last"), [(0.0, "top5"), (1e-5, "top5"), (3.0, "repeatable")])
def test_a_judge_holds_a_night_against_an_earlier_one(colours: RecogniserJudge, more: float, last: str) -> None:
    """Each network by its own scores; scores that cannot be judged are not compared."""
    made = cell(GOOD.copy(), itself=False)
    before = GOOD.copy()
    before[0, 0] += np.float32(more)
    judged = colours.accuracy(made)
    rows = colours.beside_night(judged, made, [predictions(before)], "the night of 3 May")

    assert (last, more == 0) == (rows[-1].metric, rows == judged)
    assert (more != 0) is any("the night of 3 May differs by up to" in one.meaning for one in rows)
    broken = cell(np.full_like(GOOD, np.nan), itself=False)
    assert judged == colours.beside_night(judged, broken, [predictions(before)], "the night of 3 May")
