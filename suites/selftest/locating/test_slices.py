"""A Slice that takes as many values from another place: one aside, or the other end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.small import device, named, node, normal, weights, whole

FIRST, LAST, SIZE = 4, 7, 9


def told(place: int) -> list[str]:
    """What is said of a device whose Slice begins at *place*, the likeliest cause first."""
    feeds, held = {"x": normal(2, SIZE, 5)}, {"begins": np.array([FIRST]), "ends": np.array([LAST]), "axes": np.array([1])}
    graph = whole([node("Slice", ["x", *held], "y")], feeds, held)

    def changed(model: Any) -> None:
        weights("begins", lambda value: value.__setitem__(0, place))(model)
        weights("ends", lambda value: value.__setitem__(0, place + LAST - FIRST))(model)

    return [one.sentence for one in named(graph, feeds, device(changed))]


@pytest.mark.parametrize("place", [FIRST - 1, FIRST + 1, SIZE - LAST])
def test_the_place_that_it_takes_is_told(place: int) -> None:
    """On an axis so long that no two of these are one."""
    assert f"it takes {place}:{place + LAST - FIRST} where the graph says {FIRST}:{LAST}" == told(place)[0]


@pytest.mark.parametrize("place", [0, FIRST + 2])
def test_a_place_further_away_is_not_guessed(place: int) -> None:
    """What was not tried explains nothing."""
    assert not [sentence for sentence in told(place) if sentence.startswith("it takes")]
