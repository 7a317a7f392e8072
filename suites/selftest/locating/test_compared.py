"""A step's array beside mmaction2's: another shape is another array, and what differs is shown."""

from __future__ import annotations

import numpy as np
import pytest

from tools.locating.compared import compared


@pytest.mark.parametrize("ours", [(12,), (4, 3), (2, 2, 3), (6, 2, 0)], ids=["flat", "turned", "cut", "empty"])
def test_another_shape_always_differs(ours: tuple[int, ...]) -> None:
    """Where both have as many values too, and whatever these are."""
    found = compared("proposals", "a", np.ones(ours), np.ones((3, 4)), ("row", "column"), 1e-6)

    assert found.differs
    assert f"its shape is {list(ours)} where mmaction2's is [3, 4]" == found.sentence


def test_many_small_differences_are_shown_where_they_begin() -> None:
    """None is beyond the limit by itself, of values that reach far."""
    theirs = np.full((4, 250), 1e-3)
    theirs[0, 0] = 1.0
    ours = theirs * np.where(theirs < 1, 1.001, 1.0)
    found = compared("proposals", "a", ours, theirs, ("row", "column"), 1e-5)

    assert found.differs
    assert "first at row 0, column 1: 0.001001 where mmaction2 has 0.001; 999 of 1,000 values differ" == found.sentence


@pytest.mark.parametrize(("down", "right"), [(0, 2), (0, -1), (1, 0), (-2, 0), (-1, 1), (2, -2)])
def test_a_picture_that_is_moved_says_by_how_much(down: int, right: int) -> None:
    """Whichever way; what comes in at its edge is another part of the scene."""
    scene = np.random.default_rng(1).integers(0, 256, (2, 12, 14)).astype(np.float64)
    ours, theirs = scene[:, 3 - down : 9 - down, 3 - right : 11 - right], scene[:, 3:9, 3:11]
    found = compared("normalised", "a", ours, theirs, ("frame", "row", "column"), 0.0)

    assert found.sentence.endswith(f"the picture is moved by {down} rows and {right} columns")
