"""How far one tensor lies from another."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from tools.locating import difference as blocks
from tools.locating.difference import NONE, beside, cosine, difference, rows_of, worst
from tools.locating.values import Difference

THEIRS = np.array([1.0, -2.0, 3.0, 4.0], np.float32)
HALF_MAX = 65504.0


def test_tensors_that_are_the_same_do_not_differ() -> None:
    """Whatever they hold."""
    for values in (THEIRS, np.array([inf, -inf, 1.0]), np.zeros(0), np.zeros(3, np.int64), np.array([True, False])):
        assert difference(values.copy(), values) == NONE


def test_a_factor_is_the_difference_that_it_makes() -> None:
    """One percent more is one percent of the root mean square; the direction stays."""
    found = difference(THEIRS * 1.01, THEIRS.astype(np.float64))

    assert found.rms == pytest.approx(0.01)
    assert found.relative == pytest.approx(0.04 / 6)
    assert found.cosine == pytest.approx(1.0)
    assert found.unusual == found.unknown == 0


def test_blocks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tensor of many blocks differs as it does in one, strange values included."""
    rng = np.random.default_rng(1)
    theirs = rng.normal(size=(11, 7)).astype(np.float32)
    ours = theirs + rng.normal(size=theirs.shape).astype(np.float32) / 100
    ours[2, 3], ours[9, 1], theirs[4, 4] = inf, HALF_MAX, nan
    at_once = difference(ours, theirs)
    monkeypatch.setattr(blocks, "BLOCK", 5)

    in_blocks = difference(ours, theirs)
    assert [in_blocks.relative, in_blocks.rms, in_blocks.cosine] == pytest.approx([at_once.relative, at_once.rms, at_once.cosine])
    assert (2 / 77, 1 / 77) == (in_blocks.unusual, in_blocks.unknown) == (at_once.unusual, at_once.unknown)


def test_one_wrong_item_shows_among_many_right_ones() -> None:
    """A batch is judged by its worst item; one that is next to nothing is held against the others' size."""
    theirs = np.random.default_rng(2).normal(size=(32, 100))
    ours = theirs.copy()
    ours[7] *= 1.1
    assert difference(ours, theirs, 32).rms == pytest.approx(0.1, rel=0.2)
    assert difference(ours, theirs).rms < 0.02

    theirs[7], ours[7] = 1e-9, 2e-9
    assert difference(ours, theirs, 32).rms < 1e-8
    ours[7, 0] = nan
    assert difference(ours, theirs, 32).unusual == pytest.approx(1 / 3200)


@pytest.mark.parametrize(("shape", "rows"), [((32, 5), 4), ((4, 1), 1), ((4,), 1), ((6, 5), 1), ((4, 0), 1), ((), 1)])
def test_the_items_of_a_batch_are_those_of_the_first_axis(shape: tuple[int, ...], rows: int) -> None:
    """Frames of an item lie behind each other; a single value has no size of its own."""
    assert rows == rows_of(np.zeros(shape), 4)


@pytest.mark.parametrize("strange", [inf, -inf, nan, HALF_MAX, -HALF_MAX])
def test_values_beyond_a_range_are_unusual(strange: float) -> None:
    """Where the reference has an ordinary one; the error is then beyond any limit."""
    found = difference(np.array([1.0, -2.0, strange, 4.0]), THEIRS)

    assert found.unusual == 0.25
    assert found.weight == inf


@pytest.mark.parametrize("strange", [inf, -inf, nan, HALF_MAX])
def test_values_that_are_strange_in_the_reference_are_no_fault(strange: float) -> None:
    """What a device makes of them is no error and not unusual; of NaN it is told that nothing is known."""
    theirs = np.array([1.0, -2.0, strange, 4.0])
    found = difference(np.array([1.0, -2.0, strange, 4.004]), theirs)

    assert found.unusual == 0
    assert found.weight < 0.01
    assert found.unknown == (0.25 if np.isnan(strange) else 0)


@pytest.mark.parametrize(("ours", "unusual"), [(inf, 0), (HALF_MAX, 0), (-inf, 0.25), (-HALF_MAX, 0.25), (1.0, 0.25), (nan, 0.25)])
def test_an_infinite_value_is_itself_or_where_half_precision_ends(ours: float, unusual: float) -> None:
    """Anything else that a device makes of it is unusual."""
    assert unusual == difference(np.array([1.0, -2.0, ours, 4.0]), np.array([1.0, -2.0, inf, 4.0])).unusual


def test_a_tensor_without_a_number_is_no_right_one() -> None:
    """Its error is told as infinite, and its cosine as none."""
    assert difference(np.full(4, nan), THEIRS) == Difference(inf, inf, 0.0, 1.0)


def test_nothing_is_known_where_the_reference_is_no_number() -> None:
    assert 1.0 == difference(THEIRS, np.full(4, nan)).unknown


def test_something_where_nothing_should_be_is_beyond_any_limit() -> None:
    """A reference of zeros has no size to hold an error against."""
    assert difference(np.array([0.0, 1e-3]), np.zeros(2)).weight == inf


def test_what_is_left_of_nothing_is_held_against_what_it_was_made_of() -> None:
    """Of nothing but nothing it is beyond any limit."""
    left = np.array([0.0, 1e-6, -1e-6, 0.0])

    assert beside(left, np.zeros(4), [np.array([inf, 2.0, -2.0]), np.zeros(3)]).rms == pytest.approx(1e-6 / np.sqrt(2) / 2)
    assert beside(left, np.zeros(4), [np.zeros(3)]).weight == beside(left, np.zeros(4), []).weight == inf


def test_another_number_of_values_is_another_tensor() -> None:
    """It differs as much as can be."""
    assert difference(THEIRS[:3], THEIRS) == Difference(inf, inf, 0.0, 1.0)


def test_whole_numbers_are_compared_as_numbers() -> None:
    """An index that is one off is off by that share."""
    found = difference(np.array([10, 21]), np.array([10, 20]))

    assert found.relative == pytest.approx(0.1)
    assert found.rms == pytest.approx(1 / np.sqrt(500))


def test_a_cosine_of_nothing() -> None:
    """Two vectors of nothing point the same way; one of them and another do not."""
    nothing, something = np.zeros(3), np.ones(3)

    assert (1.0, 0.0) == (cosine(nothing, nothing), cosine(nothing, something))
    assert cosine(something, -something) == pytest.approx(-1)


def test_the_worst_of_several_is_that_of_each_number() -> None:
    """The largest errors and shares, and the least cosine."""
    assert worst([]) == NONE
    assert worst([Difference(1, 0, 0.5, 0.25, 0), Difference(0, 2, 0.75, 0, 0.5)]) == Difference(1, 2, 0.5, 0.25, 0.5)
