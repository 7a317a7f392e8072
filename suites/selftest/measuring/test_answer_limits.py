"""How far a repeated answer and a device's own times may lie apart, to the step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast, get_args

import numpy as np
import pytest

from tools.measuring import answers, remembered
from tools.measuring.answers import Counted, Kept, doubt
from tools.measuring.timing import WARM_UP
from tools.media.preprocess import Floats
from tools.spec.case import Precision

NEW = [-1.0, -127 / 128, -126 / 128]  # what the batches are multiplied by


class Bound:
    """A network that multiplies by two, and takes *seconds* by the clock for each batch that is put."""

    def __init__(self, seconds: list[float]) -> None:
        self.left, self.now, self.put_in = seconds, 0.0, list[float]()
        self.batch = np.ones((1, 2), np.float32)

    def __call__(self) -> object:
        if self.put_in:
            self.now += self.left.pop(0)
        return self.batch * 2

    def put(self, batch: Floats) -> None:
        self.batch = batch.copy()
        self.put_in.append(float(batch[0, 0]))

    def scores(self, answer: object) -> Floats | None:
        return cast("Floats", answer)


def doubted(monkeypatch: pytest.MonkeyPatch, *seconds: float, usual: float = 1.0, change: Any = None,
            precision: str = "fp32") -> tuple[str, Bound]:
    """What is doubted of three calls of *usual* seconds, where new batches and repeats take *seconds*."""
    bound = Bound([one for each in seconds for one in (each, each)])
    monkeypatch.setattr(remembered, "perf_counter", lambda: bound.now)
    timed = Counted(cast("Any", bound))
    for _ in range(3 + WARM_UP):
        timed()
    scores = bound.batch * 2
    kept = Kept(bound.batch, 1, scores if change is None else change(scores))
    return doubt(timed, [usual] * 3, kept, precision), bound


@pytest.mark.parametrize(("seconds", "words", "put"), [
    ((5.0,), "", NEW[:1]), ((5.01, 5.0), "", NEW[:2]), ((6.0, 7.0, 4.0), "", NEW[:3]),
    ((6.0, 7.0, 5.5), "a batch that was not run before takes 6 times as long", NEW[:3]),
    ((60.0, 17.4, 90.0), "a batch that was not run before takes 17 times as long", NEW[:3]),
])
def test_new_batches_may_take_five_times_as_long(monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], words: str,
                                                 put: list[float]) -> None:
    """The least of three tries; each is of a batch that nobody has run, and that is then repeated."""
    found, bound = doubted(monkeypatch, *seconds)

    assert words == found
    assert [one for each in put for one in (each, each)] == pytest.approx(bound.put_in)


@pytest.mark.parametrize(("precision", "off", "same"), [
    ("fp32", 0.0, True), ("fp32", 1e-6, False), ("fp16", 2.0**-10, True), ("fp16", 1.01 * 2.0**-10, False), ("int8", 2.0**-10, True),
    ("tf32", 2.0**-10, True), ("tf32", 1.01 * 2.0**-10, False),
])
def test_a_repeated_score_may_be_a_step_of_its_precision_off(monkeypatch: pytest.MonkeyPatch, precision: str, off: float,
                                                             same: bool) -> None:
    """Of the largest score; in float32 it is the same bit by bit."""
    found, _ = doubted(monkeypatch, 1.0, change=lambda scores: scores.astype(np.float64) * [1, 1 - off], precision=precision)

    assert ("" if same else "the last timed call did not give the scores that its batch was given before") == found


def test_of_every_precision_that_can_be_asked_for_it_is_known_how_it_repeats_itself() -> None:
    assert {*get_args(Precision)} - {""} == answers.REPEATS.keys()


def test_scores_are_compared_where_they_are_numbers() -> None:
    """With those that are none in the same places, and of one shape."""
    nan, inf = np.array([[1.0, np.nan]], np.float32), np.array([[1.0, np.inf]], np.float32)
    assert answers._same(nan, nan, 0.0)
    assert answers._same(inf, inf, 0.0)
    assert not answers._same(nan, inf, 1.0)
    assert not answers._same(None, nan, 1.0)
    assert not answers._same(nan[0], nan, 1.0)
    assert answers._same(np.empty((0, 2), np.float32), np.empty((0, 2), np.float32), 0.0)


@pytest.mark.parametrize(("each", "fits"), [(1.0, True), (1.001, False), (0.01, True), (0.0099, False)])
def test_a_devices_times_are_a_hundredth_of_ours_at_least_and_all_at_most(each: float, fits: bool) -> None:
    assert fits == (answers._of_another_clock([1.0, 1.0], [each, each]) == "")


def test_each_call_is_counted_and_its_answer_kept() -> None:
    def answering() -> Iterator[int]:
        yield from (7, 8)

    given = answering()
    counted = Counted(cast("Any", lambda: next(given)))
    assert (0, None) == (counted.calls, counted.answer)
    for number, answer in enumerate((7, 8), 1):
        counted()
        assert (number, answer) == (counted.calls, counted.answer)


@pytest.mark.parametrize("more", [-1, 1])
def test_as_many_times_as_calls_are_taken(monkeypatch: pytest.MonkeyPatch, more: int) -> None:
    timed = Counted(cast("Any", Bound([1.0])))
    for _ in range(3 + WARM_UP):
        timed()
    assert f"{3 + more} times were taken of 3 calls" == doubt(timed, [1.0] * (3 + more), cast("Any", None), "fp32")
